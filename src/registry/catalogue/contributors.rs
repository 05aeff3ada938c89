//! The entries that define one service, in order of precedence.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::definition::Document;
use crate::model::origin::EntryId;

/// What an entry says, where that is this one service: of ten thousand registrations none is looked
/// for then.
pub(super) type Alone = Option<Arc<Document>>;

/// See the module. One entry, as most services have, needs no map.
#[derive(Debug)]
pub(super) enum Contributors {
    One(EntryId, Alone),
    Many(BTreeMap<EntryId, Alone>),
}

impl Contributors {
    /// Costs the logarithm of how many there are, as removing does.
    pub(super) fn insert(&mut self, id: &EntryId, says: Alone) {
        match self {
            Self::One(one, said) if one == id => *said = says,
            Self::One(one, said) => {
                *self = Self::Many([(one.clone(), said.take()), (id.clone(), says)].into());
            }
            Self::Many(many) => drop(many.insert(id.clone(), says)),
        }
    }

    /// Whether nobody is left then.
    pub(super) fn remove(&mut self, id: &EntryId) -> bool {
        match self {
            Self::One(one, _) => one == id,
            Self::Many(many) => {
                many.remove(id);
                many.is_empty()
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&EntryId, &Alone)> {
        let (one, many) = match self {
            Self::One(one, says) => (Some((one, says)), None),
            Self::Many(many) => (None, Some(many)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}
