//! How services registered over HTTP stand, and what their checks said last: in Consul's three words.

use std::collections::HashMap;

use crate::model::agent::{AgentCheck, AgentService};
use crate::model::health::{Condition, Verdict};
use crate::model::name::{Label, Name};
use crate::model::service::InstanceId;
use crate::snapshot::Snapshot;
use crate::snapshot::service::ServiceView;
use crate::snapshot::shown::CheckShown;
use crate::snapshot::target::Target;

/// What one check says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) verdict: Verdict,
    pub(super) output: String,
}

/// The instances of one zone.
#[derive(Debug)]
pub(super) struct Standing<'a> {
    instances: HashMap<(&'a Label, &'a InstanceId), (&'a ServiceView, usize)>,
}

impl<'a> Standing<'a> {
    /// Of all services.
    pub(super) fn of_all(snapshot: &'a Snapshot, zone: &Name) -> Self {
        let zone = snapshot.zones.get(zone.as_wire());
        let views = zone.into_iter().flat_map(|zone| zone.services.iter().map(|(_, view)| &**view));
        Self { instances: views.flat_map(instances).collect() }
    }

    /// Of the service called `name`.
    pub(super) fn of(snapshot: &'a Snapshot, zone: &Name, name: &str) -> Self {
        let name = Label::parse(name).ok();
        let view = name.and_then(|name| snapshot.zones.get(zone.as_wire())?.services.get(&name));
        Self { instances: view.into_iter().flat_map(|view| instances(view)).collect() }
    }

    fn place(&self, service: &AgentService) -> Option<(&'a ServiceView, usize)> {
        let (name, id) = (Label::parse(&service.name).ok()?, InstanceId::keep(&service.id));
        self.instances.get(&(&name, &id)).copied()
    }

    /// A service as a whole.
    pub(super) fn service(&self, service: &AgentService) -> Verdict {
        let state = self.place(service).and_then(|(view, place)| view.shown.instances.get(place));
        state.map_or_else(|| self.worst(service), |state| state.condition.verdict())
    }

    /// Why a service is in maintenance, if it is.
    pub(super) fn maintenance(&self, service: &AgentService) -> Option<&'a str> {
        let (view, place) = self.place(service)?;
        let is_off = |t: &&Target| t.standing.condition == Condition::Maintenance;
        let target = view.targets_of(place).iter().find(is_off)?;
        Some(target.standing.reason.as_deref().unwrap_or_default())
    }

    /// What is not served stands as its checks do.
    fn worst(&self, service: &AgentService) -> Verdict {
        let checks = service.checks.iter().map(|check| self.check(check, service).verdict);
        checks.max().unwrap_or(Verdict::Passing)
    }

    /// A check of a service.
    pub(super) fn check(&self, check: &AgentCheck, service: &AgentService) -> Said {
        let shown = self.place(service).and_then(|place| shown(place, check));
        shown.map_or_else(|| initial(check), said)
    }

    /// A check of the node, which runs for each of its instances.
    pub(super) fn check_of_node(&self, check: &AgentCheck) -> Said {
        let shown = self.instances.values().find_map(|place| shown(*place, check));
        shown.map_or_else(|| initial(check), said)
    }
}

type Instances<'a> = ((&'a Label, &'a InstanceId), (&'a ServiceView, usize));

fn instances(view: &ServiceView) -> impl Iterator<Item = Instances<'_>> {
    let name = &view.service.key.name;
    view.service.instances.iter().zip(0..).map(move |(i, place)| ((name, &i.id), (view, place)))
}

fn shown<'a>(
    (view, place): (&'a ServiceView, usize),
    check: &AgentCheck,
) -> Option<&'a CheckShown> {
    view.shown.checks_of(place).find(|shown| shown.id == check.id)
}

pub(super) fn said(shown: &CheckShown) -> Said {
    let said = shown.said();
    let output = said.output.as_deref().unwrap_or_default().to_owned();
    Said { verdict: said.condition.verdict(), output }
}

/// Before anything is known of it.
pub(super) fn initial(check: &AgentCheck) -> Said {
    Said { verdict: check.status.unwrap_or(Verdict::Critical), output: String::new() }
}
