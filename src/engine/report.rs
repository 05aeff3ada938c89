//! What people are shown of the world; `/v1/livezone/services` and `status --json` are this.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::world::{ServiceState, World};
use crate::model::health::Condition;
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

impl World {
    /// Everything, by service.
    pub fn report(&self) -> ServicesReport {
        let services =
            self.services.values().filter_map(|state| self.report_service(state)).collect();
        ServicesReport { services, sources: self.report_sources() }
    }

    /// Whether the first round is over, and what stands in its way.
    pub fn readiness(&self) -> (bool, Vec<SourceReport>, ChecksReport) {
        let waiting = self.waiting.iter().take(WAITING_SHOWN).map(ToString::to_string).collect();
        let checks = ChecksReport { total: self.check_count(), in_flight: self.running(), waiting };
        (self.is_ready(), self.report_sources(), checks)
    }

    /// How many files are in error now.
    pub fn files_in_error(&self) -> usize {
        self.errors.files()
    }

    fn errors_by_file(&self) -> BTreeMap<&Path, Vec<&Diagnostic>> {
        let own = self.files.values().flat_map(|file| &file.diagnostics);
        let refused = self.files.values().flat_map(|file| &file.refused);
        let conflicts = self.services.values().flat_map(|state| &state.conflicts);
        let conflicts =
            conflicts.chain(self.zones.values().flat_map(|zone| &zone.statics.conflicts));
        let mut errors: BTreeMap<&Path, Vec<&Diagnostic>> = BTreeMap::new();
        for diagnostic in own
            .chain(refused)
            .chain(conflicts)
            .chain(&self.troubles)
            .filter(|d| d.severity == Severity::Error)
        {
            errors.entry(&diagnostic.path).or_default().push(diagnostic);
        }
        errors
    }

    fn report_sources(&self) -> Vec<SourceReport> {
        let errors = self.errors_by_file();
        let errors = errors.into_values().flatten().map(Diagnostic::short).collect();
        vec![SourceReport { name: "files".to_owned(), errors }]
    }

    fn report_service(&self, state: &ServiceState) -> Option<ServiceReport> {
        let service = &state.service;
        let zone = self.snapshot.zones.get(service.key.zone.as_wire())?;
        let view = zone.services.get(service.key.name.as_str())?;
        let serves = view.serving();
        let instances = service.instances.iter().zip(&state.instances).enumerate();
        Some(ServiceReport {
            name: service.key.name.to_string(),
            zone: service.key.zone.to_string().trim_end_matches('.').to_owned(),
            instances: instances
                .map(|(place, (instance, known))| {
                    let (served, why) = why((view, &serves), place, known.condition);
                    let since = known.since;
                    let endpoints = instance.location.endpoints();
                    InstanceReport {
                        id: instance.id.to_string(),
                        addresses: endpoints.map(|e| e.to_string()).collect(),
                        port: instance.port,
                        state: known.condition.word().to_owned(),
                        since: humantime::format_rfc3339_seconds(since).to_string(),
                        served,
                        why,
                        checks: self.report_checks(state, place),
                    }
                })
                .collect(),
        })
    }

    fn report_checks(&self, state: &ServiceState, place: usize) -> Vec<CheckReport> {
        let ids = state.runs_of(place).flatten().flat_map(|runs| &runs.checks);
        let checks = ids.filter_map(|id| self.checks.get(id));
        let checks = checks.map(|run| (&run.check, run.state.condition(), &run.output));
        let aliases = state.aliases_of(place).iter();
        let aliases = aliases.map(|alias| (&alias.check, alias.said.condition, &alias.said.reason));
        checks
            .chain(aliases)
            .map(|(check, condition, output)| CheckReport {
                id: check.id.to_string(),
                kind: check.kind.word().to_owned(),
                state: condition.word().to_owned(),
                output: output.as_deref().unwrap_or_default().to_owned(),
            })
            .collect()
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
        (Condition::Unknown, None) => "no outcome yet".to_owned(),
        (condition, None) => condition.word().to_owned(),
        (condition, Some(reason)) => format!("{}: {reason}", condition.word()),
    };
    let served = targets.iter().any(serves);
    let eligible = targets.iter().any(|target| view.is_eligible(target));
    match (served, eligible) {
        (true, false) => (true, format!("{words}; served as nothing is healthy")),
        // Of what is eligible only these are not served.
        (false, true) if !view.waiting => (false, format!("{words}; addresses are served instead")),
        (served, _) => (served, words),
    }
}
