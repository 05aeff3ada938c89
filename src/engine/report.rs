//! What people are shown; `/v1/livezone/services` and `status --json` are this. It is made from what
//! is published, by whoever shows it.

use serde::{Deserialize, Serialize};

use crate::complaints::{ByOrigin, FEW_OF_FILE};
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::aliases::Aliases;
use crate::engine::orders::book::Book;
use crate::engine::services::Services;
use crate::model::health::Condition;
use crate::model::origin::Origin;
use crate::model::service::Instance;
use crate::registry::catalogue::Catalogue;
use crate::snapshot::Snapshot;
use crate::snapshot::service::ServiceView;
use crate::snapshot::shown::{CheckShown, InstanceState};
use crate::snapshot::target::Target;

/// Everything, by service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicesReport {
    pub services: Vec<ServiceReport>,
    pub sources: Vec<SourceReport>,
    /// All that are in force, also on instances that nobody registers now.
    #[serde(default)]
    pub orders: Vec<OrderReport>,
}

/// One operator's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderReport {
    /// With its zone.
    pub service: String,
    pub instance: String,
    /// `maintenance`, `forced_up`, `forced_down` or `drained`.
    pub order: String,
    pub reason: String,
    /// The address of who gave it; empty if that is not known.
    pub by: String,
    /// RFC 3339, UTC; `None` is until it is taken back.
    pub until: Option<String>,
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

/// One source of catalogue.
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
    /// The sources whose registrations are not loaded yet.
    pub awaited: Vec<String>,
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

/// Every service that is served, in the order of zones and names.
pub fn views(snapshot: &Snapshot) -> Vec<&ServiceView> {
    let zones = snapshot.zones.values();
    let mut views: Vec<_> =
        zones.flat_map(|zone| zone.services.iter().map(|(_, view)| &**view)).collect();
    views.sort_unstable_by(|a, b| a.service.key.cmp(&b.service.key));
    views
}

/// What is wrong with what the sources hold: of each source the first of each file, and how many
/// more.
pub(super) fn complaints(
    catalogue: &Catalogue,
    services: &Services,
    aliases: &Aliases,
) -> Vec<Diagnostic> {
    let mut complaints = ByOrigin::new(FEW_OF_FILE);
    for complaint in catalogue.complaints() {
        complaints.of(complaint.origin).push(complaint);
    }
    aliases.warn_of_dangling(catalogue, services, &mut complaints);
    complaints.into_vec()
}

/// These complaints by source, one report for each of `origins`.
pub fn sources(origins: &[Origin], complaints: &[Diagnostic]) -> Vec<SourceReport> {
    let of = |origin: Origin, severity: Severity| {
        let its = complaints.iter().filter(move |c| (c.origin, c.severity) == (origin, severity));
        its.map(Diagnostic::short).collect()
    };
    let report = |origin: &Origin| SourceReport {
        name: origin.word().to_owned(),
        errors: of(*origin, Severity::Error),
        warnings: of(*origin, Severity::Warning),
    };
    origins.iter().map(report).collect()
}

pub(super) fn orders(book: &Book) -> Vec<OrderReport> {
    let instances =
        book.0.iter().flat_map(|(key, of)| of.iter().map(move |(id, all)| (key, id, all)));
    let orders = instances.flat_map(|(key, id, all)| {
        all.in_force().map(move |(condition, note, until)| OrderReport {
            service: key.to_string().trim_end_matches('.').to_owned(),
            instance: id.to_string(),
            order: condition.word().to_owned(),
            reason: note.reason.clone(),
            by: note.who.clone(),
            until: until.map(|until| humantime::format_rfc3339_seconds(until).to_string()),
        })
    });
    orders.collect()
}

/// A service as it is published.
pub fn service(view: &ServiceView) -> ServiceReport {
    let key = &view.service.key;
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
            checks: view.shown.checks_of(place).map(check).collect(),
        }
    };
    let instances = view.service.instances.iter().zip(&*view.shown.instances);
    ServiceReport {
        name: key.name.to_string(),
        zone: key.zone.to_string().trim_end_matches('.').to_owned(),
        instances: instances.enumerate().map(of_one).collect(),
    }
}

fn check(check: &CheckShown) -> CheckReport {
    let said = check.said();
    CheckReport {
        id: check.id.to_string(),
        kind: check.kind.word().to_owned(),
        state: said.condition.word().to_owned(),
        output: said.output.as_deref().unwrap_or_default().to_owned(),
    }
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
