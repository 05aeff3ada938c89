//! HCL 2 into the tree, as far as it is plain values: blocks, attributes, objects, lists.
//!
//! A block that is written several times is a list. What is computed (variables, functions,
//! `${…}`) and what only HCL 1 allows is told with what to write instead.

mod complaint;
pub mod lead;

use std::collections::HashMap;
use std::ops::Range;

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Block, BlockLabel, Body, Structure};
use hcl_edit::template::{Element, Template};
use hcl_edit::{Number, Span, parser};

use crate::syntax::hcl::complaint::{Complaint, SyntaxError, is_word};
use crate::syntax::report::Report;
use crate::syntax::tree::{Key, NULL, Tree, Value, without_mark};

/// Of expressions, functions and `${…}`.
const COMPUTED: &str = "expressions are not supported";

/// Reads the report's text. A label of the blocks named by `labelled` is their key `name`. The
/// first error of syntax ends the reading, and leaves nothing in the tree.
pub fn parse(report: &Report, labelled: &[&str]) -> Tree {
    let (text, skipped) = without_mark(&report.text);
    let reader = Hcl { report, labelled, text, skipped };
    let value = match parser::parse_body(text) {
        Ok(body) => reader.body(&body),
        Err(error) => {
            reader.syntax_error(&error);
            Value::Table(Vec::new())
        }
    };
    Tree { span: 0..0, value }
}

struct Hcl<'a> {
    report: &'a Report,
    labelled: &'a [&'a str],
    text: &'a str,
    /// Octets before it.
    skipped: usize,
}

/// The values of a body, each with whether it is a block, and the place of each key among them.
#[derive(Default)]
struct Entries {
    values: Vec<(Key, Tree, bool)>,
    places: HashMap<String, usize>,
}

