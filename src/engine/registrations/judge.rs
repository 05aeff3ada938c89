//! Decides what a write changes, or why it is refused.

use std::sync::Arc;

use crate::engine::registrations::batch::{Batch, translate};
use crate::engine::registrations::view::Owner;
use crate::engine::settings::Registering;
use crate::model::agent::{AgentCheck, AgentService, Refusal, Write};
use crate::model::name::Label;
use crate::model::service::{InstanceId, ServiceKey};
use crate::registry::catalogue::Catalogue;
use crate::registry::merge::MOST_INSTANCES;

/// Services registered over HTTP. All are in memory, and a start reads each: it takes seconds then.
const MOST_SERVICES: usize = 200_000;
/// Of one service: each is written anew with any of them.
const MOST_CHECKS: usize = 256;
/// Each is a check of every instance.
const MOST_CHECKS_OF_NODE: usize = 16;

/// One batch of writes, each judged by what those before it leave.
pub(super) struct Judge<'a> {
    pub(super) batch: &'a mut Batch,
    pub(super) registering: &'a Registering,
    pub(super) catalogue: &'a Catalogue,
}

impl Judge<'_> {
    pub(super) fn judge(&mut self, write: Write) -> Result<(), Refusal> {
        match write {
            Write::Register { service, replace_checks } => self.register(*service, replace_checks),
            Write::Deregister(id) => self.deregister(&id),
            Write::RegisterCheck(check) => self.register_check(*check),
            Write::DeregisterCheck(id) => self.deregister_check(&id),
            Write::Beat { .. } | Write::Maintenance { .. } | Write::Order(_) => {
                Err(Refusal::Invalid("this registers nothing".to_owned()))
            }
        }
    }

    fn register(&mut self, mut service: AgentService, replace_checks: bool) -> Result<(), Refusal> {
        let id = Arc::clone(&service.id);
        let before = self.batch.next.services.get(&id).cloned();
        if let Some(before) = before.as_ref().filter(|_| !replace_checks) {
            let is_written = |id: &str| service.checks.iter().any(|own| *own.id == *id);
            let kept = before.checks.iter().filter(|check| !is_written(&check.id));
            let kept: Vec<_> = kept.cloned().collect();
            service.checks.extend(kept);
        }
        self.replace(service)?;
        let is_new = self.batch.next.services.get(&id) != before.as_ref();
        let list = if is_new { &mut self.batch.registered } else { &mut self.batch.again };
        list.push(id);
        Ok(())
    }

    /// Puts a service with all of its checks in the place of the one with its id.
    fn replace(&mut self, service: AgentService) -> Result<(), Refusal> {
        let id = Arc::clone(&service.id);
        if self.batch.next.services.get(&id).is_some_and(|before| **before == service) {
            return Ok(());
        }
        for check in &service.checks {
            self.is_free(&check.id, &Owner::Service(Arc::clone(&id)))?;
        }
        let translated = translate(&service, &self.batch.next, self.registering);
        let translated = translated.map_err(Refusal::Invalid)?;
        if let Some(held) = self.held(&id) {
            return Err(held);
        }
        self.is_apart(&service)?;
        self.has_room(&service)?;
        self.batch.next.put(service);
        self.batch.documents.insert(id, Some(translated));
        Ok(())
    }

    /// Names are compared without case, and so are ids that are names.
    fn is_apart(&self, service: &AgentService) -> Result<(), Refusal> {
        let AgentService { id, name, .. } = service;
        let Ok(label) = Label::parse(name) else { return Ok(()) };
        match self.batch.next.instance(&label, &InstanceId::keep(id)) {
            Some(other) if other.id != *id => Err(Refusal::Invalid(format!(
                "service {name:?} has an instance {:?}, and {id:?} differs from it in case only: \
                 DNS tells them not apart; give this one another id",
                other.id
            ))),
            Some(_) | None => Ok(()),
        }
    }

    fn deregister(&mut self, id: &Arc<str>) -> Result<(), Refusal> {
        if self.batch.next.services.get(id).is_none() {
            return Err(self.unknown(id));
        }
        self.batch.next.remove(id);
        self.batch.documents.insert(Arc::clone(id), None);
        Ok(())
    }

    fn register_check(&mut self, check: AgentCheck) -> Result<(), Refusal> {
        let Some(id) = &check.service else { return self.register_check_of_node(check) };
        let Some(service) = self.batch.next.services.get(id) else { return Err(self.unknown(id)) };
        let mut service = AgentService::clone(service);
        match service.checks.iter_mut().find(|own| own.id == check.id) {
            Some(own) => *own = check,
            None => service.checks.push(check),
        }
        self.replace(service)
    }

    fn register_check_of_node(&mut self, check: AgentCheck) -> Result<(), Refusal> {
        self.is_free(&check.id, &Owner::Node)?;
        let id = Arc::clone(&check.id);
        if self.batch.next.checks.get(&id).is_some_and(|before| **before == check) {
            return Ok(());
        }
        let checks = &self.batch.next.checks;
        if checks.get(&id).is_none() && checks.len() >= MOST_CHECKS_OF_NODE {
            return Err(Refusal::Invalid(format!(
                "the node has {MOST_CHECKS_OF_NODE} checks, and no more are taken: register checks \
                 of services, with a ServiceID"
            )));
        }
        let before = self.batch.next.clone();
        self.batch.next.put_check(check);
        let translated = self.translate_all();
        match translated {
            Ok(()) => {
                let check = self.batch.next.checks.get(&id).cloned();
                self.batch.checks.insert(id, check);
                Ok(())
            }
            Err(words) => {
                self.batch.next = before;
                Err(Refusal::Invalid(words))
            }
        }
    }

    fn deregister_check(&mut self, id: &Arc<str>) -> Result<(), Refusal> {
        let unknown = || {
            let held = id.strip_prefix("service:").and_then(|service| self.held(service));
            held.unwrap_or_else(|| Refusal::UnknownCheck(id.to_string()))
        };
        match self.batch.next.owners.get(id).cloned() {
            None => Err(unknown()),
            Some(Owner::Service(owner)) => {
                let service = self.batch.next.services.get(&owner).ok_or_else(unknown)?;
                let mut service = AgentService::clone(service);
                service.checks.retain(|check| check.id != *id);
                self.replace(service)
            }
            Some(Owner::Node) => {
                self.batch.next.remove_check(id);
                self.batch.checks.insert(Arc::clone(id), None);
                self.translate_all().map_err(Refusal::Invalid)
            }
        }
    }

    /// Makes the documents of all services anew, each with the node's checks; all or none.
    fn translate_all(&mut self) -> Result<(), String> {
        let view = &self.batch.next;
        let translated = view.services.iter().map(|(id, service)| {
            let translated = translate(service, view, self.registering)?;
            Ok((Arc::clone(id), Some(translated)))
        });
        let translated: Vec<_> = translated.collect::<Result<_, String>>()?;
        self.batch.documents.extend(translated);
        Ok(())
    }

    /// Whether a check may be called so: an id is one check of the whole agent.
    fn is_free(&self, id: &Arc<str>, by: &Owner) -> Result<(), Refusal> {
        let words = match self.batch.next.owners.get(id) {
            None => return Ok(()),
            Some(owner) if owner == by => return Ok(()),
            Some(Owner::Node) => "the node".to_owned(),
            Some(Owner::Service(service)) => format!("service {service:?}"),
        };
        Err(Refusal::Invalid(format!(
            "check ID {id:?} is a check of {words}: give this one another id"
        )))
    }

    /// Whether a service could be served with all that are there.
    fn has_room(&self, service: &AgentService) -> Result<(), Refusal> {
        let AgentService { id, name, checks, .. } = service;
        if checks.len() > MOST_CHECKS {
            return Err(Refusal::Invalid(format!(
                "service {id:?} has {} checks: register at most {MOST_CHECKS}",
                checks.len()
            )));
        }
        let view = &self.batch.next;
        let before = view.services.get(id);
        if before.is_none() && view.services.len() >= MOST_SERVICES {
            return Err(Refusal::NotStored(format!(
                "{MOST_SERVICES} services are registered: deregister some"
            )));
        }
        let is_of_it = |before: &Arc<AgentService>| before.name.eq_ignore_ascii_case(name);
        let Ok(label) = Label::parse(name) else { return Ok(()) };
        let zone = self.registering.zone.apex.clone();
        let in_files = || self.catalogue.in_files(&ServiceKey { zone, name: label });
        let many = view.instances.get(&*name.to_ascii_lowercase()).copied().unwrap_or(0);
        if !before.is_some_and(is_of_it) && many + in_files() >= MOST_INSTANCES {
            return Err(Refusal::Invalid(format!(
                "service {name:?} has {MOST_INSTANCES} instances, and no more are served: divide \
                 it into several services"
            )));
        }
        Ok(())
    }

    /// No such service is registered over HTTP; a file may hold it.
    fn unknown(&self, id: &str) -> Refusal {
        self.held(id).unwrap_or_else(|| Refusal::UnknownService(id.to_owned()))
    }

    fn held(&self, id: &str) -> Option<Refusal> {
        held(id, self.registering, self.catalogue)
    }
}

/// A file of the zone of services registered over HTTP has this id.
fn held(id: &str, registering: &Registering, catalogue: &Catalogue) -> Option<Refusal> {
    let file = catalogue.file_of(&registering.zone.apex, &InstanceId::keep(id))?;
    Some(Refusal::Held { id: id.to_owned(), file: file.display().to_string() })
}

/// Why a heartbeat means no check.
pub(crate) fn no_beat(check: &str, registering: &Registering, catalogue: &Catalogue) -> Refusal {
    let service = check.strip_prefix("service:");
    let held = service.and_then(|id| held(id, registering, catalogue));
    held.unwrap_or_else(|| Refusal::NoTtl(check.to_owned()))
}
