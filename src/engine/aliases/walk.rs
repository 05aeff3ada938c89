//! The way from one alias check down the chain of those that it follows.

use std::sync::Arc;

use crate::engine::aliases::index::Index;
use crate::engine::checks::Checks;
use crate::engine::evidence::Evidence;
use crate::engine::services::Services;
use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::service::ServiceKey;

/// Instances that one alias looks at, whether one behind the other or side by side. An honest
/// chain has two or three; beyond this it is critical, and no registration can cost us more.
const MOST_LOOKED_AT: usize = 64;

/// See the module.
pub(super) struct Walk<'w> {
    services: &'w Services,
    checks: &'w Checks,
    zone: &'w Name,
    index: &'w Index,
    /// From the alias's own instance to the one that is looked at.
    path: Vec<(&'w Label, usize)>,
    looked_at: usize,
}

impl<'w> Walk<'w> {
    /// Begins at an instance that has an alias check.
    pub(super) fn new(
        services: &'w Services,
        checks: &'w Checks,
        index: &'w Index,
        (key, place): (&'w ServiceKey, usize),
    ) -> Self {
        let path = vec![(&key.name, place)];
        Self { services, checks, zone: &key.zone, index, path, looked_at: 0 }
    }

    /// What the instances with this id say; of several services' the worst.
    pub(super) fn said(&mut self, id: &Arc<str>) -> Evidence {
        let holders = self.index.holders(id);
        if holders.is_empty() {
            return Evidence::critical(format!("no instance has the id \"{id}\""));
        }
        let mut worst = Evidence::NOTHING_YET;
        for (nth, holder) in holders.iter().enumerate() {
            let said = self.instance(&holder.service, holder.instance);
            if nth == 0 || said.condition > worst.condition {
                worst = said;
            }
        }
        // Consul's rule: no checks are passing checks.
        if worst.condition == Condition::Unchecked {
            worst.condition = Condition::Passing;
        }
        worst.reason = worst.reason.map(|reason| format!("{id}: {reason}").into());
        worst
    }

    /// What an instance's checks say together; it is as good as its best address.
    fn instance(&mut self, service: &'w Label, place: usize) -> Evidence {
        if self.path.contains(&(service, place)) {
            return Evidence::critical("alias checks form a loop".to_owned());
        }
        self.looked_at += 1;
        if self.looked_at > MOST_LOOKED_AT {
            return Evidence::critical(format!(
                "the alias has more than {MOST_LOOKED_AT} instances"
            ));
        }
        let key = ServiceKey { zone: self.zone.clone(), name: service.clone() };
        let (services, checks) = (self.services, self.checks);
        let Some(state) = services.get(&key) else { return Evidence::NOTHING_YET };
        self.path.push((service, place));
        let mut of_instance = Vec::new();
        for check in checks.of(state.checks_of_instance(place)) {
            of_instance.push(match check.followed() {
                Some(id) => Some(self.said(id)).filter(|said| check.counts(said.condition)),
                None => check.evidence().cloned(),
            });
        }
        self.path.pop();
        let of_target =
            |ids| checks.evidence(ids).chain(of_instance.iter().map(Option::as_ref)).collect();
        let targets = state.checks_of_targets(place).map(of_target);
        let best = targets.min_by_key(|said: &Evidence| said.condition);
        best.unwrap_or(Evidence::NOTHING_YET)
    }
}
