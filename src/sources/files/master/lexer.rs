//! Cuts a master file into entries and tokens (RFC 1035 section 5.1), going on after a mistake.

use std::ops::Range;

/// One token, as written: quotes, escapes and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) text: &'t str,
    pub(super) span: Range<usize>,
}

/// One entry: what stands on a line, or on several between parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// Whether it begins with a blank, and so is of the last owner.
    pub(super) is_indented: bool,
    pub(super) tokens: Vec<Token<'t>>,
    /// What cannot be read; the tokens are of no use then.
    pub(super) mistake: Option<Mistake>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) span: Range<usize>,
    pub(super) message: &'static str,
    pub(super) advice: &'static str,
}

/// The entries of a text, in order; empty lines are none.
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    /// Whether a parenthesis was found that is never closed: no later one is then, either, and
    /// need not be followed to the end of the file.
    never_closes: bool,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        // A byte order mark is no blank and no owner.
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at, never_closes: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// To the end of the line, which is left to be read.
    fn skip_line(&mut self) {
        let rest = self.text.get(self.at..).unwrap_or_default();
        self.at += rest.find('\n').unwrap_or(rest.len());
    }

    /// What stands up to the next line feed that no parenthesis holds.
    fn entry(&mut self) -> Entry<'t> {
        let is_indented = matches!(self.peek(), Some(b' ' | b'\t'));
        let mut entry = Entry { is_indented, tokens: Vec::new(), mistake: None };
        let mut opened: Option<usize> = None;
        while let Some(octet) = self.peek() {
            match octet {
                b'\n' if opened.is_none() => {
                    self.at += 1;
                    return entry;
                }
                b' ' | b'\t' | b'\r' | b'\n' => self.at += 1,
                b';' => self.skip_line(),
                b'(' if opened.is_some() => {
                    self.refuse(&mut entry, "nested parenthesis", "remove it");
                }
                b'(' if self.never_closes => {
                    self.never_closed(&mut entry, self.at);
                    return entry;
                }
                b'(' => {
                    opened = Some(self.at);
                    self.at += 1;
                }
                b')' if opened.take().is_none() => {
                    let advice = "remove it, or add the opening parenthesis";
                    self.refuse(&mut entry, "closing parenthesis without an opening one", advice);
                }
                b')' => self.at += 1,
                _ => self.token(&mut entry),
            }
        }
        if let Some(open) = opened {
            self.never_closes = true;
            self.never_closed(&mut entry, open);
        }
        entry
    }

    fn never_closed(&mut self, entry: &mut Entry<'t>, open: usize) {
        entry.mistake = entry.mistake.take().filter(|mistake| mistake.span.start < open);
        entry.mistake.get_or_insert(Mistake {
            span: open..open + 1,
            message: "unclosed parenthesis",
            advice: "write ) after the last value",
        });
        self.resume_after(open);
    }

    fn refuse(&mut self, entry: &mut Entry<'t>, message: &'static str, advice: &'static str) {
        let span = self.at..self.at + 1;
        entry.mistake.get_or_insert(Mistake { span, message, advice });
        self.at += 1;
    }

    /// After a parenthesis that is never closed: the next line that begins with an owner or a
    /// directive is taken for the next entry.
    fn resume_after(&mut self, open: usize) {
        let rest = self.text.get(open..).unwrap_or_default();
        let begins = |at: &usize| {
            rest.as_bytes()
                .get(at + 1)
                .is_some_and(|next| !matches!(next, b' ' | b'\t' | b'\r' | b'\n' | b';' | b')'))
        };
        let next = rest.match_indices('\n').map(|(at, _)| at).find(begins);
        self.at = next.map_or(self.text.len(), |at| open + at + 1);
    }

    /// A word, a quoted string, or both without a blank between (`alpn="h2,h3"`).
    fn token(&mut self, entry: &mut Entry<'t>) {
        let start = self.at;
        let mut quote: Option<usize> = None;
        while let Some(octet) = self.peek() {
            match octet {
                // An escape is two octets here: of `\DDD`, two more digits follow as themselves.
                b'\\' if !matches!(self.text.as_bytes().get(self.at + 1), None | Some(b'\n')) => {
                    self.at += 1;
                    self.at += self.text.get(self.at..).map_or(1, first_len);
                    continue;
                }
                b'\n' => break,
                b'"' if quote.is_some() => {
                    self.at += 1;
                    quote = None;
                    break;
                }
                b'"' => quote = Some(self.at),
                b' ' | b'\t' | b'\r' | b'(' | b')' | b';' if quote.is_none() => break,
                _ => (),
            }
            self.at += 1;
        }
        if let Some(open) = quote {
            entry.mistake.get_or_insert(Mistake {
                span: open..self.at,
                message: "unclosed quoted string",
                advice: "write the closing quote on the same line",
            });
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        entry.tokens.push(Token { text, span: start..self.at });
    }
}

