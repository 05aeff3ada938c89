//! What every format is read into: values, each with the octets that say it.

use std::ops::Range;

#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    /// The octets that say it; of a table under a header, the header.
    pub span: Range<usize>,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    pub span: Range<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    String(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    List(Vec<Tree>),
    Table(Vec<(Key, Tree)>),
    /// What no key of ours takes, in words: a date.
    Other(&'static str),
}

/// The value that says that there is none.
pub const NULL: Value = Value::Other("null");

/// A text without the byte order mark that it may begin with, and the octets of the mark.
pub fn without_mark(text: &str) -> (&str, usize) {
    let rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    (rest, text.len() - rest.len())
}

impl Value {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a decimal number",
            Self::Boolean(_) => "a boolean",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}