impl Hcl<'_> {
    fn span(&self, node: &impl Span) -> Range<usize> {
        let span = node.span().unwrap_or_default();
        self.skipped + span.start..self.skipped + span.end
    }

    fn body(&self, body: &Body) -> Value {
        let mut entries = Entries::default();
        for structure in body {
            match structure {
                Structure::Attribute(attribute) => {
                    let key = self.key(&attribute.key, &attribute.key);
                    let tree = self.tree(&attribute.value);
                    self.add(&mut entries, key, tree, false);
                }
                Structure::Block(block) => {
                    let key = self.key(&block.ident, &block.ident);
                    let tree = self.block(block, &key);
                    self.add(&mut entries, key, tree, true);
                }
            }
        }
        Value::Table(entries.values.into_iter().map(|(key, tree, _)| (key, tree)).collect())
    }

    fn add(&self, entries: &mut Entries, key: Key, tree: Tree, is_block: bool) {
        let place = entries.places.get(&key.text);
        let earlier = place.and_then(|place| entries.values.get_mut(*place));
        let Some((first, earlier, was_block)) = earlier else {
            entries.places.insert(key.text.clone(), entries.values.len());
            entries.values.push((key, tree, is_block));
            return;
        };
        if !is_block || !*was_block {
            self.duplicate(&key, first);
            return;
        }
        if let Value::List(blocks) = &mut earlier.value {
            blocks.push(tree);
        } else {
            let blocks = vec![earlier.clone(), tree];
            *earlier = Tree { span: earlier.span.clone(), value: Value::List(blocks) };
        }
    }

    fn duplicate(&self, key: &Key, first: &Key) {
        let line = self.report.line_number(first.span.start);
        let label = format!("the first one is on line {line}: remove one of them");
        self.report.error(key.span.clone(), format!("duplicate key {:?}", key.text), label);
    }

    fn key(&self, text: &str, node: &impl Span) -> Key {
        Key { text: text.to_owned(), span: self.span(node) }
    }

    fn block(&self, block: &Block, key: &Key) -> Tree {
        let end = block.labels.last().map_or(key.span.end, |label| self.label(label).1.end);
        let tree = Tree { span: key.span.start..end, value: self.body(&block.body) };
        let Some(label) = block.labels.first() else { return tree };
        let (name, span) = self.label(label);
        if block.labels.len() > 1 || !self.labelled.contains(&key.text.as_str()) {
            let label = format!("write {} {{ … }} without a label", key.text);
            self.report.error(span, format!("block {:?} cannot have a label", key.text), label);
            return tree;
        }
        let Value::Table(mut entries) = tree.value else { return tree };
        let value = Tree { span: span.clone(), value: Value::String(name.to_owned()) };
        let name = Key { text: "name".to_owned(), span };
        match entries.iter().find(|(key, _)| key.text == "name") {
            Some((written, _)) => self.duplicate(written, &name),
            None => entries.insert(0, (name, value)),
        }
        Tree { span: tree.span, value: Value::Table(entries) }
    }

    fn label<'l>(&self, label: &'l BlockLabel) -> (&'l str, Range<usize>) {
        let span = match label {
            BlockLabel::Ident(ident) => self.span(ident),
            BlockLabel::String(text) => self.span(text),
        };
        (label.as_str(), span)
    }

    fn tree(&self, expression: &Expression) -> Tree {
        let span = self.span(expression);
        let value = match expression {
            Expression::Null(_) => NULL,
            Expression::Bool(yes) => Value::Boolean(*yes.value()),
            Expression::Number(number) => self.number(&span, number.value()),
            Expression::String(text) => Value::String(text.value().clone()),
            Expression::Array(items) => {
                Value::List(items.iter().map(|item| self.tree(item)).collect())
            }
            Expression::Object(object) => {
                let items = object.iter();
                let entry = |(key, value): (&ObjectKey, &hcl_edit::expr::ObjectValue)| {
                    Some((self.object_key(key)?, self.tree(value.expr())))
                };
                Value::Table(items.filter_map(entry).collect())
            }
            Expression::HeredocTemplate(heredoc) => {
                let mut heredoc = heredoc.clone();
                heredoc.dedent();
                self.template(&span, &heredoc.template)
            }
            Expression::StringTemplate(template) => self.template(&span, template),
            Expression::UnaryOp(operation) => match self.tree(&operation.expr).value {
                Value::Integer(number) => Value::Integer(number.saturating_neg()),
                Value::Float(number) => Value::Float(-number),
                _ => self.computed(&span),
            },
            Expression::Variable(word) => {
                let label = format!("write \"{}\"", word.value().as_str());
                self.report.syntax_error(span.clone(), "a string must be in double quotes", label);
                Value::Other("a variable")
            }
            Expression::Parenthesis(_)
            | Expression::Conditional(_)
            | Expression::FuncCall(_)
            | Expression::Traversal(_)
            | Expression::BinaryOp(_)
            | Expression::ForExpr(_) => self.computed(&span),
        };
        Tree { span, value }
    }

    fn number(&self, span: &Range<usize>, number: &Number) -> Value {
        if let Some(number) = number.as_i64() {
            return Value::Integer(number);
        }
        let in_range = number.as_f64().filter(|n| n.is_finite() && n.abs() < 1e18);
        in_range.map_or_else(
            || {
                self.report.error(span.clone(), "this number is too large", "");
                Value::Other("a number")
            },
            Value::Float,
        )
    }

    fn object_key(&self, key: &ObjectKey) -> Option<Key> {
        match key {
            ObjectKey::Ident(ident) => Some(self.key(ident, ident)),
            ObjectKey::Expression(Expression::String(text)) => Some(self.key(text.value(), text)),
            ObjectKey::Expression(other) => {
                let span = self.span(other);
                let text = self.text_at(&span);
                let label = format!("write {text:?} in double quotes");
                self.report.error(span, "invalid key", label);
                None
            }
        }
    }

    fn text_at(&self, span: &Range<usize>) -> &str {
        self.report.text.get(span.clone()).unwrap_or_default()
    }

    fn template(&self, span: &Range<usize>, template: &Template) -> Value {
        let mut text = String::new();
        for element in template {
            match element {
                Element::Literal(literal) => text.push_str(literal),
                Element::Interpolation(_) | Element::Directive(_) => {
                    let label = "write the text itself; for ${ and %{ write $${ and %%{";
                    self.report.syntax_error(span.clone(), COMPUTED, label);
                    return Value::Other("an expression");
                }
            }
        }
        Value::String(text)
    }

    fn computed(&self, span: &Range<usize>) -> Value {
        self.report.syntax_error(span.clone(), COMPUTED, "write the value itself");
        Value::Other("an expression")
    }

    fn syntax_error(&self, error: &parser::Error) {
        // Of a text that ends too early this is the last octet, whatever character that is in.
        let offset = error.location().offset();
        let at = (0..=offset).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let said = SyntaxError { text: self.text, at, words: error.message() };
        let Complaint { at, message, label } = said.complaint();
        let rest = self.text.get(at..).unwrap_or_default();
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let at = self.skipped + at;
        self.report.syntax_error(at..at + word.max(first), message, label);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> (Tree, Vec<String>) {
        let report = Report::new(Path::new("a.hcl").into(), text.into());
        let tree = parse(&report, &["service"]);
        let (_, diagnostics) = report.finish(Some(()));
        (tree, diagnostics.iter().map(crate::diagnostic::Diagnostic::short).collect())
    }

    fn show(value: &Value) -> String {
        match value {
            Value::String(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Boolean(yes) => yes.to_string(),
            Value::Other(word) => (*word).to_owned(),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|item| show(&item.value)).collect();
                format!("[{}]", items.join(","))
            }
            Value::Table(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, tree)| format!("{}:{}", key.text, show(&tree.value)))
                    .collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    #[test]
    fn blocks_attributes_objects_and_lists_are_values() {
        let (tree, complaints) = read(
            "a = -1\nb = 2.5\nc \"x\" {\n}\nservice \"web\" {\n  port = 80 # x\n}\nservice {\n}\n\
             d = { \"k\" = [true, null], l : \"v\" }\ne = <<-E\n    one\n      two\n    E\n",
        );
        assert_eq!(
            complaints,
            ["a.hcl:3:3: block \"c\" cannot have a label; write c { … } without a label"]
        );
        assert_eq!(
            show(&tree.value),
            "{a:-1,b:2.5,c:{},service:[{name:\"web\",port:80},{}],\
             d:{k:[true,null],l:\"v\"},e:\"one\\n  two\\n\"}"
        );
    }

    #[test]
    fn places_are_right_after_a_byte_order_mark() {
        let (tree, _) = read("\u{feff}a = \"x\"\nb {\n}\n");
        let Value::Table(entries) = tree.value else { panic!("a document is a table") };
        let spans: Vec<_> = entries.iter().map(|(k, v)| (k.span.clone(), v.span.clone())).collect();
        assert_eq!(spans, [(3..4, 7..10), (11..12, 11..12)]);
    }

    #[test]
    fn a_text_that_ends_too_early_ends_in_front_of_a_whole_character() {
        for text in ["a {\n  b = 1 # é", "a {\n  b = 1 # \u{fffd}", "a {\n  b = \"\u{10ffff}"] {
            let report = Report::new(Path::new("a.hcl").into(), text.into());
            parse(&report, &[]);
            let (_, diagnostics) = report.finish(Some(()));
            let span = diagnostics[0].span.clone().unwrap();
            assert!(text.get(span).is_some(), "{diagnostics:?}");
        }
    }

    #[test]
    fn what_is_no_plain_hcl_2_is_told_with_what_to_write() {
        for (text, wanted) in [
            (
                "a = { b = 1 c = 2 }",
                "1:13: items of an object on one line must be separated by commas",
            ),
            ("a { b = 1 c = 2 }", "1:11: a block on one line can have only one key"),
            ("\"a\" = 1", "1:1: a key in a block must not be quoted"),
            ("a {\n  \"b\" = 1\n}", "2:3: a key in a block must not be quoted"),
            ("a = web", "1:5: a string must be in double quotes; write \"web\""),
            ("a = 'web'", "1:5: a string must be in double quotes"),
            ("a = 10s", "1:5: a number with a unit must be in double quotes; write \"10s\""),
            ("a = \"${b}\"", "1:5: expressions are not supported"),
            ("a = b.c", "expressions are not supported"),
            ("a = f(1)", "expressions are not supported"),
            ("a = 1 + 1", "expressions are not supported"),
            ("a = 1,\nb = 2", "1:6: keys in a block must not be separated by commas"),
            ("a = 1 b = 2", "1:7: expected the end of the line"),
            ("a = 1\na = 2", "2:1: duplicate key \"a\""),
            ("a = { b = 1, b = 2 }", "1:14: duplicate key \"b\""),
            ("a = 1\na {\n}", "2:1: duplicate key \"a\""),
            ("a = {\n", "a.hcl:"),
            ("a \"x", "a.hcl:"),
            ("a = 1e30", "this number is too large"),
        ] {
            let (_, complaints) = read(text);
            assert!(complaints.iter().any(|c| c.contains(wanted)), "{text}: {complaints:#?}");
        }
        for deep in ["[", "a {\n", "a = -", "a = (", "a = !!!!"] {
            assert!(!read(&deep.repeat(50_000)).1.is_empty());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "[\\[\\]{}=:,\"'a0.\\-+eé\n/*#$%<u\\\\ ]{0,40}") {
            read(&text);
        }
    }
}
