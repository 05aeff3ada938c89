//! TOML into the tree, with all the errors of a file.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use crate::syntax::report::Report;
use crate::syntax::tree::{Key, Tree, Value};

/// Reads the report's text; what is no TOML is reported and left out of the tree.
pub fn parse(report: &Report) -> Tree {
    let (document, errors) = DeTable::parse_recoverable(&report.text);
    for error in errors {
        syntax_error(report, &error);
    }
    Tree { span: 0..0, value: table(report, document.into_inner()) }
}

fn syntax_error(report: &Report, error: &toml::de::Error) {
    let span = error.span().unwrap_or(0..0);
    let at = report.text.get(span.clone()).unwrap_or_default();
    let before = report.text.get(..span.start).unwrap_or_default().trim_end_matches([' ', '\t']);
    let at_brace = report.text.get(span.start..).is_some_and(|rest| rest.starts_with('{'));
    let said = error.message();
    let is = |words: &str| said.starts_with(words);
    let message = match said {
        "duplicate key" => format!("duplicate key {at:?}"),
        _ if before.ends_with('=') && at.trim().is_empty() => "a key has no value".to_owned(),
        _ => said.to_owned(),
    };
    let label = match said {
        "duplicate key" => "remove one of them",
        _ if before.ends_with('=') && at.trim().is_empty() => "write the value after the =",
        _ if before.trim().is_empty() && at_brace => {
            "this looks like JSON: write TOML, or rename a Consul definition to NAME.json"
        }
        _ if is("string values must be quoted") && !at.is_empty() => {
            return report.syntax_error(span, message, format!("write {at:?}"));
        }
        _ if is("key with no value") => "write KEY = VALUE, or put # before a comment",
        _ if is("invalid basic string") || is("invalid literal string") => {
            "write the closing quote"
        }
        _ if is("missing comma") => "write a comma between the two",
        _ if is("unclosed array table") => "write ]] after the name",
        _ if is("unclosed table") => "write ] after the name",
        _ if is("unclosed array") => "write ] after the last value",
        _ if is("unclosed inline table") => "write } after the last value",
        _ => "",
    };
    report.syntax_error(span, message, label);
}

fn tree(report: &Report, spanned: Spanned<DeValue<'_>>) -> Tree {
    let span = spanned.span();
    let value = match spanned.into_inner() {
        DeValue::String(text) => Value::String(text.into_owned()),
        DeValue::Integer(number) => integer(report, span.clone(), &number),
        DeValue::Float(number) => {
            number.as_str().parse().map_or(Value::Other("a number"), Value::Float)
        }
        DeValue::Boolean(yes) => Value::Boolean(yes),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            Value::List(items.into_iter().map(|item| tree(report, item)).collect())
        }
        DeValue::Table(entries) => table(report, entries),
    };
    Tree { span, value }
}

/// TOML's table is sorted by key; the places say the order written.
fn table(report: &Report, entries: DeTable<'_>) -> Value {
    let mut entries: Vec<(Key, Tree)> = entries
        .into_iter()
        .map(|(key, value)| {
            let span = key.span();
            (Key { text: key.into_inner().into_owned(), span }, tree(report, value))
        })
        .collect();
    entries.sort_by_key(|(key, _)| key.span.start);
    Value::Table(entries)
}

fn integer(report: &Report, span: Range<usize>, number: &DeInteger<'_>) -> Value {
    i64::from_str_radix(number.as_str(), number.radix()).map_or_else(
        |_| {
            report.error(span, "this number is too large", "");
            Value::Other("a number")
        },
        Value::Integer,
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> (Tree, Vec<String>) {
        let report = Report::new(Path::new("a.toml").into(), text.into());
        let tree = parse(&report);
        let (_, diagnostics) = report.finish(Some(()));
        (tree, diagnostics.iter().map(crate::diagnostic::Diagnostic::short).collect())
    }

    #[test]
    fn keys_keep_the_order_written_and_their_places() {
        let (tree, complaints) = read("b = 1\na = [\"x\", 2.5]\n[c]\nd = true\n");
        assert_eq!(complaints, Vec::<String>::new());
        let Value::Table(entries) = tree.value else { panic!("a document is a table") };
        let keys: Vec<_> =
            entries.iter().map(|(k, v)| (&*k.text, k.span.clone(), v.span.clone())).collect();
        assert_eq!(keys, [("b", 0..1, 4..5), ("a", 6..7, 10..20), ("c", 22..23, 21..24)]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_places_stay_right() {
        let (tree, complaints) = read("\u{feff}a = 1");
        assert_eq!(complaints, Vec::<String>::new());
        let Value::Table(entries) = tree.value else { panic!("a document is a table") };
        assert_eq!(entries[0].0, Key { text: "a".into(), span: 3..4 });
        assert_eq!(read("\u{feff}\u{feff}a = 1").1.len(), 1);
    }

    #[test]
    fn every_error_of_syntax_is_told() {
        let (_, complaints) = read("a = \nb = 1\nb = 2\nc = 'x\nd = 99999999999999999999\n");
        let lines: Vec<_> = complaints.iter().map(|c| c.split(':').nth(1).unwrap()).collect();
        assert_eq!(lines, ["1", "3", "4", "5"], "{complaints:#?}");
    }
}
