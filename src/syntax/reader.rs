//! Typed values from a table, key by key; what does not fit is reported and left out.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use crate::diagnostic::nearest;
use crate::model::definition::Placed;
use crate::syntax::duration;
use crate::syntax::report::Report;
use crate::syntax::tree::{Key, Tree, Value};

pub type Strings<'a> = Vec<Placed<&'a str>>;

/// Unknown keys that may be a slip of one that is missing; who has more has other worries.
const MOST_SLIPS: usize = 100;

/// Reads one table. Each key is asked for once; [`Reader::finish`] complains of the others.
#[derive(Debug)]
pub struct Reader<'a> {
    pub report: &'a Report,
    /// The table, for complaints about the whole: its header, else its first key.
    pub place: Range<usize>,
    /// What the table describes: "a service".
    what: &'static str,
    entries: &'a [(Key, Tree)],
    known: Vec<&'static str>,
}

impl<'a> Reader<'a> {
    /// The whole file; `what` says what it is.
    pub fn document(report: &'a Report, tree: &'a Tree, what: &'static str) -> Self {
        Self::new(report, tree, what)
    }

    fn new(report: &'a Report, tree: &'a Tree, what: &'static str) -> Self {
        let entries: &[(Key, Tree)] = match &tree.value {
            Value::Table(entries) => entries,
            _ => &[],
        };
        let first = entries.first().map_or(0..0, |(key, _)| key.span.clone());
        let place = if tree.span.is_empty() { first } else { tree.span.clone() };
        Self { report, place, what, entries, known: Vec::new() }
    }

    pub fn entry(&mut self, key: &'static str) -> Option<(&'a Key, &'a Tree)> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.entries.iter().find(|(k, _)| k.text == key).map(|(k, tree)| (k, tree))
    }

