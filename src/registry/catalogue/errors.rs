//! Counts what is in error of each source, complaint by complaint: a change costs what has changed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::origin::Origin;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Errors {
    counts: BTreeMap<Origin, BTreeMap<Arc<Path>, usize>>,
    /// Counts complaints, warnings too, that have come and gone.
    changes: u64,
}

impl Errors {
    /// Complaints that stand from now on.
    pub(super) fn add(&mut self, complaints: &[Diagnostic]) {
        self.changes += complaints.len() as u64;
        for error in errors(complaints) {
            let counts = self.counts.entry(error.origin).or_default();
            *counts.entry(Arc::clone(&error.path)).or_default() += 1;
        }
    }

    /// Complaints that stand no more.
    pub(super) fn remove(&mut self, complaints: &[Diagnostic]) {
        self.changes += complaints.len() as u64;
        for error in errors(complaints) {
            let Some(counts) = self.counts.get_mut(&error.origin) else { continue };
            let Some(count) = counts.get_mut(&error.path) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&error.path);
            }
        }
    }

    /// Puts complaints in the place of others.
    pub(super) fn replace(&mut self, old: &mut Vec<Diagnostic>, new: Vec<Diagnostic>) {
        self.remove(old);
        self.add(&new);
        *old = new;
    }

    /// How many files, or other places, of a source are in error.
    pub(super) fn of(&self, origin: Origin) -> usize {
        self.counts.get(&origin).map_or(0, BTreeMap::len)
    }

    /// Another number whenever another complaint stands.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }
}

fn errors(complaints: &[Diagnostic]) -> impl Iterator<Item = &Diagnostic> {
    complaints.iter().filter(|complaint| complaint.severity == Severity::Error)
}
