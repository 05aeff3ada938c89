//! JSON into the tree. Comments and a comma after the last item say nothing wrong and are taken.

use std::collections::HashMap;
use std::ops::Range;

use jsonc_parser::ast::{self, ObjectPropName};
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::syntax::report::Report;
use crate::syntax::tree::{Key, NULL, Tree, Value, without_mark};

/// JSON as RFC 8259 has it, but for what the module's first line says.
const LENIENT: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Reads the report's text, which is one object or nothing. The first error of syntax ends the
/// reading, and leaves nothing in the tree. `plurals` are keys of which there is one, and those
/// that hold several of the same.
pub fn parse(report: &Report, plurals: &[(&str, &str)]) -> Tree {
    let (_, mark) = without_mark(&report.text);
    parse_from(report, mark, plurals)
}

/// The same of what begins at an octet of the text.
pub fn parse_from(report: &Report, skipped: usize, plurals: &[(&str, &str)]) -> Tree {
    let text = report.text.get(skipped..).unwrap_or_default();
    let reader = Json { report, skipped, plurals };
    let value = match parse_to_ast(text, &CollectOptions::default(), &LENIENT) {
        Ok(result) => result.value.map_or(Value::Table(Vec::new()), |value| reader.root(&value)),
        Err(error) => {
            reader.syntax_error(&error, text);
            Value::Table(Vec::new())
        }
    };
    Tree { span: 0..0, value }
}

struct Json<'a> {
    report: &'a Report,
    /// Octets before the text that was parsed.
    skipped: usize,
    plurals: &'a [(&'a str, &'a str)],
}

impl Json<'_> {
    fn span(&self, node: &impl Ranged) -> Range<usize> {
        self.skipped + node.start()..self.skipped + node.end()
    }

    fn root(&self, value: &ast::Value<'_>) -> Value {
        let tree = self.tree(value);
        if !matches!(tree.value, Value::Table(_)) {
            let label = match tree.value {
                Value::List(_) => "write { \"services\": … } around it",
                _ => "write { \"service\": { … } }",
            };
            let message = format!("the file must be a JSON object, not {}", tree.value.kind());
            self.report.syntax_error(tree.span, message, label);
            return Value::Table(Vec::new());
        }
        tree.value
    }

    fn tree(&self, value: &ast::Value<'_>) -> Tree {
        let span = self.span(value);
        let value = match value {
            ast::Value::StringLit(text) => Value::String(text.value.clone().into_owned()),
            ast::Value::NumberLit(number) => self.number(span.clone(), number.value),
            ast::Value::BooleanLit(yes) => Value::Boolean(yes.value),
            ast::Value::Array(items) => {
                Value::List(items.elements.iter().map(|item| self.tree(item)).collect())
            }
            ast::Value::Object(object) => self.table(object),
            ast::Value::NullKeyword(_) => NULL,
        };
        Tree { span, value }
    }

    fn table(&self, object: &ast::Object<'_>) -> Value {
        let mut entries = Vec::with_capacity(object.properties.len());
        let mut lines: HashMap<&str, usize> = HashMap::new();
        for property in &object.properties {
            let (text, span) = match &property.name {
                ObjectPropName::String(text) => (&*text.value, self.span(text)),
                ObjectPropName::Word(word) => (word.value, self.span(word)),
            };
            if let Some(line) = lines.get(text) {
                let plural = self.plurals.iter().find(|(one, _)| text.eq_ignore_ascii_case(one));
                let label = duplicate(*line, plural.map(|(_, several)| *several));
                self.report.error(span, format!("duplicate key {text:?}"), label);
                continue;
            }
            lines.insert(text, self.report.line_number(span.start));
            entries.push((Key { text: text.to_owned(), span }, self.tree(&property.value)));
        }
        Value::Table(entries)
    }

    fn number(&self, span: Range<usize>, text: &str) -> Value {
        if let Ok(number) = text.parse() {
            return Value::Integer(number);
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() && text.contains(['.', 'e', 'E']) => {
                Value::Float(number)
            }
            _ => {
                self.report.error(span, "this number is too large", "");
                Value::Other("a number")
            }
        }
    }

    fn syntax_error(&self, error: &ParseError, text: &str) {
        let range = error.range();
        let (message, mut label) = words(error.kind());
        let rest = text.get(range.start..).unwrap_or_default();
        let after = rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        if rest.starts_with('#') {
            label = "write // before a comment";
        } else if !text.trim_start().starts_with(['{', '[', '"', '/']) {
            label =
                "JSON begins with '{': rename an HCL file to NAME.hcl, a TOML file to NAME.toml";
        } else if after.len() < rest.len() && after.trim_start().starts_with(['{', '=']) {
            label = "write the key in double quotes; an HCL file has no braces around it";
        } else if text.starts_with("[[") || text.starts_with("[service") {
            label = "this looks like TOML: rename the file to NAME.toml";
        }
        let span = self.skipped + range.start..self.skipped + range.end;
        self.report.syntax_error(span, message, label);
    }
}

