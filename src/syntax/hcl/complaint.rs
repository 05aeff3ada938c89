//! What to write instead of what the parser could not read.

pub(super) struct SyntaxError<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) words: &'a str,
}

pub(super) struct Complaint {
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) label: String,
}

impl SyntaxError<'_> {
    /// Where it is something that HCL 1 allows or that is easily slipped, what to write.
    pub(super) fn complaint(&self) -> Complaint {
        let (before, rest) = self.text.split_at_checked(self.at).unwrap_or((self.text, ""));
        let (last, next) = (before.chars().next_back(), rest.chars().next());
        if self.words.contains("redefined") {
            let word: String = rest.chars().take_while(|c| is_word(*c) || *c == '"').collect();
            let message = format!("duplicate key {:?}", word.trim_matches('"'));
            return Complaint { at: self.at, message, label: "remove one of them".to_owned() };
        }
        let unit = |c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E');
        if last.is_some_and(|c| c.is_ascii_digit()) && next.is_some_and(unit) {
            return self.unit(before, rest);
        }
        let (message, label) = match next {
            _ if self.words.contains("nesting depth") => {
                ("nested too deeply", "use at most 64 levels")
            }
            // The parser stays on the last character.
            _ if rest.trim().is_empty() => {
                ("unexpected end of file", "a '}', a ']' or a '\"' is missing")
            }
            Some('\'') => ("a string must be in double quotes", "write \"…\""),
            _ if self.words.contains("invalid object item") => (
                "items of an object on one line must be separated by commas",
                "write a comma before this: { a = 1, b = 2 }",
            ),
            Some('"') if last.is_none_or(|c| c.is_whitespace() || c == '{') => {
                return self.quoted(rest);
            }
            _ if self.words.contains("invalid block body") => {
                ("a block on one line can have only one key", "write each key on its own line")
            }
            Some('\n') if self.words.contains("expected `{`") => (
                "this line is neither a key nor a block",
                "write KEY = VALUE, put # before a comment, or remove the line",
            ),
            Some(',') if self.words.contains("newline") => {
                ("keys in a block must not be separated by commas", "remove the comma")
            }
            _ if self.words.contains("newline") => {
                ("expected the end of the line", "write this on its own line")
            }
            _ => (self.words, ""),
        };
        Complaint { at: self.at, message: message.to_owned(), label: label.to_owned() }
    }

    /// A text in quotes where a key, or the name of a block, is expected.
    fn quoted(&self, rest: &str) -> Complaint {
        let (text, after) =
            rest.get(1..).and_then(|rest| rest.split_once('"')).unwrap_or((rest, ""));
        let is_key = !text.is_empty() && text.chars().all(is_word);
        let (message, label) = match after.trim_start_matches([' ', '\t']).chars().next() {
            Some('=') if is_key => {
                ("a key in a block must not be quoted", format!("write {text} = …"))
            }
            Some(':') if is_key => (
                "a key in a block must not be quoted",
                format!("write {text} = …; a JSON file begins with '{{'"),
            ),
            Some('{' | '"') if is_key => {
                ("the name of a block must not be quoted", format!("write {text} {{ … }}"))
            }
            _ => (
                "this string has no key",
                "write KEY = before it, put # before a comment, or remove it".to_owned(),
            ),
        };
        Complaint { at: self.at, message: message.to_owned(), label }
    }

    /// `10s` without quotes.
    fn unit(&self, before: &str, rest: &str) -> Complaint {
        let start = before.rfind(|c: char| !is_word(c) && c != '.').map_or(0, |at| at + 1);
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let text = self.text.get(start..self.at + end).unwrap_or_default();
        let label = format!("write {text:?}");
        Complaint {
            at: start,
            message: "a number with a unit must be in double quotes".to_owned(),
            label,
        }
    }
}

pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}
