//! What people are shown of the world; `/v1/livezone/services` and `status --json` are this.

use serde::{Deserialize, Serialize};

use crate::complaints::{Complaints, FEW_OF_FILE};
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::aliases::Aliases;
use crate::engine::checks::Checks;
use crate::engine::registrations::Registrations;
use crate::engine::services::Services;
use crate::engine::services::state::{InstanceState, ServiceState};
use crate::model::health::Condition;
use crate::model::service::Instance;
use crate::snapshot::Snapshot;
use crate::snapshot::service::ServiceView;
use crate::snapshot::target::Target;

/// Everything, by service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicesReport {
    pub services: Vec<ServiceReport>,
    pub sources: Vec<SourceReport>,
}

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    pub name: String,
    pub zone: String,
    pub instances: Vec<InstanceReport>,
}

/// One instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReport {
    pub id: String,
    /// Of an external instance the host name.
    pub addresses: Vec<String>,
    pub port: Option<u16>,
    /// `unknown`, `passing`, `warning`, `suspect`, `critical`, `recovering` or `unchecked`.
    pub state: String,
    /// RFC 3339, UTC.
    pub since: String,
    /// Whether the service's name answers with it now.
    pub served: bool,
    /// Why it is served, or why not.
    pub why: String,
    pub checks: Vec<CheckReport>,
}

/// One check of one instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    pub id: String,
    pub kind: String,
    pub state: String,
    /// What its last outcome said; empty before the first.
    pub output: String,
}

/// One source of registrations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReport {
    pub name: String,
    pub errors: Vec<String>,
    /// What is taken, and may not be meant so.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What `/health/ready` tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    pub ready: bool,
    pub sources: Vec<SourceReport>,
    pub checks: ChecksReport,
    pub snapshot: SnapshotReport,
}

/// The state of the checker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecksReport {
    pub total: usize,
    pub in_flight: usize,
    /// Services that wait for first outcomes, the first hundred.
    pub waiting: Vec<String>,
}

/// The state of what is served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotReport {
    pub generation: u64,
    pub age_seconds: u64,
}

/// A start that waits for thousands of services need not name them all.
const WAITING_SHOWN: usize = 100;

pub(super) fn services(
    services: &Services,
    checks: &Checks,
    snapshot: &Snapshot,
) -> Vec<ServiceReport> {
    services.iter().filter_map(|(_, state)| service(state, checks, snapshot)).collect()
}

pub(super) fn sources(
    registrations: &Registrations,
    services: &Services,
    aliases: &Aliases,
) -> Vec<SourceReport> {
    let mut complaints = Complaints::new(FEW_OF_FILE);
    registrations.complaints().for_each(|complaint| complaints.push(complaint));
    aliases.warn_of_dangling(registrations, services, &mut complaints);
    let (errors, warnings): (Vec<_>, Vec<_>) =
        complaints.into_vec().into_iter().partition(|c| c.severity == Severity::Error);
    let short = |complaints: Vec<Diagnostic>| complaints.iter().map(Diagnostic::short).collect();
    let (errors, warnings) = (short(errors), short(warnings));
    vec![SourceReport { name: "files".to_owned(), errors, warnings }]
}

pub(super) fn checks(services: &Services, checks: &Checks) -> ChecksReport {
    let waiting = services.waiting().iter().take(WAITING_SHOWN).map(ToString::to_string).collect();
    ChecksReport { total: checks.count(), in_flight: checks.running(), waiting }
}

fn service(state: &ServiceState, checks: &Checks, snapshot: &Snapshot) -> Option<ServiceReport> {
    let key = &state.service().key;
    let view = snapshot.zones.get(key.zone.as_wire())?.services.get(key.name.as_str())?;
    let serves = view.serving();
    let of_one = |(place, (instance, known)): (usize, (&Instance, &InstanceState))| {
        let (served, why) = why((view, &serves), place, known.condition);
        InstanceReport {
            id: instance.id.to_string(),
            addresses: instance.location.endpoints().map(|e| e.to_string()).collect(),
            port: instance.port,
            state: known.condition.word().to_owned(),
            since: humantime::format_rfc3339_seconds(known.since).to_string(),
            served,
            why,
            checks: checks_of(state, place, checks),
        }
    };
    Some(ServiceReport {
        name: key.name.to_string(),
        zone: key.zone.to_string().trim_end_matches('.').to_owned(),
        instances: state.instances().enumerate().map(of_one).collect(),
    })
}

fn checks_of(state: &ServiceState, place: usize, checks: &Checks) -> Vec<CheckReport> {
    let of_targets = state.checks_of_targets(place);
    let ids = of_targets.chain(std::iter::once(state.checks_of_instance(place)));
    ids.flat_map(|ids| checks.of(ids))
        .map(|run| CheckReport {
            id: run.check().id.to_string(),
            kind: run.check().kind.word().to_owned(),
            state: run.condition().word().to_owned(),
            output: run.output().to_owned(),
        })
        .collect()
}

/// Whether an instance is served, and why or why not.
fn why(
    (view, serves): (&ServiceView, &dyn Fn(&Target) -> bool),
    place: usize,
    condition: Condition,
) -> (bool, String) {
    let targets = view.targets_of(place);
    let reason = targets.iter().find_map(|target| target.standing.reason.as_deref());
    let words = match (condition, reason) {
        (Condition::Unchecked, _) => "no check".to_owned(),
        (Condition::Unknown, None) => "no check result yet".to_owned(),
        (condition, None) => condition.word().to_owned(),
        (condition, Some(reason)) => format!("{}: {reason}", condition.word()),
    };
    let served = targets.iter().any(serves);
    let eligible = targets.iter().any(|target| view.is_eligible(target));
    match (served, eligible) {
        (true, false) => (true, format!("{words}; served because no instance is healthy")),
        // Of what is eligible only these are not served.
        (false, true) if !view.waiting => (
            false,
            format!(
                "{words}; not served: instances with \
                                                           addresses are preferred"
            ),
        ),
        (served, _) => (served, words),
    }
}