/// What to do about a key that stands in a line already.
pub fn duplicate(line: usize, several: Option<&str>) -> String {
    match several {
        Some(several) => {
            format!(
                "the first one is on line {line}: write \"{several}\": [{{ … }}, {{ … }}] for both"
            )
        }
        None => format!("the first one is on line {line}: remove one of them"),
    }
}

fn words(kind: &ParseErrorKind) -> (String, &'static str) {
    let label = match kind {
        ParseErrorKind::ExpectedComma => "write a comma here",
        ParseErrorKind::ExpectedColonAfterObjectKey => "write \"key\": value",
        ParseErrorKind::ExpectedObjectValue => "write the value after the colon",
        ParseErrorKind::ExpectedStringObjectProperty => "write the key in double quotes",
        ParseErrorKind::SingleQuotedStringsNotAllowed => "use double quotes",
        ParseErrorKind::UnexpectedWord => "write strings in double quotes",
        ParseErrorKind::UnterminatedObject => "this object has no closing '}'",
        ParseErrorKind::UnterminatedArray => "this list has no closing ']'",
        ParseErrorKind::UnterminatedCommentBlock => "this comment has no closing '*/'",
        ParseErrorKind::MultipleRootJsonValues => "put everything into one object",
        ParseErrorKind::UnexpectedComma => "remove the comma",
        ParseErrorKind::UnexpectedColon => "remove the colon",
        ParseErrorKind::UnexpectedCloseBrace | ParseErrorKind::UnexpectedCloseBracket => {
            "remove it, or add the opening bracket"
        }
        ParseErrorKind::UnexpectedToken | ParseErrorKind::UnexpectedTokenInObject => {
            "remove it, or write it in double quotes"
        }
        ParseErrorKind::String(_) => "write \\n for a line break, \\\\ for a backslash",
        ParseErrorKind::NestingDepthExceeded => "this is nested too deeply",
        _ => "",
    };
    let message = kind.to_string();
    let mut rest = message.chars();
    let lower = rest.next().map(|first| first.to_ascii_lowercase());
    (lower.into_iter().chain(rest).collect(), label)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Tree, Vec<String>) {
        let report = Report::new(Path::new("a.json").into(), text.into());
        let tree = parse(&report, &[("service", "services")]);
        let (_, diagnostics) = report.finish(Some(()));
        (tree, diagnostics.iter().map(crate::diagnostic::Diagnostic::short).collect())
    }

    #[test]
    fn keys_keep_the_order_written_and_their_places() {
        let (tree, complaints) = read("\u{feff}{\"b\": 1, \"a\": [2.5, null,], // x\n}");
        assert_eq!(complaints, Vec::<String>::new());
        let Value::Table(entries) = tree.value else { panic!("a document is a table") };
        let keys: Vec<_> =
            entries.iter().map(|(k, v)| (&*k.text, k.span.clone(), v.span.clone())).collect();
        assert_eq!(keys, [("b", 4..7, 9..10), ("a", 12..15, 17..29)]);
        assert_eq!(read("").0.value, Value::Table(Vec::new()));
    }

    #[test]
    fn what_is_no_json_is_told_with_its_place() {
        for (text, wanted) in [
            ("{\"a\": 1 \"b\": 2}", "a.json:1:8: expected comma; write a comma here"),
            ("{\"a\": 1, \"a\": 2}", "duplicate key"),
            ("{a: 1}", "write the key in double quotes"),
            ("[]", "not a list"),
            ("{} {}", "put everything into one object"),
            ("{\"a\": 'x'}", "use double quotes"),
            ("{\"a\": 1e999}", "this number is too large"),
            ("{\"a\": 99999999999999999999}", "this number is too large"),
        ] {
            let (_, complaints) = read(text);
            assert!(complaints.iter().any(|c| c.contains(wanted)), "{text}: {complaints:?}");
        }
        assert_eq!(read(&"[".repeat(100_000)).1.len(), 1);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[\\[\\]{}:,\"'a0.\\-+eé\n/*u\\\\ ]{0,40}") {
            read(&text);
        }
    }
}