    /// Whether `key` is written.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, _)| k.text == key)
    }

    /// Where `key` is written, else the table.
    pub fn place_of(&self, key: &str) -> Range<usize> {
        self.entries
            .iter()
            .find(|(k, _)| k.text == key)
            .map_or(self.place.clone(), |(k, _)| k.span.clone())
    }

    pub fn string(&mut self, key: &'static str) -> Option<Placed<&'a str>> {
        let (_, tree) = self.entry(key)?;
        self.as_string(key, tree)
    }

    pub fn boolean(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let (_, tree) = self.entry(key)?;
        if let Value::Boolean(yes) = tree.value {
            return Some(Placed::new(yes, tree.span.clone()));
        }
        let label = match &tree.value {
            Value::String(text) if text == "true" || text == "false" => {
                format!("write {text} without quotes")
            }
            _ => "write true or false".to_owned(),
        };
        self.wrong_type(key, tree, "true or false", label);
        None
    }

    /// A whole number within `range`.
    pub fn integer<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Placed<T>> {
        let (_, tree) = self.entry(key)?;
        self.as_integer(key, tree, &range)
    }

    /// A list of whole numbers within `range`.
    pub fn integers<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
    ) -> Option<Vec<T>> {
        let (_, tree) = self.entry(key)?;
        let Value::List(items) = &tree.value else {
            self.wrong_type(key, tree, "a list", format!("write [{}, …]", range.start()));
            return None;
        };
        let numbers = items.iter().filter_map(|item| self.as_integer(key, item, &range));
        Some(numbers.map(|number| number.value).collect())
    }

    /// A duration of at least `least`.
    pub fn duration(&mut self, key: &'static str, least: Duration) -> Option<Placed<Duration>> {
        let (_, tree) = self.entry(key)?;
        let text = match &tree.value {
            Value::String(text) => text,
            Value::Integer(number) => {
                self.wrong_type(key, tree, "a duration", format!("write \"{number}s\""));
                return None;
            }
            Value::Float(number) => {
                self.wrong_type(key, tree, "a duration", format!("write \"{number}s\""));
                return None;
            }
            _ => {
                self.wrong_type(key, tree, "a duration", "write \"500ms\", \"5s\" or \"1m30s\"");
                return None;
            }
        };
        let Some(value) = duration::parse(text) else {
            self.report.error(
                tree.span.clone(),
                format!("invalid duration {text:?}"),
                "write a number and a unit, like \"500ms\", \"5s\" or \"1m30s\"",
            );
            return None;
        };
        if value < least {
            let message = format!("{key:?} is too short");
            self.report.error(
                tree.span.clone(),
                message,
                format!("write {:?} or more", duration::show(least)),
            );
            return None;
        }
        Some(Placed::new(value, tree.span.clone()))
    }

    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Placed<T>> {
        let text = self.string(key)?;
        if let Some(&(_, value)) = choices.iter().find(|(word, _)| *word == text.value) {
            return Some(Placed::new(value, text.span));
        }
        let words = choices.iter().map(|(word, _)| *word);
        let label = match nearest(text.value, words.clone()) {
            Some(word) => format!("did you mean {word:?}?"),
            None => format!("write {}", one_of(words)),
        };
        self.report.error(text.span, format!("invalid value {:?} for {key:?}", text.value), label);
        None
    }

    pub fn strings(&mut self, key: &'static str) -> Option<Strings<'a>> {
        let (_, tree) = self.entry(key)?;
        let Value::List(items) = &tree.value else {
            let label = match &tree.value {
                Value::String(text) => format!("write [{text:?}]"),
                _ => "write [\"…\", \"…\"]".to_owned(),
            };
            self.wrong_type(key, tree, "a list of strings", label);
            return None;
        };
        Some(items.iter().filter_map(|item| self.as_string(key, item)).collect())
    }

    pub fn string_or_strings(&mut self, key: &'static str) -> Option<Strings<'a>> {
        let (_, tree) = self.entry(key)?;
        self.as_strings(key, tree)
    }

    pub fn string_table(&mut self, key: &'static str) -> Option<Vec<(&'a Key, Placed<&'a str>)>> {
        let entries = self.any_table(key)?;
        let read = |(k, tree): &'a (Key, Tree)| Some((k, self.as_string(&k.text, tree)?));
        Some(entries.iter().filter_map(read).collect())
    }

    /// A table of lists of strings; a string alone is a list of one.
    pub fn strings_table(&mut self, key: &'static str) -> Option<Vec<(&'a Key, Strings<'a>)>> {
        let entries = self.any_table(key)?;
        let read = |(k, tree): &'a (Key, Tree)| Some((k, self.as_strings(&k.text, tree)?));
        Some(entries.iter().filter_map(read).collect())
    }

    /// A table that describes `what`: a header as `[dns]`, or a key within another table.
    pub fn table(&mut self, key: &'static str, what: &'static str) -> Option<Self> {
        let (_, tree) = self.entry(key)?;
        if matches!(tree.value, Value::Table(_)) {
            return Some(Reader::new(self.report, tree, what));
        }
        let label = if what.starts_with('[') {
            format!("write {what} on its own line, and its keys below it")
        } else {
            format!("write {key} = {{ … }}")
        };
        self.wrong_type(key, tree, "a table", label);
        None
    }

    /// Tables that each describe `what`; none when the key is not written. `header` is how one
    /// is begun: `[[service]]`.
    pub fn tables(&mut self, key: &'static str, what: &'static str, header: &str) -> Vec<Self> {
        let Some((_, tree)) = self.entry(key) else { return Vec::new() };
        let Value::List(items) = &tree.value else {
            self.wrong_type(key, tree, "a list of tables", format!("write {header}"));
            return Vec::new();
        };
        let mut readers = Vec::with_capacity(items.len());
        for item in items {
            if matches!(item.value, Value::Table(_)) {
                readers.push(Reader::new(self.report, item, what));
            } else {
                self.wrong_type(key, item, "a list of tables", format!("write {header}"));
            }
        }
        readers
    }

    /// Complains when `key`, already asked for, is not written. A slip of it is reported as the
    /// unknown key that it is.
    pub fn require(&self, key: &str, label: &str) {
        if self.has(key) || self.misspelt(key) || self.report.is_broken() {
            return;
        }
        self.report.error(self.place.clone(), format!("{} needs {key:?}", self.what), label);
    }

    /// Whether a key that nobody has asked for reads like `key`.
    pub fn misspelt(&self, key: &str) -> bool {
        self.unknown()
            .take(MOST_SLIPS)
            .any(|k| nearest(&k.text, self.known.iter().copied()) == Some(key))
    }

    /// Complains of every key that was not asked for.
    pub fn finish(self) {
        for key in self.unknown() {
            self.report.error_with(key.span.clone(), || {
                let label = match nearest(&key.text, self.known.iter().copied()) {
                    Some(word) => format!("did you mean {word:?}?"),
                    None => format!("{} accepts {}", self.what, list(&self.known)),
                };
                (format!("unknown key {:?}", key.text), label)
            });
        }
    }

    pub fn unknown(&self) -> impl Iterator<Item = &'a Key> + '_ {
        self.entries.iter().map(|(key, _)| key).filter(|k| !self.known.contains(&&*k.text))
    }

    /// Complains that the value of `key` is of another type.
    pub fn wrong_type(&self, key: &str, tree: &Tree, wanted: &str, label: impl Into<String>) {
        let message = format!("{key:?} must be {wanted}, not {}", tree.value.kind());
        self.report.error(tree.span.clone(), message, label);
    }

    fn any_table(&mut self, key: &'static str) -> Option<&'a [(Key, Tree)]> {
        let (_, tree) = self.entry(key)?;
        if let Value::Table(entries) = &tree.value {
            return Some(entries);
        }
        self.wrong_type(key, tree, "a table", format!("write {key} = {{ … = \"…\" }}"));
        None
    }

    fn as_string(&self, key: &str, tree: &'a Tree) -> Option<Placed<&'a str>> {
        let label = match &tree.value {
            Value::String(text) => return Some(Placed::new(text, tree.span.clone())),
            Value::Integer(number) => format!("write \"{number}\""),
            Value::Float(number) => format!("write \"{number}\""),
            Value::Boolean(yes) => format!("write \"{yes}\""),
            Value::List(_) | Value::Table(_) | Value::Other(_) => "write \"…\"".to_owned(),
        };
        self.wrong_type(key, tree, "a string", label);
        None
    }

    fn as_strings(&self, key: &str, tree: &'a Tree) -> Option<Strings<'a>> {
        match &tree.value {
            Value::List(items) => {
                Some(items.iter().filter_map(|item| self.as_string(key, item)).collect())
            }
            _ => Some(vec![self.as_string(key, tree)?]),
        }
    }

    fn as_integer<T: TryFrom<i64>>(
        &self,
        key: &str,
        tree: &Tree,
        range: &RangeInclusive<i64>,
    ) -> Option<Placed<T>> {
        let Value::Integer(number) = tree.value else {
            let label = match &tree.value {
                Value::String(text) if text.parse::<i64>().is_ok() => {
                    format!("write {text} without quotes")
                }
                _ => format!("write a number from {} to {}", range.start(), range.end()),
            };
            self.wrong_type(key, tree, "a whole number", label);
            return None;
        };
        let value = range.contains(&number).then(|| T::try_from(number).ok()).flatten();
        if value.is_none() {
            self.report.error(
                tree.span.clone(),
                format!("{key:?} is {number}, which is out of range"),
                format!("write a number from {} to {}", range.start(), range.end()),
            );
        }
        value.map(|value| Placed::new(value, tree.span.clone()))
    }
}

/// `"a", "b" or "c"`.
fn one_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

/// The keys in the order of their meaning, which is the order they were asked for in.
fn list(keys: &[&str]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("{key:?}")).collect();
    format!("the keys {}", quoted.join(", "))
}
