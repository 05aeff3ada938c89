//! Counts the files that are in error, complaint by complaint: a change costs what has changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Errors(BTreeMap<Arc<Path>, usize>);

impl Errors {
    /// Complaints that stand from now on.
    pub(super) fn add(&mut self, complaints: &[Diagnostic]) {
        for error in errors(complaints) {
            *self.0.entry(Arc::clone(&error.path)).or_default() += 1;
        }
    }

    /// Complaints that stand no more.
    pub(super) fn remove(&mut self, complaints: &[Diagnostic]) {
        for error in errors(complaints) {
            let Some(count) = self.0.get_mut(&error.path) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(&error.path);
            }
        }
    }

    /// Puts complaints in the place of others.
    pub(super) fn replace(&mut self, old: &mut Vec<Diagnostic>, new: Vec<Diagnostic>) {
        self.remove(old);
        self.add(&new);
        *old = new;
    }

    /// How many files are in error.
    pub(super) fn files(&self) -> usize {
        self.0.len()
    }
}

fn errors(complaints: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    complaints.iter().filter(|complaint| complaint.severity == Severity::Error)
}
