//! The checks that wait for heartbeats: what they are called, and what is kept of them over a restart.

use std::collections::{BTreeMap, HashMap};
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
    /// What is to be kept, by key; `None` has gone.
    unsaved: BTreeMap<String, Option<Saved>>,
    /// What is being kept.
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
        self.unsaved.extend(rest.into_keys().map(|key| (key, None)));
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
        self.unsaved.insert(key, None);
    }

    pub(super) fn named(&self, name: &str) -> &[CheckId] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    pub(super) fn keep(&mut self, key: String, saved: Saved) {
        self.unsaved.insert(key, Some(saved));
    }

    /// When there is something to give away.
    pub(super) fn wake(&self) -> Option<Instant> {
        (!self.unsaved.is_empty() && self.saving.is_empty()).then_some(self.saved + PERIOD)
    }

    /// What is to be kept now.
    pub(super) fn save(&mut self, now: Instant) -> Vec<Op> {
        if self.wake().is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.saved = now;
        self.saving = std::mem::take(&mut self.unsaved);
        self.saving.iter().map(|(key, saved)| op(key, saved.as_ref())).collect()
    }

    /// What is to be kept whatever the time: there is no later one.
    pub(super) fn rest(&self) -> Vec<Op> {
        let all = self.saving.iter().chain(&self.unsaved);
        all.map(|(key, saved)| op(key, saved.as_ref())).collect()
    }

    /// It is kept, or is tried again.
    pub(super) fn end_saving(&mut self, is_kept: bool) {
        let saving = std::mem::take(&mut self.saving);
        if !is_kept {
            for (key, saved) in saving {
                self.unsaved.entry(key).or_insert(saved);
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
