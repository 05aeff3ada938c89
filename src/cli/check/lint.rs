//! Puts together what the files of each zone say, as the server would, and tells what clashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::zones::Read;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::check::Policy;
use crate::model::definition::Document;
use crate::model::name::Name;
use crate::model::service::{Service, ServiceKey, settled_ttl};
use crate::model::zone::{TtlSetting, ZoneSettings};
use crate::registry::merge::{Contribution, merge};
use crate::sources::{Change, Content, FileChange};
use crate::syntax::duration::show;

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) zones: usize,
    pub(super) services: usize,
    pub(super) instances: usize,
}

/// A zone as its folder has it.
struct Zone {
    settings: ZoneSettings,
    /// Its zone.toml, when there is one that parses.
    file: Option<Arc<Path>>,
    documents: Vec<Arc<Document>>,
}

/// Every complaint about what was read, file by file.
pub(super) fn lint(read: Read, defaults: &Policy) -> (Vec<Diagnostic>, Tally) {
    let Read { changes, mut diagnostics } = read;
    let zones = gather(changes, &mut diagnostics);
    let mut tally = Tally { zones: zones.len(), ..Tally::default() };
    let is_ours = |name: &Name| name.is_within(&zones);
    for (apex, zone) in &zones {
        let mut least: Option<Excess> = None;
        for (name, contributions) in by_service(&zone.documents) {
            let key = ServiceKey { zone: apex.clone(), name };
            let merged = merge(&key, &contributions, &zone.settings, defaults, &is_ours);
            tally.services += 1;
            tally.instances += merged.service.instances.len();
            diagnostics.extend(merged.conflicts);
            let Some(excess) = Excess::of(&merged.service) else { continue };
            match at_service(&contributions, &excess) {
                Some(warning) => diagnostics.push(warning),
                None if least.as_ref().is_none_or(|l| excess.needs < l.needs) => {
                    least = Some(excess);
                }
                None => {}
            }
        }
        diagnostics.extend(at_zone(zone, least));
    }
    diagnostics.sort_by(|a, b| order(a).cmp(&order(b)));
    (diagnostics, tally)
}

fn order(diagnostic: &Diagnostic) -> (&Path, usize) {
    (&diagnostic.path, diagnostic.span.as_ref().map_or(0, |span| span.start))
}

fn gather(changes: Vec<Change>, diagnostics: &mut Vec<Diagnostic>) -> BTreeMap<Name, Zone> {
    let mut zones = BTreeMap::new();
    for change in changes {
        match change {
            Change::ZoneAppeared(settings) => {
                let zone = |settings| Zone { settings, file: None, documents: Vec::new() };
                let apex = settings.apex.clone();
                zones.entry(apex).or_insert_with(|| zone(settings));
            }
            Change::ZoneGone(apex) => drop(zones.remove(&apex)),
            Change::File(FileChange { zone, path, content, diagnostics: of_file }) => {
                diagnostics.extend(of_file);
                let Some(zone) = zones.get_mut(&zone) else { continue };
                match content {
                    Content::Zone(settings) => {
                        (zone.settings, zone.file) = (settings, Some(path));
                    }
                    Content::Services(document) => zone.documents.push(document),
                    Content::Refused | Content::Gone => {}
                }
            }
        }
    }
    for zone in zones.values_mut() {
        zone.documents.sort_by(|a, b| a.path.cmp(&b.path));
    }
    zones
}

/// The definitions of each service, in order of precedence.
fn by_service(
    documents: &[Arc<Document>],
) -> BTreeMap<crate::model::name::Label, Vec<Contribution>> {
    let mut services: BTreeMap<_, Vec<Contribution>> = BTreeMap::new();
    for document in documents {
        for definition in &document.services {
            let contribution =
                Contribution { document: Arc::clone(document), definition: Arc::clone(definition) };
            services.entry(definition.name.value.clone()).or_default().push(contribution);
        }
    }
    services
}

/// A TTL with which caches outlive health.
struct Excess {
    service: ServiceKey,
    ttl: Duration,
    /// The least over the checks of the time that a removal takes, and `min_ttl`.
    needs: Duration,
}

impl Excess {
    fn of(service: &Service) -> Option<Self> {
        let policies = || service.instances.iter().flat_map(|i| &i.checks).map(|c| &*c.policy);
        let min_ttl = Duration::from_secs(service.min_ttl.into());
        let needs = policies().map(|policy| policy.confirmation() + min_ttl).min()?;
        let auto = settled_ttl(TtlSetting::Auto, min_ttl, policies());
        let ttl = Duration::from_secs(service.ttl.into());
        (service.ttl > auto).then(|| Self { service: service.key.clone(), ttl, needs })
    }

    fn message(&self) -> String {
        let Self { service, ttl, needs } = self;
        format!(
            "answers for {service} may be kept {}, health needs {}",
            spaced(*ttl),
            spaced(*needs)
        )
    }
}

/// What a reader takes for one number: `30 s`, `1.5 s`; longer ones as they are written.
fn spaced(duration: Duration) -> String {
    if duration < Duration::from_secs(120) {
        format!("{} s", duration.as_secs_f64())
    } else {
        show(duration)
    }
}

const ADVICE: &str = "a cache outlives a dead instance by the difference; \"auto\" fits";

/// At the `ttl` of the service, when one is written.
fn at_service(contributions: &[Contribution], excess: &Excess) -> Option<Diagnostic> {
    let written = |c: &Contribution| Some((Arc::clone(&c.document), c.definition.ttl.clone()?));
    let (document, ttl) = contributions.iter().find_map(written)?;
    let warning = Diagnostic::warning(&document.path, &document.text, ttl.span, excess.message());
    Some(warning.with_label(ADVICE))
}

/// At zone.toml, for the services that name no `ttl`: once, for the one that needs the shortest.
fn at_zone(zone: &Zone, excess: Option<Excess>) -> Option<Diagnostic> {
    let (file, excess) = (zone.file.as_ref()?, excess?);
    let warning = Diagnostic::of_file(file, excess.message()).with_label(ADVICE);
    Some(Diagnostic { severity: Severity::Warning, ..warning })
}
