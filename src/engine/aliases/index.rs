//! Which instances of one zone have alias checks, and whom these follow.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::nearest;
use crate::model::name::Label;
use crate::model::service::{Instance, Service};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Instances with this id.
    holders: ById,
    /// Instances whose alias checks follow this id.
    followers: ById,
    /// For ids that are followed and no instance has: one that may be meant.
    near: HashMap<Arc<str>, Arc<str>>,
}

/// Instances by an id, folded.
type ById = HashMap<Arc<str>, Vec<InstancePlace>>;

/// An instance of the zone.
#[derive(Clone, Debug)]
pub(super) struct InstancePlace {
    pub(super) service: Label,
    /// Its place in the service.
    pub(super) instance: usize,
    /// Its id, folded.
    pub(super) id: Arc<str>,
}

/// Every instance of a service.
pub(super) fn places(service: &Service) -> impl Iterator<Item = (&Instance, InstancePlace)> {
    service.instances.iter().zip(0..).map(|(registered, instance)| {
        let id = registered.id.as_str().to_ascii_lowercase().into();
        (registered, InstancePlace { service: service.key.name.clone(), instance, id })
    })
}

/// The ids that an instance follows.
pub(super) fn followed(instance: &Instance) -> impl Iterator<Item = &Arc<str>> {
    instance.checks.iter().filter_map(|check| check.kind.followed())
}

impl Index {
    pub(super) fn add(&mut self, service: &Service) {
        for (instance, place) in places(service) {
            for id in followed(instance) {
                self.followers.entry(Arc::clone(id)).or_default().push(place.clone());
            }
            self.near.remove(&place.id);
            self.holders.entry(Arc::clone(&place.id)).or_default().push(place);
        }
    }

    pub(super) fn remove(&mut self, service: &Service) {
        for (instance, place) in places(service) {
            followed(instance).for_each(|id| remove(&mut self.followers, id, &place.service));
            remove(&mut self.holders, &place.id, &place.service);
        }
    }

    /// Whether an instance has this id, folded.
    pub(super) fn has(&self, id: &str) -> bool {
        self.holders.contains_key(id)
    }

    /// Looks for an id that may be meant by this one, which no instance has.
    pub(super) fn find_near(&mut self, id: &Arc<str>) {
        let found = nearest(id, self.holders.keys().map(|id| &**id)).map(Arc::from);
        match found {
            Some(near) => self.near.insert(Arc::clone(id), near),
            None => self.near.remove(id),
        };
    }

    /// Forgets what was found for ids that this service followed, and nobody follows now.
    pub(super) fn forget_near(&mut self, old: &Service) {
        for id in old.instances.iter().flat_map(followed) {
            if !self.followers.contains_key(id) {
                self.near.remove(id);
            }
        }
    }

    /// What was found then, if it is still there.
    pub(super) fn near(&self, id: &str) -> Option<&Arc<str>> {
        self.near.get(id).filter(|near| self.has(near))
    }

    /// Instances, some of them more than once, that follow an id that no instance has.
    pub(super) fn dangling(&self) -> impl Iterator<Item = &InstancePlace> {
        self.followers.iter().filter(|(id, _)| !self.has(id)).flat_map(|(_, places)| places)
    }

    /// Whether there is no alias check.
    pub(super) fn is_empty(&self) -> bool {
        self.followers.is_empty()
    }

    pub(super) fn holders(&self, id: &str) -> &[InstancePlace] {
        self.holders.get(id).map_or(&[], |places| places)
    }

    pub(super) fn followers(&self, id: &str) -> &[InstancePlace] {
        self.followers.get(id).map_or(&[], |places| places)
    }
}

fn remove(table: &mut ById, id: &str, service: &Label) {
    let Some(places) = table.get_mut(id) else { return };
    places.retain(|place| place.service != *service);
    if places.is_empty() {
        table.remove(id);
    }
}
