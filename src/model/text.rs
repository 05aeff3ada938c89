//! Text from outside, made fit for terminals and logs: one place decides which characters may not be
//! shown as they are, because they move the cursor, end a line, turn text around or cannot be seen.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a character would act on a terminal or deceive its reader instead of showing itself:
/// controls, ends of lines, marks of direction, formats and fillers without width, spaces other than
/// the plain one, and code points that mean nothing.
fn is_deceptive(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    match character {
        // Letters and marks to Unicode, and yet never seen.
        '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}' => {
            true
        }
        // They choose between forms of the character before them.
        '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' => true,
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => !is_printable(character),
    }
}

/// The standard library's table. It is asked behind a letter, where a combining mark is printable.
fn is_printable(character: char) -> bool {
    let mut octets = [b'a', 0, 0, 0, 0];
    let (_, rest) = octets.split_at_mut(1);
    let len = 1 + character.encode_utf8(rest).len();
    let text = octets.get(..len).and_then(|octets| std::str::from_utf8(octets).ok());
    text.is_some_and(|text| text.escape_debug().nth(1) == Some(character))
}

/// `text` with its deceptive characters as `\n`, `\u{202e}` and so on; what is escaped already stays.
pub fn printable(text: &str) -> Cow<'_, str> {
    replaced(text, is_deceptive, escape)
}

/// A JSON document that says the same, without deceptive characters in its texts. Its own line ends,
/// between texts, stay.
pub fn printable_json(document: &str) -> Cow<'_, str> {
    replaced(
        document,
        |character| is_deceptive(character) && character != '\n',
        |out, character| {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a `String` does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        },
    )
}

/// A line of a file as an excerpt shows it: as many characters as it has, so that columns stay. Tabs
/// stay, too.
pub fn excerpt(line: &str) -> Cow<'_, str> {
    replaced(
        line,
        |character| is_deceptive(character) && character != '\t',
        |out, character| {
            // Unicode has a picture of each control.
            let picture = match u32::from(character) {
                control @ 0..=0x1f => char::from_u32(0x2400 + control),
                0x7f => Some('\u{2421}'),
                _ => None,
            };
            out.push(picture.unwrap_or(char::REPLACEMENT_CHARACTER));
        },
    )
}

fn escape(out: &mut String, character: char) {
    if character.is_ascii() {
        out.extend(character.escape_debug());
    } else {
        out.extend(character.escape_unicode());
    }
}

fn replaced(
    text: &str,
    is_wrong: impl Fn(char) -> bool,
    replace: impl Fn(&mut String, char),
) -> Cow<'_, str> {
    let Some(first) = text.find(&is_wrong) else { return Cow::Borrowed(text) };
    let (good, rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(good);
    for character in rest.chars() {
        if is_wrong(character) {
            replace(&mut out, character);
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

/// Lets what is written through it pass as [`printable`] text.
pub struct Printing<W>(pub W);

impl<W: Write> Write for Printing<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(&printable(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DECEPTIVE: &str = "\0\x07\x08\t\n\r\x1b\x7f\u{80}\u{85}\u{9b}\u{9f}\u{a0}\u{ad}\u{34f}\u{600}\u{61c}\
        \u{115f}\u{180b}\u{180e}\u{180f}\u{fe00}\u{fe0f}\u{200b}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
        \u{2060}\u{2064}\u{2065}\u{2066}\u{2067}\u{2068}\u{2069}\u{206f}\u{3000}\u{3164}\u{e000}\u{feff}\u{ffa0}\
        \u{fff9}\u{fffb}\u{110bd}\u{1bca0}\u{1d173}\u{e0001}\u{e0041}\u{e007f}\u{e01ef}\u{10ffff}";

    #[test]
    fn what_moves_hides_or_turns_text_is_escaped_and_the_rest_is_not() {
        for character in DECEPTIVE.chars() {
            let shown = printable(character.encode_utf8(&mut [0; 4])).into_owned();
            assert!(shown.starts_with('\\') && shown.is_ascii(), "{character:?}: {shown}");
        }
        assert_eq!(printable("a\nb\u{1b}[2J\u{202e}"), "a\\nb\\u{1b}[2J\\u{202e}");
        for plain in ["", "web-1 'x' \"y\" C:\\n", "grün 東京 ελ שלום กำ e\u{301} ✔ \u{fffd} 🙂"]
        {
            assert!(matches!(printable(plain), Cow::Borrowed(_)), "{plain}");
        }
    }

    #[test]
    fn a_document_says_the_same_and_keeps_its_own_line_ends() {
        let document = serde_json::to_string_pretty(&[DECEPTIVE]).unwrap();
        let shown = printable_json(&document);
        assert!(shown.is_ascii() && shown.matches('\n').count() == 2, "{shown}");
        assert_eq!(serde_json::from_str::<[String; 1]>(&shown).unwrap(), [DECEPTIVE]);
    }

    #[test]
    fn an_excerpt_has_as_many_characters_as_its_line() {
        assert_eq!(excerpt("\ta\u{1b}b\u{7f}\u{202e}c"), "\ta\u{241b}b\u{2421}\u{fffd}c");
        assert_eq!(excerpt(DECEPTIVE).chars().count(), DECEPTIVE.chars().count());
    }

    #[test]
    fn what_is_written_in_pieces_is_escaped() {
        let mut out = Printing(String::new());
        let (shown, quoted) = ("a\u{9b}", "b\n");
        write!(out, "{shown} {quoted:?}").unwrap();
        assert_eq!(out.0, "a\\u{9b} \"b\\n\"");
    }

    proptest! {
        #[test]
        fn nothing_deceptive_is_left_and_twice_is_once(text in any::<String>()) {
            let shown = printable(&text).into_owned();
            prop_assert!(!shown.chars().any(is_deceptive));
            prop_assert_eq!(&*printable(&shown), &*shown);
            let document = serde_json::to_string(&text).unwrap();
            let shown = printable_json(&document);
            prop_assert!(!shown.chars().any(is_deceptive));
            prop_assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), text);
        }
    }
}
