//! What a selector leads to, and which condition an operator and a value are there.

use regex::RegexBuilder;

use crate::diagnostic::nearest;
use crate::http::consul::boolean;
use crate::http::consul::filter::evaluate::{Condition, Step};
use crate::http::consul::filter::fields::{Fields, Kind};

/// Octets of a compiled pattern.
const MAX_PATTERN: usize = 256 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    In,
    Match,
    Empty,
}

/// The way through a document, and the type at its end; or, in words, why there is none.
pub(super) fn resolve(
    fields: &'static Fields,
    path: &[String],
) -> Result<(Vec<Step>, &'static Kind), String> {
    let mut steps = Vec::new();
    let mut kind: Option<&'static Kind> = None;
    for (place, name) in path.iter().enumerate() {
        let said = || path.get(..=place).unwrap_or_default().join(".");
        let fields = match kind {
            None => fields,
            Some(Kind::Map(values)) => {
                steps.push(Step::Key(name.clone()));
                kind = Some(values);
                continue;
            }
            Some(Kind::Struct(fields)) => fields,
            Some(Kind::List(fields)) => {
                steps.push(Step::Each);
                fields
            }
            Some(Kind::Text | Kind::Number | Kind::Bool | Kind::Texts) => {
                return Err(format!("Selector {:?} is not valid: end it one name before", said()));
            }
        };
        let Some((name, next)) = fields.iter().find(|(known, _)| known == name) else {
            return Err(format!("Selector {:?} is not valid: {}", said(), advice(fields, name)));
        };
        steps.push(Step::Field(name));
        kind = Some(next);
    }
    let kind = kind.ok_or_else(|| "a selector is missing".to_owned())?;
    Ok((steps, kind))
}

fn advice(fields: &Fields, name: &str) -> String {
    let names = fields.iter().map(|(name, _)| *name);
    match nearest(name, names.clone()) {
        Some(near) => format!("did you mean {near:?}?"),
        None if fields.is_empty() => "this answer is not filtered".to_owned(),
        None => format!("write one of {}", names.collect::<Vec<_>>().join(", ")),
    }
}

/// What is asked of a value of this type; or, in words, why it cannot be.
pub(super) fn condition(
    kind: &Kind,
    operator: Operator,
    value: Option<String>,
) -> Result<Condition, String> {
    let value = value.unwrap_or_default();
    match (kind, operator) {
        (Kind::Text, Operator::Equal) => Ok(Condition::Text(value)),
        (Kind::Text, Operator::In) => Ok(Condition::Substring(value)),
        (Kind::Text, Operator::Match) => pattern(&value),
        (Kind::Number, Operator::Equal) => match value.parse() {
            Ok(number) => Ok(Condition::Number(number)),
            Err(_) => Err(format!("{value:?} is not a whole number")),
        },
        (Kind::Bool, Operator::Equal) => match boolean::parse(&value) {
            Some(value) => Ok(Condition::Bool(value)),
            None => Err(format!("{value:?} is neither true nor false")),
        },
        (Kind::Texts, Operator::In) => Ok(Condition::Item(value)),
        (Kind::Map(_), Operator::In) => Ok(Condition::Key(value)),
        (Kind::Texts | Kind::Map(_) | Kind::List(_), Operator::Empty) => Ok(Condition::Empty),
        (Kind::Text, _) => refused("text", "==, !=, contains, in or matches"),
        (Kind::Number, _) => refused("a number", "== or !="),
        (Kind::Bool, _) => refused("true or false", "== or !="),
        (Kind::Texts, _) => refused("a list", "contains, in or is empty"),
        (Kind::Map(_), _) => refused("a table", "contains, in or is empty, or name a key"),
        (Kind::Struct(_), _) => refused("a group of fields", "the name of a field behind it"),
        (Kind::List(_), _) => refused("a list", "is empty, or name a field"),
    }
}

fn refused(kind: &str, operators: &str) -> Result<Condition, String> {
    Err(format!("Invalid match operator: the selector is {kind}: write {operators}"))
}

fn pattern(text: &str) -> Result<Condition, String> {
    match RegexBuilder::new(text).size_limit(MAX_PATTERN).build() {
        Ok(pattern) => Ok(Condition::Matches(pattern)),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err(format!("the pattern needs more than {} KiB: simplify it", MAX_PATTERN / 1024))
        }
        Err(error) => {
            let told = error.to_string();
            // The last line is the reason; those above draw a caret.
            let reason = told.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            Err(format!("invalid regular expression {text:?}: {reason}"))
        }
    }
}
