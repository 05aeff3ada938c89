//! One file and all that is complained of it so far.

use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};

/// Nobody reads more about one file.
const MOST: usize = 1000;

/// Collects the complaints about one file. Readers of its tables share it, one inside the other,
/// hence the cell; it lives as long as the reading of the file and stays in one thread.
#[derive(Debug)]
pub struct Report {
    /// The file as diagnostics name it.
    pub path: Arc<Path>,
    /// Its text.
    pub text: Arc<str>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    /// Whether an error was found, shown or not.
    refused: Cell<bool>,
    /// Where lines begin and end that are no syntax at all.
    broken: RefCell<Vec<Range<usize>>>,
    /// Where lines end, once somebody has asked.
    line_ends: OnceCell<Vec<usize>>,
}

impl Report {
    /// Nothing to complain of yet.
    pub fn new(path: Arc<Path>, text: Arc<str>) -> Self {
        Self {
            path,
            text,
            diagnostics: RefCell::default(),
            refused: Cell::new(false),
            broken: RefCell::default(),
            line_ends: OnceCell::new(),
        }
    }

    /// An error at `span`, with what to write instead.
    pub fn error(&self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        if self.may_be_misread(&span) {
            return;
        }
        self.push(Diagnostic::error(&self.path, &self.text, span, message).with_label(label));
    }

    /// An error that refuses what stands at `span`, and not the file.
    pub fn refusal(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        if !self.may_be_misread(&span) {
            let error = Diagnostic::error(&self.path, &self.text, span, message);
            self.keep(error.with_label(label));
        }
    }

    /// A warning at `span`, with what to write instead.
    pub fn warning(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        if self.may_be_misread(&span) {
            return;
        }
        self.push(Diagnostic::warning(&self.path, &self.text, span, message).with_label(label));
    }

    /// An error of syntax. What a recovering parser makes of that line is not complained of.
    pub fn syntax_error(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
    ) {
        let broken = self.misread(span.start);
        self.push(Diagnostic::error(&self.path, &self.text, span, message).with_label(label));
        if self.broken.borrow().last() != Some(&broken) {
            self.broken.borrow_mut().push(broken);
        }
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
        let mut diagnostics = self.diagnostics.into_inner();
        diagnostics.sort_by_key(|d| d.span.as_ref().map(|span| span.start));
        diagnostics.dedup();
        (value.filter(|_| !self.refused.get()), diagnostics)
    }

    fn push(&self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.refused.set(true);
        }
        self.keep(diagnostic);
    }

    fn keep(&self, diagnostic: Diagnostic) {
        if self.diagnostics.borrow().len() < MOST {
            self.diagnostics.borrow_mut().push(diagnostic);
        }
    }

    /// Whether a parser that went on after an error of syntax may have misread what is at `span`.
    fn may_be_misread(&self, span: &Range<usize>) -> bool {
        self.broken.borrow().iter().any(|lines| lines.contains(&span.start))
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
