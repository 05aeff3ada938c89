//! What is registered over HTTP, as it is stored and served: what readers are shown.

use std::sync::Arc;

use crate::model::agent::{AgentCheck, AgentService};
use crate::model::name::Label;
use crate::model::service::InstanceId;
use crate::snapshot::persistent_map::PersistentMap;

/// See the module. A copy costs next to nothing.
#[derive(Clone, Debug, Default)]
pub struct AgentView {
    /// By id.
    pub services: PersistentMap<Arc<str>, Arc<AgentService>>,
    /// The node's own, by id.
    pub checks: PersistentMap<Arc<str>, Arc<AgentCheck>>,
    /// Whose each check is, by the check's id.
    pub(super) owners: PersistentMap<Arc<str>, Owner>,
    /// The ids that are not written as the catalogue has them, by what it has.
    spelt: PersistentMap<(Label, InstanceId), Arc<str>>,
}

/// Whose a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Service(Arc<str>),
    Node,
}

impl AgentView {
    /// A check of a service or of the node.
    pub fn check(&self, id: &str) -> Option<&AgentCheck> {
        match self.owners.get(id)? {
            Owner::Node => self.checks.get(id).map(|check| &**check),
            Owner::Service(service) => {
                self.services.get(service)?.checks.iter().find(|check| *check.id == *id)
            }
        }
    }

    /// The registration of this instance, unless it is another source's.
    pub fn instance(&self, service: &Label, id: &InstanceId) -> Option<&AgentService> {
        let is_it = |found: &&Arc<AgentService>| found.name.eq_ignore_ascii_case(service.as_str());
        let written = self.services.get(id.as_str()).filter(is_it);
        let spelt = || self.services.get(self.spelt.get(&(service.clone(), id.clone()))?);
        written.or_else(spelt).map(|found| &**found)
    }

    /// Puts a service in the place of the one with its id.
    pub(super) fn put(&mut self, service: AgentService) {
        self.remove(&Arc::clone(&service.id));
        for check in &service.checks {
            let owner = Owner::Service(Arc::clone(&service.id));
            self.owners.insert(Arc::clone(&check.id), owner);
        }
        if let Some(key) = spelt(&service) {
            self.spelt.insert(key, Arc::clone(&service.id));
        }
        self.services.insert(Arc::clone(&service.id), Arc::new(service));
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(old) = self.services.remove(id) else { return };
        for check in &old.checks {
            self.owners.remove(&check.id);
        }
        if let Some(key) = spelt(&old) {
            self.spelt.remove(&key);
        }
    }

    pub(super) fn put_check(&mut self, check: AgentCheck) {
        let id = Arc::clone(&check.id);
        self.owners.insert(Arc::clone(&id), Owner::Node);
        self.checks.insert(id, Arc::new(check));
    }

    pub(super) fn remove_check(&mut self, id: &str) {
        self.checks.remove(id);
        self.owners.remove(id);
    }
}

/// Its name and id in the catalogue, where that has the id in other letters.
fn spelt(service: &AgentService) -> Option<(Label, InstanceId)> {
    let id = InstanceId::keep(&service.id);
    (id.as_str() != &*service.id).then_some(())?;
    Some((Label::parse(&service.name).ok()?, id))
}
