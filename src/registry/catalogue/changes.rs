//! What a list of changes tells of as a whole, and what it touches.

use std::collections::HashSet;

use crate::diagnostic::Diagnostic;
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::sources::Change;

/// The entries and zones that a list of changes tells of, if it is the whole list of a source.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) entries: HashSet<EntryId>,
    pub(super) zones: HashSet<(Origin, Name)>,
}

impl Listed {
    pub(super) fn of(changes: &[Change]) -> Self {
        let mut listed = Self::default();
        if !changes.iter().any(|change| matches!(change, Change::Synced(_))) {
            return listed;
        }
        for change in changes {
            match change {
                Change::Put(put) => drop(listed.entries.insert(put.id.clone())),
                Change::Zone(origin, settings) => {
                    listed.zones.insert((*origin, settings.apex.clone()));
                }
                Change::Gone(_)
                | Change::ZoneGone(..)
                | Change::Synced(_)
                | Change::Troubles(..) => {}
            }
        }
        listed
    }
}

pub(super) fn of_origin(origin: Origin, mut complaints: Vec<Diagnostic>) -> Vec<Diagnostic> {
    for complaint in &mut complaints {
        complaint.origin = origin;
    }
    complaints
}

/// The complaints that were not `known` before.
pub(super) fn news<'d>(
    complaints: &'d [Diagnostic],
    known: &'d [Diagnostic],
) -> impl Iterator<Item = Diagnostic> + use<'d> {
    // A text is read anew with each change, and may be long.
    let is_same = |one: &Diagnostic, other: &Diagnostic| {
        (&one.span, one.severity, &one.message, &one.label, &one.path)
            == (&other.span, other.severity, &other.message, &other.label, &other.path)
    };
    let is_new = move |one: &&Diagnostic| !known.iter().any(|other| is_same(one, other));
    complaints.iter().filter(is_new).cloned()
}
