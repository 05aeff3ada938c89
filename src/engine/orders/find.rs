//! Which instance an order is about.

use std::time::Duration;

use crate::engine::orders::book::{Book, Note};
use crate::engine::registrations::view::AgentView;
use crate::engine::services::Services;
use crate::model::agent::{Act, Order, Refusal, Write};
use crate::model::name::{Label, Name};
use crate::model::service::{InstanceId, Service, ServiceKey};
use crate::registry::catalogue::Catalogue;

/// What is registered.
pub(crate) struct Finder<'a> {
    pub(crate) services: &'a Services,
    pub(crate) agent: &'a AgentView,
    pub(crate) catalogue: &'a Catalogue,
    /// Where services registered over HTTP are.
    pub(crate) zone: &'a Name,
}

/// An order of one instance.
pub(super) struct Found {
    pub(super) key: ServiceKey,
    pub(super) id: InstanceId,
    pub(super) act: Act,
    pub(super) note: Note,
    /// How long somebody may hold an answer with the instance.
    pub(super) longest: Duration,
}

impl Finder<'_> {
    /// What has an order in `book` is found although nobody registers it.
    pub(super) fn find(&self, write: &Write, book: &Book) -> Result<Found, Refusal> {
        match write {
            Write::Order(order) => self.by_service(order, book),
            Write::Maintenance { service, reason } => {
                let note = Note { reason: reason.clone().unwrap_or_default(), who: String::new() };
                let act = Act::Maintenance { on: reason.is_some() };
                let key = self.by_id(service, book)?;
                Ok(self.found((key, InstanceId::keep(service)), act, note))
            }
            Write::Register { .. }
            | Write::Deregister(_)
            | Write::RegisterCheck(_)
            | Write::DeregisterCheck(_)
            | Write::Beat { .. } => Err(Refusal::Invalid("this is no order".to_owned())),
        }
    }

    fn by_service(&self, order: &Order, book: &Book) -> Result<Found, Refusal> {
        let Order { service, id, act, reason, who } = order;
        let instance = InstanceId::keep(id);
        let missing = || Refusal::NoInstance { service: service.clone(), id: id.clone() };
        let all = self.services.iter().map(|(key, _)| key).chain(book.0.keys());
        let mut keys: Vec<&ServiceKey> = all.filter(|key| is_called(key, service)).collect();
        keys.sort_unstable();
        keys.dedup();
        let key = match keys[..] {
            [] => return Err(missing()),
            [key] => key,
            _ => return Err(several(service, &keys)),
        };
        if !self.has(key, &instance) && book.get(key, &instance).is_none() {
            return Err(missing());
        }
        let note = Note { reason: reason.clone(), who: who.clone() };
        Ok(self.found((key.clone(), instance), *act, note))
    }

    /// Of one registered over HTTP, else of the only service that has an instance with this id.
    fn by_id(&self, id: &str, book: &Book) -> Result<ServiceKey, Refusal> {
        if let Some(service) = self.agent.services.get(id)
            && let Ok(name) = Label::parse(&service.name)
        {
            return Ok(ServiceKey { zone: self.zone.clone(), name });
        }
        let instance = InstanceId::keep(id);
        let held: Vec<_> = self.catalogue.services_with(&instance).collect();
        let holders = held.iter().filter(|key| self.has(key, &instance));
        let ordered = book.0.iter().filter(|(_, all)| all.contains_key(&instance));
        let mut keys: Vec<_> = holders.chain(ordered.map(|(key, _)| key)).collect();
        keys.sort_unstable();
        keys.dedup();
        match keys[..] {
            [] => Err(Refusal::UnknownService(id.to_owned())),
            [key] => Ok(key.clone()),
            _ => Err(several(id, &keys)),
        }
    }

    fn service(&self, key: &ServiceKey) -> Option<&Service> {
        self.services.get(key).map(|state| &**state.service())
    }

    fn has(&self, key: &ServiceKey, id: &InstanceId) -> bool {
        self.service(key).is_some_and(|service| service.instances.iter().any(|i| i.id == *id))
    }

    fn found(&self, (key, id): (ServiceKey, InstanceId), act: Act, note: Note) -> Found {
        let longest = self.service(&key).map_or(0, |service| service.ttl.max(service.min_ttl));
        Found { key, id, act, note, longest: Duration::from_secs(longest.into()) }
    }
}

/// `web`, or `web.service.internal`.
fn is_called(key: &ServiceKey, service: &str) -> bool {
    let service = service.trim_end_matches('.').to_ascii_lowercase();
    key.name.as_str() == service || key.to_string().trim_end_matches('.') == service
}

fn several(what: &str, keys: &[&ServiceKey]) -> Refusal {
    let names = keys.iter().map(|key| key.to_string().trim_end_matches('.').to_owned());
    Refusal::Several { service: what.to_owned(), zones: names.collect() }
}
