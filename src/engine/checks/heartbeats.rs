//! The checks that wait for heartbeats: what they are called, and what is kept of them over a restart.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::health::scheduler::CheckId;
use crate::model::health::Verdict;
use crate::model::time::Instant;
use crate::store::registrations::{Op, Table};

/// What a crash may lose.
const PERIOD: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Heartbeats {
    names: HashMap<Arc<str>, Vec<CheckId>>,
    /// What the last process kept, by key, until its check is there.
    restored: HashMap<String, Saved>,
    /// What is to be kept, by key.
    unsaved: BTreeMap<String, Saved>,
    /// What is to be kept no longer: none of the keys above.
    gone: BTreeSet<String>,
    /// What of it the registrations that are being stored take along.
    going: BTreeSet<String>,
    /// What is being kept; `None` has gone.
    saving: BTreeMap<String, Option<Saved>>,
    /// When the last of it was given away.
    saved: Instant,
}

/// What a check was last told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) verdict: Verdict,
    pub(super) output: Arc<str>,
}

impl Heartbeats {
    /// Takes over what was kept; what cannot be read is left to be written over.
    pub(super) fn restore(&mut self, records: &[(String, String)]) {
        let read =
            |(key, json): &(String, String)| Some((key.clone(), serde_json::from_str(json).ok()?));
        self.restored.extend(records.iter().filter_map(read));
    }

    /// Nothing more comes with the start: what belongs to no check is forgotten.
    pub(super) fn forget_the_rest(&mut self) {
        let rest = std::mem::take(&mut self.restored);
        self.gone.extend(rest.into_keys());
    }

    /// A check has come; what the last process kept of it.
    pub(super) fn add(&mut self, id: CheckId, names: &[Arc<str>], key: &str) -> Option<Saved> {
        for name in names {
            let ids = self.names.entry(Arc::clone(name)).or_default();
            // The only check of a service is called the same twice.
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
        self.restored.remove(key)
    }

    pub(super) fn remove(&mut self, id: CheckId, names: &[Arc<str>], key: String) {
        for name in names {
            let Some(ids) = self.names.get_mut(name) else { continue };
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.names.remove(name);
            }
        }
        self.unsaved.remove(&key);
        self.gone.insert(key);
    }

    pub(super) fn named(&self, name: &str) -> &[CheckId] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn keep(&mut self, key: String, saved: Saved) {
        self.gone.remove(&key);
        self.unsaved.insert(key, saved);
    }

    /// When there is something to give away.
    pub(super) fn wake(&self) -> Option<Instant> {
        let is_due = !(self.unsaved.is_empty() && self.gone.is_empty()) && self.saving.is_empty();
        is_due.then_some(self.saved + PERIOD)
    }

    /// What is to be kept now.
    pub(super) fn save(&mut self, now: Instant) -> Vec<Op> {
        if self.wake().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.saved = now;
        let told = std::mem::take(&mut self.unsaved).into_iter();
        let gone = std::mem::take(&mut self.gone).into_iter().map(|key| (key, None));
        self.saving = told.map(|(key, saved)| (key, Some(saved))).chain(gone).collect();
        self.saving.iter().map(|(key, saved)| op(key, saved.as_ref())).collect()
    }

    /// What is to be kept whatever the time: there is no later one.
    pub(super) fn rest(&self) -> Vec<Op> {
        let saving = self.saving.iter().map(|(key, saved)| op(key, saved.as_ref()));
        let gone = self.going.iter().chain(&self.gone).map(|key| op(key, None));
        saving.chain(gone).chain(self.unsaved.iter().map(|(key, it)| op(key, Some(it)))).collect()
    }

    /// What has gone is removed with the next registrations: after a crash, a check that they
    /// register anew would otherwise say what an earlier one of that name was told.
    pub(super) fn gone(&mut self) -> Vec<Op> {
        self.going.extend(std::mem::take(&mut self.gone));
        self.going.iter().map(|key| op(key, None)).collect()
    }

    /// The registrations are stored, or what they took along is tried again.
    pub(super) fn end_going(&mut self, is_stored: bool) {
        let going = std::mem::take(&mut self.going).into_iter().filter(|_| !is_stored);
        self.gone.extend(going.filter(|key| !self.unsaved.contains_key(key)));
    }

    /// It is kept, or is tried again.
    pub(super) fn end_saving(&mut self, is_kept: bool) {
        let saving = std::mem::take(&mut self.saving);
        if !is_kept {
            for (key, saved) in saving {
                let has_gone = self.gone.contains(&key) || self.going.contains(&key);
                if has_gone || self.unsaved.contains_key(&key) {
                    continue;
                }
                match saved {
                    Some(saved) => drop(self.unsaved.insert(key, saved)),
                    None => drop(self.gone.insert(key)),
                }
            }
        }
    }
}

fn op(key: &str, saved: Option<&Saved>) -> Op {
    let (table, key) = (Table::Beats, key.into());
    match saved {
        Some(saved) => {
            let value = serde_json::to_string(saved).expect("it has text keys alone").into();
            Op::Put { table, key, value }
        }
        None => Op::Remove { table, key },
    }
}
