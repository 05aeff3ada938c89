//! Whether a JSON document is what an expression asks for.

use regex::Regex;
use serde_json::Value;

/// See the module.
#[derive(Debug)]
pub(super) enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Match(Match),
}

/// A condition on what a path leads to. A list of structs on the way is left by the first element
/// for which it holds, also where it is `negated`; a key that a map lacks equals and contains
/// nothing.
#[derive(Debug)]
pub(super) struct Match {
    pub(super) path: Vec<Step>,
    pub(super) condition: Condition,
    pub(super) negated: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Of a struct; one that the document leaves out is empty, 0 or false.
    Field(&'static str),
    /// Of a map.
    Key(String),
    /// Into the elements of a list.
    Each,
}

#[derive(Debug)]
pub(super) enum Condition {
    Text(String),
    Number(i64),
    Bool(bool),
    Substring(String),
    Item(String),
    Key(String),
    Matches(Regex),
    Empty,
}

impl Expression {
    pub(super) fn matches(&self, document: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.matches(document)),
            Self::Any(parts) => parts.iter().any(|part| part.matches(document)),
            Self::Not(part) => !part.matches(document),
            Self::Match(one) => one.holds(&one.path, Some(document)),
        }
    }
}

impl Match {
    fn holds(&self, path: &[Step], value: Option<&Value>) -> bool {
        let Some((step, rest)) = path.split_first() else {
            return self.condition.holds(value) != self.negated;
        };
        match step {
            Step::Field(name) => self.holds(rest, value.and_then(|value| value.get(name))),
            Step::Key(key) => match value.and_then(|value| value.get(key)) {
                Some(value) => self.holds(rest, Some(value)),
                None => self.negated,
            },
            Step::Each => elements(value).iter().any(|element| self.holds(rest, Some(element))),
        }
    }
}

impl Condition {
    fn holds(&self, value: Option<&Value>) -> bool {
        let text = || value.and_then(Value::as_str).unwrap_or_default();
        let object = || value.and_then(Value::as_object);
        match self {
            Self::Text(wanted) => text() == wanted,
            Self::Number(wanted) => value.and_then(Value::as_i64).unwrap_or_default() == *wanted,
            Self::Bool(wanted) => value.and_then(Value::as_bool).unwrap_or_default() == *wanted,
            Self::Substring(wanted) => text().contains(wanted),
            Self::Item(wanted) => elements(value).iter().any(|item| item == wanted),
            Self::Key(wanted) => object().is_some_and(|object| object.contains_key(wanted)),
            Self::Matches(pattern) => pattern.is_match(text()),
            Self::Empty => {
                elements(value).is_empty() && object().is_none_or(serde_json::Map::is_empty)
            }
        }
    }
}

fn elements(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], |elements| elements)
}
