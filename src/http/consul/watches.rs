//! Who waits for a change of what, and the one task that wakes them: only those who wait for what
//! has changed, at a cost in proportion to the change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::engine::task::Handle;
use crate::model::name::Name;
use crate::snapshot::Snapshot;

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// By its folded name.
    Service(Box<str>),
    Names,
    Node,
    Anything,
}

/// See the module. There are no more entries than connections: somebody waits for each.
#[derive(Debug, Default)]
pub struct Watches(Mutex<HashMap<Key, Arc<Notify>>>);

/// One who waits; the entry of the last goes with him.
pub(super) struct Watch<'w> {
    watches: &'w Watches,
    key: Key,
    pub(super) changed: Arc<Notify>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let mut entries = self.watches.entries();
        // The entry's and this one.
        if Arc::strong_count(&self.changed) <= 2 {
            entries.remove(&self.key);
        }
    }
}

impl Watches {
    /// Wakes those who wait, until the engine ends.
    pub async fn follow(self: Arc<Self>, engine: Handle, zone: Name) {
        let mut generation = engine.generation();
        let mut before = engine.board().snapshot();
        while generation.changed().await.is_ok() {
            let after = engine.board().snapshot();
            self.wake([&before, &after], &zone);
            before = after;
        }
    }

    pub(super) fn watch(&self, key: Key) -> Watch<'_> {
        let changed = Arc::clone(self.entries().entry(key.clone()).or_default());
        Watch { watches: self, key, changed }
    }

    /// Wakes those who wait for what is not the same in both.
    fn wake(&self, snapshots: [&Snapshot; 2], zone: &Name) {
        let entries = self.entries();
        if entries.is_empty() {
            return;
        }
        let [before, after] = snapshots.map(|snapshot| snapshot.zones.get(zone.as_wire()));
        let (Some(before), Some(after)) = (before, after) else {
            if before.is_some() || after.is_some() {
                entries.values().for_each(|waiting| waiting.notify_waiters());
            }
            return;
        };
        let wake = |key: &Key| entries.get(key).into_iter().for_each(|it| it.notify_waiters());
        if before.changes.any != after.changes.any {
            wake(&Key::Anything);
        }
        if before.changes.names != after.changes.names {
            wake(&Key::Names);
        }
        let changed = after.services.differing(&before.services, |a, b| a.changed == b.changed);
        changed.for_each(|name| wake(&Key::Service(name.as_str().into())));
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
