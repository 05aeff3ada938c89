//! `[cookies]`: the secrets that server cookies are made with, which nothing may show.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;
use crate::syntax::tree::{Tree, Value};

/// 128 bits, in hexadecimal digits.
const DIGITS: usize = 32;
/// No other value of livezone.toml has so many hexadecimal digits in a row.
const SUSPICIOUS: usize = 12;

/// A secret that servers of one address share (RFC 9018 section 5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 16]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// `[cookies]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    /// What cookies are made with. `None` leaves it to the start of the server to draw one; where
    /// nobody does, no cookies are given.
    pub secret: Option<Secret>,
    /// What their cookies are still, or already, believed by.
    pub previous: Vec<Secret>,
}

/// Reads the table. Its complaints never repeat a value.
pub(super) fn read(mut reader: Reader<'_>) -> Cookies {
    let secret = reader.entry("secret").and_then(|(_, tree)| match &tree.value {
        Value::String(text) if text.is_empty() => None,
        _ => secret(reader.report, tree),
    });
    let previous = match reader.entry("previous") {
        Some((_, Tree { value: Value::List(items), .. })) => {
            items.iter().filter_map(|item| self::secret(reader.report, item)).collect()
        }
        Some((_, tree)) => {
            let message = "\"previous\" must be a list of secrets";
            reader.report.error(tree.span.clone(), message, "write [\"…\", \"…\"]");
            Vec::new()
        }
        None => Vec::new(),
    };
    reader.finish();
    Cookies { secret, previous }
}

fn secret(report: &Report, tree: &Tree) -> Option<Secret> {
    let read = match &tree.value {
        Value::String(text) => parse(text),
        _ => None,
    };
    if read.is_none() {
        let message = format!("invalid secret: it must be {DIGITS} hexadecimal digits in quotes");
        report.error(tree.span.clone(), message, "use the output of `openssl rand -hex 16`");
    }
    read
}

fn parse(text: &str) -> Option<Secret> {
    if text.len() != DIGITS || !text.bytes().all(|octet| octet.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(|number| Secret(number.to_be_bytes()))
}

/// Takes what could be a secret out of the complaints about livezone.toml, which show the lines
/// they are about. Every octet keeps its place.
pub(super) fn conceal(text: &str, diagnostics: &mut [Diagnostic]) {
    if diagnostics.is_empty() {
        return;
    }
    let text: Arc<str> = without_runs(&without_values(text)).into();
    for diagnostic in diagnostics {
        diagnostic.text = Arc::clone(&text);
        diagnostic.message = without_runs(&diagnostic.message);
        diagnostic.label = without_runs(&diagnostic.label);
    }
}

/// Without the values of `[cookies]`, in a text that need not be TOML.
fn without_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut within = false;
    for line in text.split_inclusive('\n') {
        let word = line.trim_start();
        if word.starts_with('[') {
            within = word.starts_with("[cookies");
        }
        let shown = match line.find('=') {
            _ if word.starts_with('[') => line.len(),
            Some(equals) if within || word.starts_with("cookies") => equals,
            None if within => 0,
            Some(_) | None => line.len(),
        };
        let (shown, hidden) = line.split_at(shown);
        out.push_str(shown);
        out.extend(hidden.chars().map(|c| if c.is_ascii_alphanumeric() { '*' } else { c }));
    }
    out
}

fn without_runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(run);
        if run.len() < SUSPICIOUS {
            out.push_str(run);
        } else {
            out.extend(std::iter::repeat_n('*', run.len()));
        }
        let others = after.find(|c: char| c.is_ascii_hexdigit()).unwrap_or(after.len());
        let (others, after) = after.split_at(others);
        out.push_str(others);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::livezone_toml;
    use crate::diagnostic::Colour;

    const SECRET: &str = "e5e973e5a6b2a43f48e7dc849e37bfcf";

    #[test]
    fn a_secret_is_32_hexadecimal_digits() {
        let secret = parse(SECRET).unwrap();
        assert_eq!(secret.0[..4], [0xe5, 0xe9, 0x73, 0xe5]);
        assert_eq!(parse(&SECRET.to_uppercase()), Some(secret));
        let zeros = "0".repeat(32);
        assert_eq!(parse(&zeros), Some(Secret([0; 16])));
        for wrong in ["", &SECRET[1..], &format!("{SECRET}0"), &format!("+{}", &SECRET[1..])] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn no_secret_is_shown_for_debugging() {
        let secret = parse(SECRET);
        let shown = format!("{:?}", Cookies { secret, previous: secret.into_iter().collect() });
        assert_eq!(shown, "Cookies { secret: Some(Secret(…)), previous: [Secret(…)] }");
    }

    /// Mistakes around a secret, each with a part of it that must not be shown.
    const MISTAKES: [&str; 12] = [
        "[cookies]\nsecret = \"SECRETx\"\n",
        "[cookies]\nsecret = \"gibberish\"\n",
        "[cookies]\nsecret = 12345\n",
        "[cookies]\nsecret = \"SECRET\n",
        "[cookies]\nsecret = SECRET\n",
        "[cookies]\nprevious = \"gibberish\"\n",
        "[cookies]\nprevious = [\n  \"SECRET\",\n  \"gibberish\",\n]\n",
        "[cookies]\nprevious = [\"SECRET\", 12345]\n",
        "cookies = { secret = \"SECRET\", previus = [\"gibberish\"] }\n",
        "cookies.secret = \"gibberish\"\n",
        "[cookies\nsecret = \"SECRET\"\n",
        "[cookie]\nSECRET = 1\n",
    ];

    #[test]
    fn no_complaint_shows_a_secret() {
        for mistake in MISTAKES {
            let text = mistake.replace("SECRET", SECRET);
            let (config, diagnostics) =
                livezone_toml::parse(Path::new("livezone.toml").into(), text.into());
            assert_eq!(config, None, "{mistake}");
            assert!(!diagnostics.is_empty());
            for diagnostic in diagnostics {
                let shown = diagnostic.render(Colour::Plain) + &diagnostic.short();
                let shown = format!("{shown}{diagnostic:?}");
                for hidden in [&SECRET[..12], &SECRET[20..], "gibberish", "12345"] {
                    assert!(!shown.contains(hidden), "{mistake}: {shown}");
                }
            }
        }
    }
}
