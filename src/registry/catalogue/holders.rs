//! Which files define an instance with an id: every registration over HTTP asks.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::definition::ServiceDefinition;
use crate::model::origin::{EntryId, Origin};
use crate::model::service::InstanceId;

/// See the module. Hashes of ids, with the file's key: there are very many, and the files have the
/// ids themselves.
#[derive(Debug, Default)]
pub(super) struct Holders(BTreeSet<(u64, Arc<str>)>);

impl Holders {
    /// An entry defines these instances, or did and defines them no more. Costs the logarithm of how
    /// many there are, for each.
    pub(super) fn note(&mut self, id: &EntryId, definition: &ServiceDefinition, is_said: bool) {
        if id.origin != Origin::Files {
            return;
        }
        for instance in &definition.instances {
            let held = (hash(&instance.id), Arc::clone(&id.key));
            if is_said {
                self.0.insert(held);
            } else {
                self.0.remove(&held);
            }
        }
    }

    /// The files that may define an instance with this id, in order: one that does is among them.
    pub(super) fn of(&self, id: &InstanceId) -> impl Iterator<Item = EntryId> {
        let hash = hash(id);
        let from = self.0.range((hash, Arc::from(""))..);
        let all = from.take_while(move |(other, _)| *other == hash);
        all.map(|(_, key)| EntryId { origin: Origin::Files, key: Arc::clone(key) })
    }
}

fn hash(id: &InstanceId) -> u64 {
    FixedState::default().hash_one(id)
}
