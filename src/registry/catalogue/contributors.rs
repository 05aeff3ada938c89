//! The entries that define one service, in order of precedence.

use std::collections::BTreeSet;

use crate::model::origin::EntryId;

/// See the module. One entry, as most services have, needs no set.
#[derive(Debug)]
pub(super) enum Contributors {
    One(EntryId),
    Many(BTreeSet<EntryId>),
}

impl Contributors {
    /// Costs the logarithm of how many there are, as removing does.
    pub(super) fn insert(&mut self, id: &EntryId) {
        match self {
            Self::One(one) if one == id => {}
            Self::One(one) => *self = Self::Many([one.clone(), id.clone()].into()),
            Self::Many(many) => drop(many.insert(id.clone())),
        }
    }

    /// Whether nobody is left then.
    pub(super) fn remove(&mut self, id: &EntryId) -> bool {
        match self {
            Self::One(one) => one == id,
            Self::Many(many) => {
                many.remove(id);
                many.is_empty()
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &EntryId> {
        let (one, many) = match self {
            Self::One(one) => (Some(one), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
