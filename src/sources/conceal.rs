//! Takes user names and passwords of URLs out of what is shown of a file.

use std::ops::Range;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;

/// `text` with `*` for each octet of what may be a user name or password, so that every place in it
/// stays where it is. It may be a file of any format, or a complaint about one.
pub(super) fn conceal(text: Arc<str>) -> Arc<str> {
    concealed(&text).map_or(text, Arc::from)
}

/// The same for complaints about a file of which `text` may be shown: they show the lines that they
/// are about.
pub(super) fn conceal_in(diagnostics: &mut [Diagnostic], text: &Arc<str>) {
    for diagnostic in diagnostics {
        diagnostic.text = Arc::clone(text);
        for words in [&mut diagnostic.message, &mut diagnostic.label] {
            if let Some(concealed) = concealed(words) {
                *words = concealed;
            }
        }
    }
}

/// `None` when there is nothing to conceal.
fn concealed(text: &str) -> Option<String> {
    if !text.contains('@') {
        return None;
    }
    let (mut shown, mut at) = (String::new(), 0);
    for token in tokens(text) {
        let Some(secret) = text.get(token.clone()).and_then(secret) else { continue };
        let secret = token.start + secret.start..token.start + secret.end;
        shown.push_str(text.get(at..secret.start)?);
        shown.extend(secret.clone().map(|_| '*'));
        at = secret.end;
    }
    (at > 0).then(|| shown + text.get(at..).unwrap_or_default())
}

/// What stands between quotes in a line and, outside of them, between spaces. The quotes need not
/// be well paired: all three formats of files, and sentences, are cut well enough.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let octets = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + octets.get(at..)?.iter().position(|octet| !octet.is_ascii_whitespace())?;
        let quote = octets.get(start).copied().filter(|octet| matches!(octet, b'"' | b'\''));
        let (mut end, mut is_escaped) = (start + usize::from(quote.is_some()), false);
        let token_start = end;
        while let Some(octet) = octets.get(end) {
            let ends = match quote {
                Some(quote) => *octet == b'\n' || *octet == quote && !is_escaped,
                None => octet.is_ascii_whitespace() || matches!(octet, b'"' | b'\''),
            };
            if ends {
                break;
            }
            is_escaped = quote == Some(b'"') && *octet == b'\\' && !is_escaped;
            end += 1;
        }
        at = end + usize::from(quote.is_some());
        Some(token_start..end)
    })
}

/// From the beginning of a URL's authority (JSON may write `\/\/`) to the last `@`. A token without
/// `//` may be a URL with a mistake: it must have a colon then, or addresses of mail would go too.
fn secret(token: &str) -> Option<Range<usize>> {
    let (before, _) = token.rsplit_once('@')?;
    let slashes = ["//", r"\/\/"]
        .into_iter()
        .filter_map(|slashes| before.find(slashes).map(|at| at + slashes.len()));
    let start = slashes.min().or_else(|| before.contains(':').then_some(0))?;
    (start < before.len()).then_some(start..before.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        conceal(text.into()).to_string()
    }

    #[test]
    fn what_stands_before_the_host_is_starred() {
        for (text, wanted) in [
            (r#"http = "http://me:secret@a/x""#, r#"http = "http://*********@a/x""#),
            ("http = 'http://me:a\"b@a/'", "http = 'http://******@a/'"),
            (r#"{"http":"http:\/\/me:a\"b@a\/"}"#, r#"{"http":"http:\/\/*******@a\/"}"#),
            (r#"http = "http://me:two words@a/"#, r#"http = "http://************@a/"#),
            ("http = http://me:s/c?r#t@a/", "http = http://**********@a/"),
            ("http = \"me:p@ss@a:80\" # b", "http = \"*******@a:80\" # b"),
            ("http = \"https://tökn@a\"", "http = \"https://*****@a\""),
            ("a\r\n\thttp://u:p@h\r\n", "a\r\n\thttp://***@h\r\n"),
        ] {
            assert_eq!(shown(text), wanted);
        }
    }

    #[test]
    fn other_text_is_left_as_it_is() {
        for text in [
            "mail = \"admin@example.com\"",
            "http = \"http://a/\"\nmail = \"admin@example.com\"",
            "http = \"/@me\"",
            "# don't @ me: \"a\"",
            "",
            "@",
        ] {
            assert_eq!(shown(text), text);
        }
    }

    proptest! {
        #[test]
        fn every_place_stays_where_it_is(text in r#"[a-zé:@/\\"' \n#]{0,40}"#) {
            let text: Arc<str> = text.into();
            let shown = conceal(Arc::clone(&text));
            prop_assert_eq!(shown.len(), text.len());
            for (octet, starred) in text.bytes().zip(shown.bytes()) {
                prop_assert!(octet == starred || starred == b'*' && octet != b'\n');
            }
        }

        #[test]
        fn no_password_in_quotes_is_shown(
            password in r"[A-Z/?#@:%.]{0,6}[A-Z]{4}[A-Z/?#@:%.]{0,6}",
            end in "[a-z/@.]{0,8}",
        ) {
            for (open, close) in [("\"", "\""), ("'", "'"), ("\"", "")] {
                let text = format!("http = {open}http://user:{password}@{end}{close}\nport = 1\n");
                let shown = shown(&text);
                prop_assert!(!shown.bytes().any(|octet| octet.is_ascii_uppercase()), "{}", shown);
            }
        }
    }
}
