//! The tokens of an expression.

/// What is wrong, and the octet at which.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) at: usize,
    pub(super) words: String,
}

/// With the octet at which it begins.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    Equal,
    NotEqual,
    /// `Service.Meta["a-b"]`: a selector, a keyword or a bare value.
    Path(Vec<String>),
    Number(String),
    Text(String),
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Mistake> {
    let mut lexer = Lexer { text, rest: text };
    let mut tokens = Vec::new();
    loop {
        lexer.rest = lexer.rest.trim_start_matches(SPACE);
        let at = lexer.at();
        let Some(first) = lexer.rest.chars().next() else { return Ok(tokens) };
        let kind = match first {
            '(' => lexer.symbol(1, Kind::Open),
            ')' => lexer.symbol(1, Kind::Close),
            '=' if lexer.rest.starts_with("==") => lexer.symbol(2, Kind::Equal),
            '!' if lexer.rest.starts_with("!=") => lexer.symbol(2, Kind::NotEqual),
            '"' | '`' => Kind::Text(lexer.text()?),
            '-' | '0'..='9' => lexer.number()?,
            'a'..='z' | 'A'..='Z' => lexer.path()?,
            other => {
                let words = format!("{other:?} has no meaning here: write values in double quotes");
                return Err(Mistake { at, words });
            }
        };
        tokens.push(Token { at, kind });
    }
}

struct Lexer<'a> {
    text: &'a str,
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    fn at(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn wrong<T>(&self, words: impl Into<String>) -> Result<T, Mistake> {
        Err(Mistake { at: self.at(), words: words.into() })
    }

    fn symbol(&mut self, octets: usize, kind: Kind) -> Kind {
        self.rest = self.rest.get(octets..).unwrap_or_default();
        kind
    }

    /// Takes what stands before the first character that `belongs` does not take.
    fn take(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn number(&mut self) -> Result<Kind, Mistake> {
        let begin = Self { ..*self };
        let number = self.take(|c| !SPACE.contains(&c) && c != '(' && c != ')');
        let digits = number.strip_prefix('-').unwrap_or(number);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty();
        let has_zero = whole.len() > 1 && whole.starts_with('0');
        if !all_digits(whole) || !all_digits(fraction) || has_zero {
            return begin.wrong(format!("{number:?} is not a number: write text in double quotes"));
        }
        Ok(Kind::Number(number.to_owned()))
    }

    fn path(&mut self) -> Result<Kind, Mistake> {
        let mut path = vec![self.word().to_owned()];
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    return self.wrong("a name must follow the dot: write other keys as [\"key\"]");
                }
                path.push(self.word().to_owned());
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                self.rest = rest.trim_start_matches(SPACE);
                if !self.rest.starts_with(['"', '`']) {
                    return self.wrong("a key in quotes must follow the bracket");
                }
                path.push(self.text()?);
                self.rest = self.rest.trim_start_matches(SPACE);
                let Some(rest) = self.rest.strip_prefix(']') else {
                    return self.wrong("the bracket is not closed: write ] after the key");
                };
                self.rest = rest;
            } else if self.rest.starts_with(|c: char| !SPACE.contains(&c) && !"()=!".contains(c)) {
                return self.wrong("a bare word ends here: write text in double quotes");
            } else {
                return Ok(Kind::Path(path));
            }
        }
    }

    fn word(&mut self) -> &'a str {
        self.take(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// What stands in quotes; within double ones, with Go's escapes, of which `\"` is none.
    fn text(&mut self) -> Result<String, Mistake> {
        let begin = Self { ..*self };
        let quote = if self.rest.starts_with('"') { '"' } else { '`' };
        let inner = self.rest.get(1..).unwrap_or_default();
        let Some((inner, rest)) = inner.split_once(quote) else {
            return begin.wrong(format!("the text is not closed: write {quote} at its end"));
        };
        self.rest = rest;
        if quote == '`' {
            return Ok(inner.replace('\r', ""));
        }
        match unescape(inner) {
            Some(text) => Ok(text),
            None => begin.wrong(
                "a line end or an escape that is not known stands in double quotes: write \\n, or \
                 the text in backticks",
            ),
        }
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut unescaped = String::new();
    let mut rest = text;
    while let Some(end) = rest.find(['\\', '\n']) {
        let (plain, escape) = rest.split_at(end);
        unescaped.push_str(plain);
        let mut behind = escape.strip_prefix('\\')?.chars();
        let (character, digits) = match behind.next()? {
            'a' => ('\u{7}', 0),
            'b' => ('\u{8}', 0),
            'f' => ('\u{c}', 0),
            'n' => ('\n', 0),
            'r' => ('\r', 0),
            't' => ('\t', 0),
            'v' => ('\u{b}', 0),
            '\\' => ('\\', 0),
            'x' => (code(behind.as_str(), 2).filter(char::is_ascii)?, 2),
            'u' => (code(behind.as_str(), 4)?, 4),
            'U' => (code(behind.as_str(), 8)?, 8),
            _ => return None,
        };
        unescaped.push(character);
        rest = behind.as_str().get(digits..)?;
    }
    unescaped.push_str(rest);
    Some(unescaped)
}

fn code(text: &str, digits: usize) -> Option<char> {
    let digits = text.get(..digits)?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok()).flatten().and_then(char::from_u32)
}
