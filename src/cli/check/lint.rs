//! Puts together what the files of each zone say, as the server would, and tells what clashes.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::check::{references, tls_files};
use crate::cli::zones::Read;
use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::event::Event;
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::name::Name;
use crate::model::service::{Service, ServiceKey, settled_ttl};
use crate::model::time::Now;
use crate::model::zone::TtlSetting;
use crate::registry::merge::Contribution;
use crate::sources::{Change, Content, Put};
use crate::syntax::duration::show;

/// How much was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) zones: usize,
    pub(super) services: usize,
    pub(super) instances: usize,
}

/// What is wrong with what was read.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What the server would complain of, and TTLs.
    pub(super) complaints: Vec<Diagnostic>,
    /// References to what other files may hold.
    pub(super) dangling: Vec<Diagnostic>,
    pub(super) tally: Tally,
}

/// Counted are the registrations of the files that `counts`.
pub(super) fn lint(read: Read, settings: Settings, counts: &dyn Fn(&Path) -> bool) -> Found {
    let Read { changes, mut diagnostics } = read;
    let files = zone_files(&changes);
    let mut world = World::new(settings, 1, 0);
    let effects = turn(&mut world, Event::Loaded(changes), Now::default());
    diagnostics.extend(effects.complaints);
    let mut tally = Tally { zones: world.zone_count(), ..Tally::default() };
    let mut least: BTreeMap<Name, Excess> = BTreeMap::new();
    for (service, contributions) in world.catalogue() {
        let counted = contributions.iter().filter(|c| counts(&c.document.path));
        let instances: Vec<usize> = counted.map(|c| c.definition.instances.len()).collect();
        tally.services += usize::from(!instances.is_empty());
        tally.instances += instances.iter().sum::<usize>();
        let Some(excess) = Excess::of(service) else { continue };
        if let Some(warning) = at_service(&contributions, &excess) {
            diagnostics.push(warning);
            continue;
        }
        let zone = service.key.zone.clone();
        if least.get(&zone).is_none_or(|least| excess.needs < least.needs) {
            least.insert(zone, excess);
        }
    }
    let at_zones =
        least.iter().filter_map(|(zone, excess)| Some(at_zone(files.get(zone)?, excess)));
    diagnostics.extend(at_zones);
    diagnostics.extend(tls_files::unusable(&world));
    let mut dangling = Complaints::default();
    dangling.extend(effects.dangling);
    if let Some(snapshot) = &effects.snapshot {
        references::dangling(&world, snapshot, &mut dangling);
    }
    Found { complaints: diagnostics, dangling: dangling.into_vec(), tally }
}

/// The zone.toml of each zone, when there is one that parses.
fn zone_files(changes: &[Change]) -> BTreeMap<Name, Arc<Path>> {
    let file = |change: &Change| match change {
        Change::Put(Put { id, zone, content: Content::Settings(_), .. }) => {
            Some((zone.clone(), id.path()?.into()))
        }
        Change::Put(_)
        | Change::Gone(_)
        | Change::Zone(..)
        | Change::ZoneGone(..)
        | Change::Synced(_)
        | Change::Troubles(..) => None,
    };
    changes.iter().filter_map(file).collect()
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
        let checks = || service.instances.iter().flat_map(|i| &*i.checks);
        let min_ttl = Duration::from_secs(service.min_ttl.into());
        let needs = checks().map(|check| check.settled_for(min_ttl)).min()?;
        let auto = settled_ttl(TtlSetting::Auto, min_ttl, checks());
        let ttl = Duration::from_secs(service.ttl.into());
        (service.ttl > auto).then(|| Self { service: service.key.clone(), ttl, needs })
    }

    fn message(&self) -> String {
        let Self { service, ttl, needs } = self;
        format!(
            "the TTL of {service} is {}, but health checks can change its answers within {}",
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

const ADVICE: &str = "caches can serve a failed instance for the difference; use ttl = \"auto\"";

/// At the `ttl` of the service, when one is written.
fn at_service(contributions: &[Contribution], excess: &Excess) -> Option<Diagnostic> {
    let written = |c: &Contribution| Some((Arc::clone(&c.document), c.definition.ttl.clone()?));
    let (document, ttl) = contributions.iter().find_map(written)?;
    let warning = Diagnostic::warning(&document.path, &document.text, ttl.span, excess.message());
    Some(warning.with_label(ADVICE))
}

/// At zone.toml, for the services that name no `ttl`: once, for the one that needs the shortest.
fn at_zone(file: &Arc<Path>, excess: &Excess) -> Diagnostic {
    let warning = Diagnostic::of_file(file, excess.message()).with_label(ADVICE);
    Diagnostic { severity: Severity::Warning, ..warning }
}
