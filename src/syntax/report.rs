//! One file and all that is complained of it so far.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};

/// Collects the complaints about one file. Readers of its tables share it, one inside the other,
/// hence the cell; it lives as long as the reading of the file and stays in one thread.
#[derive(Debug)]
pub struct Report {
    pub path: Arc<Path>,
    pub text: Arc<str>,
    complaints: RefCell<Complaints>,
    refused: Cell<bool>,
    /// Where lines begin that are no syntax at all, and where they end; none overlaps another.
    broken: RefCell<BTreeMap<usize, usize>>,
    /// Where lines end, once somebody has asked.
    line_ends: OnceCell<Vec<usize>>,
}

impl Report {
    pub fn new(path: Arc<Path>, text: Arc<str>) -> Self {
        Self {
            path,
            text,
            complaints: RefCell::default(),
            refused: Cell::new(false),
            broken: RefCell::default(),
            line_ends: OnceCell::new(),
        }
    }

    /// An error at `span`, with what to write instead.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        self.error_with(span, || (message.into(), label.into()));
    }

    /// An error whose words cost something: they are asked for when it will be shown.
    pub fn error_with(&self, span: Range<usize>, words: impl FnOnce() -> (String, String)) {
        if !self.may_be_misread(&span) {
            self.refused.set(true);
            self.push(Severity::Error, span, words);
        }
    }

    /// An error that refuses what stands at `span`, and not the file.
    pub fn refusal(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        if !self.may_be_misread(&span) {
            self.push(Severity::Error, span, || (message.into(), label.into()));
        }
    }

    /// A warning at `span`, with what to write instead.
    pub fn warning(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        if !self.may_be_misread(&span) {
            self.push(Severity::Warning, span, || (message.into(), label.into()));
        }
    }

    /// An error of syntax. What a recovering parser makes of that line is not complained of.
    pub fn syntax_error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        // A line that is known to be broken need not be measured again.
        if !self.may_be_misread(&span) {
            let Range { start, end } = self.misread(span.start);
            self.broken.borrow_mut().insert(start, end);
        }
        self.refused.set(true);
        self.push(Severity::Error, span, || (message.into(), label.into()));
    }

    /// Whether a key that is not found may stand in a line that could not be read.
    pub fn is_broken(&self) -> bool {
        !self.broken.borrow().is_empty()
    }

    /// The number of the line at `offset`, from 1.
    pub fn line_number(&self, offset: usize) -> usize {
        let ends = || self.text.match_indices('\n').map(|(at, _)| at).collect();
        1 + self.line_ends.get_or_init(ends).partition_point(|end| *end < offset)
    }

    /// `value` unless an error was found, and every complaint in the order of places.
    pub fn finish<T>(self, value: Option<T>) -> (Option<T>, Vec<Diagnostic>) {
        let mut diagnostics = self.complaints.into_inner().into_vec();
        diagnostics.dedup();
        (value.filter(|_| !self.refused.get()), diagnostics)
    }

    fn push(
        &self,
        severity: Severity,
        span: Range<usize>,
        words: impl FnOnce() -> (String, String),
    ) {
        self.complaints.borrow_mut().push_with(&self.path, severity, || {
            let (message, label) = words();
            let error = Diagnostic::error(&self.path, &self.text, span, message);
            Diagnostic { severity, ..error.with_label(label) }
        });
    }

    /// Whether a parser that went on after an error of syntax may have misread what is at `span`.
    fn may_be_misread(&self, span: &Range<usize>) -> bool {
        let broken = self.broken.borrow();
        broken.range(..=span.start).next_back().is_some_and(|(_, end)| span.start < *end)
    }

    /// What an error of syntax at `offset` puts in doubt: its line, and all that stands under it
    /// when the line is a table's header.
    fn misread(&self, offset: usize) -> Range<usize> {
        let bytes = self.text.as_bytes();
        let (before, after) = bytes.split_at(offset.min(bytes.len()));
        let start = before.iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
        let is_header = bytes.get(start) == Some(&b'[');
        let ends = |pair: &[u8]| matches!(pair, [b'\n', next] if !is_header || *next == b'[');
        let end = after.windows(2).position(ends).map_or(bytes.len() + 1, |at| offset + at + 1);
        start..end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complaints::MOST_OF_FILE;

    fn report(text: &str) -> Report {
        Report::new(Path::new("a").into(), text.into())
    }

    #[test]
    fn words_are_asked_for_as_long_as_they_will_be_shown() {
        let (report, asked) = (report("x"), Cell::new(0));
        for _ in 0..1_000_000 {
            report.error_with(0..1, || {
                asked.set(asked.get() + 1);
                (asked.get().to_string(), String::new())
            });
        }
        assert_eq!(asked.get(), MOST_OF_FILE);
        let (value, diagnostics) = report.finish(Some(()));
        assert_eq!(value, None);
        assert_eq!(diagnostics.len(), MOST_OF_FILE + 1);
        assert_eq!(diagnostics.iter().map(Diagnostic::count).sum::<usize>(), 1_000_000);
    }

    #[test]
    fn warnings_take_no_room_of_errors_and_refuse_nothing() {
        let report = report("x");
        for number in 0..1000 {
            report.warning(0..1, format!("{number}"), "");
        }
        report.refusal(0..1, "an error", "");
        let (value, diagnostics) = report.finish(Some(()));
        assert_eq!(value, Some(()));
        assert!(diagnostics.iter().any(|d| d.message == "an error"));
        assert_eq!(diagnostics.last().unwrap().message, "900 more warnings in this file");
    }

    #[test]
    fn a_broken_line_is_measured_once_however_many_errors_it_has() {
        let report = report("a = 1\n[b\nc = 1\n[d]\ne = 1");
        for _ in 0..1000 {
            report.syntax_error(7..8, "wrong", "");
        }
        // Under the header of a table, and so within what is broken already.
        report.syntax_error(9..10, "wrong", "");
        assert_eq!(report.broken.borrow().len(), 1);
        report.syntax_error(2..3, "wrong", "");
        assert_eq!(*report.broken.borrow(), BTreeMap::from([(0, 6), (6, 15)]));
        let misread: Vec<_> = (0..20).filter(|at| report.may_be_misread(&(*at..*at))).collect();
        assert_eq!(misread, (0..15).collect::<Vec<_>>());
    }
}
