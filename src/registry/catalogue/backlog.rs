//! What sources have told and what is not worked off yet: a turn does as much of it as its budget
//! allows.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::vec;

use crate::diagnostic::Diagnostic;
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::{Label, Name};
use crate::model::origin::{EntryId, Origin};
use crate::model::service::ServiceKey;
use crate::registry::catalogue::changes::Listed;
use crate::sources::Change;

/// Changes of so few services need not wait for those of large files.
const FEW: usize = 100;

/// How much may still be done in a turn: a unit is what one instance of a service costs.
#[derive(Debug)]
pub struct Budget(usize);

impl Budget {
    /// For one turn: some 10 ms of work, and one service more.
    pub fn of_turn() -> Self {
        Self(3_000)
    }

    /// For the start, during which nobody is answered.
    pub fn of_start() -> Self {
        Self(usize::MAX)
    }

    pub fn spend(&mut self, units: usize) {
        self.0 = self.0.saturating_sub(units);
    }

    pub fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pub(super) lists: VecDeque<List>,
    pub(super) marks: VecDeque<Mark>,
    /// Services to be merged anew, those of short lists and those of long ones.
    few: BTreeSet<ServiceKey>,
    many: BTreeSet<ServiceKey>,
    /// Sources that have told their first whole list, until it is worked off.
    pub(super) synced: Vec<Origin>,
}

/// Changes that were told together.
#[derive(Debug)]
pub(super) struct List {
    pub(super) changes: vec::IntoIter<Change>,
    pub(super) listed: Listed,
    pub(super) zones_moved: bool,
    pub(super) touched: Touched,
    /// The touched zones whose static names are still to be merged, once all changes are taken in.
    zones: Option<vec::IntoIter<Name>>,
}

/// What changes have touched, beside services.
#[derive(Debug, Default)]
pub struct Touched {
    /// Zones that have come, gone or changed their settings or static names.
    pub zones: BTreeSet<Name>,
    /// Complaints that are new.
    pub complaints: Vec<Diagnostic>,
}

impl List {
    pub(super) fn next_zone(&mut self) -> Option<Name> {
        let all = || self.touched.zones.iter().cloned().collect::<Vec<_>>().into_iter();
        self.zones.get_or_insert_with(all).next()
    }
}

/// Services to be looked up and then merged anew.
#[derive(Debug)]
pub(super) enum Mark {
    /// Those of what an entry says, from this place on.
    Document { id: EntryId, zone: Name, document: Arc<Document>, from: usize },
    /// Those of what it said: so many, and those that are left. To let go of all at once would take
    /// long.
    Gone { id: EntryId, zone: Name, of: usize, rest: vec::IntoIter<Arc<ServiceDefinition>> },
    /// Those of a zone, behind this one.
    Zone { apex: Name, after: Option<Label> },
}

impl Backlog {
    pub(super) fn push(&mut self, changes: Vec<Change>) {
        let listed = Listed::of(&changes);
        let (changes, touched) = (changes.into_iter(), Touched::default());
        let list = List { changes, listed, zones_moved: false, touched, zones: None };
        self.lists.push_back(list);
    }

    /// A service is to be merged anew, of so many of its kind.
    pub(super) fn mark(&mut self, key: ServiceKey, of: usize) {
        let marked = if of <= FEW { &mut self.few } else { &mut self.many };
        marked.insert(key);
    }

    /// The next service to be merged. None while changes that were told together are taken in only in
    /// part: one that moves from one entry to another would be lost on its way.
    pub(super) fn next_service(&mut self) -> Option<ServiceKey> {
        if !self.lists.is_empty() || !self.marks.is_empty() {
            return None;
        }
        self.few.pop_first().or_else(|| self.many.pop_first())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty()
            && self.marks.is_empty()
            && self.few.is_empty()
            && self.many.is_empty()
    }
}