/// How many octets the first character takes.
fn first_len(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

impl<'t> Iterator for Lexer<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        while self.at < self.text.len() {
            let entry = self.entry();
            if !entry.tokens.is_empty() || entry.mistake.is_some() {
                return Some(entry);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(bool, Vec<&str>)> {
        Lexer::new(text)
            .map(|entry| (entry.is_indented, entry.tokens.iter().map(|t| t.text).collect()))
            .collect()
    }

    #[test]
    fn an_entry_is_a_line_or_what_parentheses_hold() {
        let text =
            "\u{feff}a A 1 ; c ( \r\n\n; x\n\tMX (10\n b) ; y\nc TXT \"a ; b\" k=\"v w\" d\\ e\\\"";
        let expected = [
            (false, vec!["a", "A", "1"]),
            (true, vec!["MX", "10", "b"]),
            (false, vec!["c", "TXT", "\"a ; b\"", "k=\"v w\"", "d\\ e\\\""]),
        ];
        assert_eq!(lines(text), expected);
    }

    #[test]
    fn after_an_open_parenthesis_the_next_owner_is_read() {
        let entries: Vec<_> = Lexer::new("a SOA b (\n 1\n 2\nc A 1\n").collect();
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].mistake.as_ref().unwrap().span, 8..9);
        assert_eq!(entries[1].tokens[0].text, "c");
    }

    #[test]
    fn of_many_parentheses_that_are_never_closed_one_is_followed_to_the_end() {
        let text = "a A (\n".repeat(100_000);
        let entries: Vec<_> = Lexer::new(&text).collect();
        assert_eq!(entries.len(), 100_000);
        let told = |entry: &Entry<'_>| entry.mistake.as_ref().unwrap().message;
        assert!(entries.iter().all(|e| told(e) == "unclosed parenthesis"));
        let tokens: usize = entries.iter().map(|entry| entry.tokens.len()).sum();
        assert_eq!(tokens, 2 * 100_000 + 2 * 99_999, "each once, and once more by the first");
        // One that is closed stands before it, and is read as it is.
        let entries: Vec<_> = Lexer::new("a A (1\n)\nb A (\nc A ( 2\n ; )\nd A 1\n").collect();
        let owners: Vec<_> = entries.iter().map(|entry| entry.tokens[0].text).collect();
        assert_eq!(owners, ["a", "b", "c", "d"]);
        assert!(entries[0].mistake.is_none() && entries[3].mistake.is_none());
    }

    #[test]
    fn a_string_ends_on_its_line() {
        let entries: Vec<_> = Lexer::new("a TXT \"b\nc A 1\\\n").collect();
        assert_eq!(entries[0].mistake.as_ref().unwrap().span, 6..8);
        assert_eq!(entries[1].tokens[2].text, "1\\");
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_an_end(text in "[a-z\\\\\" ();\n\tß]{0,60}") {
            for entry in Lexer::new(&text) {
                for token in entry.tokens {
                    proptest::prop_assert_eq!(&text[token.span.clone()], token.text);
                }
            }
        }
    }
}
