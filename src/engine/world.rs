//! The world: everything known left of the snapshot, in parts that know each other only as
//! arguments. `turn` moves it; here it is looked at.

use crate::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::engine::aliases::Aliases;
use crate::engine::checks::Checks;
use crate::engine::event::Answer;
use crate::engine::orders::Orders;
use crate::engine::publisher::Publisher;
use crate::engine::registrations::Registrations;
use crate::engine::registrations::view::AgentView;
use crate::engine::report::{self, ServicesReport};
use crate::engine::services::Services;
use crate::engine::settings::Settings;
use crate::health::scheduler::CheckId;
use crate::model::health::{Condition, Outcome};
use crate::model::name::Name;
use crate::model::origin::Origin;
use crate::model::service::{Service, ServiceKey};
use crate::registry::catalogue::Catalogue;
use crate::registry::merge::Contribution;
use crate::registry::statics::StaticRecords;
use crate::sources::Change;
use crate::store::registrations::{Op, Records};

/// See the module.
#[derive(Debug)]
pub struct World {
    pub(super) settings: Settings,
    pub(super) catalogue: Catalogue,
    pub(super) services: Services,
    pub(super) checks: Checks,
    pub(super) aliases: Aliases,
    pub(super) publisher: Publisher,
    /// Sources or the configuration have told something that is not worked off yet.
    pub(super) unsettled: bool,
    /// What came of it so far.
    pub(super) held_back: Option<News>,
    pub(super) registrations: Registrations,
    pub(super) orders: Orders,
    /// What is answered once all is worked off.
    pub(super) unanswered: Vec<Answer<()>>,
}

/// New complaints that are told once all is worked off.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) complaints: Complaints,
    pub(super) dangling: Complaints,
}

impl World {
    /// An empty world. `first_serial` is the serial that every zone starts from, `seed` is what
    /// the phases of its checks are drawn from.
    pub fn new(settings: Settings, first_serial: u32, seed: u64) -> Self {
        Self {
            catalogue: Catalogue::default(),
            services: Services::default(),
            checks: Checks::new(settings.max_in_flight, seed),
            aliases: Aliases::default(),
            publisher: Publisher::new(settings.rules.clone(), first_serial),
            registrations: Registrations::default(),
            orders: Orders::default(),
            settings,
            unsettled: false,
            held_back: None,
            unanswered: Vec::new(),
        }
    }

    /// Whether more changes can be told; if not, what was told is worked off first.
    pub fn has_room(&self) -> bool {
        self.catalogue.has_room()
    }

    /// Waits for a source: the world is not ready before its first [`Change::Synced`].
    ///
    /// [`Change::Synced`]: crate::sources::Change::Synced
    pub fn wait_for(&mut self, origin: Origin) {
        self.catalogue.wait_for(origin);
    }

    /// Takes over what was stored before this process, once and before anything else: what
    /// [`Event::Loaded`] tells beside the files. What is not as it was saved stays a complaint of its
    /// source.
    ///
    /// [`Event::Loaded`]: crate::engine::event::Event::Loaded
    pub fn restore(
        &mut self,
        records: &Records,
        orders: &[String],
        problems: Vec<Diagnostic>,
    ) -> Vec<Change> {
        self.orders.restore(orders);
        self.checks.restore(&records.beats);
        self.registrations.restore(records, problems, &self.settings.registering)
    }

    /// What is registered over HTTP.
    pub fn agent(&self) -> &AgentView {
        self.registrations.view()
    }

    /// What the store is still to keep when the world ends.
    pub fn unsaved(&self) -> Vec<Op> {
        self.checks.unsaved()
    }

    /// How many writes wait for the store.
    pub fn waiting_writes(&self) -> usize {
        self.registrations.waiting()
    }

    /// Whether no source and no service is waited for any more.
    pub fn is_ready(&self) -> bool {
        self.catalogue.is_whole() && self.services.are_ready()
    }

    /// How many instances are in `condition`.
    pub fn count(&self, condition: Condition) -> usize {
        self.services.count(condition)
    }

    /// How many services are registered.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        self.catalogue.zone_count()
    }

    /// How many files, or other places, of each source are in error now.
    pub fn errors(&self) -> impl Iterator<Item = (Origin, usize)> {
        self.catalogue.errors()
    }

    /// Every source, in order of precedence.
    pub(super) fn origins(&self) -> impl Iterator<Item = Origin> {
        self.catalogue.errors().map(|(origin, _)| origin)
    }

    /// How many contributions merges have looked at since the start: what changes cost.
    pub fn merged(&self) -> u64 {
        self.catalogue.merged()
    }

    /// Every service with the definitions that it was merged from.
    pub fn catalogue(&self) -> impl Iterator<Item = (&Service, Vec<Contribution>)> {
        let services = self.services.iter();
        services.map(|(key, state)| (&**state.service(), self.catalogue.contributions(key)))
    }

    /// The static names of each zone.
    pub fn statics(&self) -> impl Iterator<Item = (&Name, &StaticRecords)> {
        self.catalogue.statics()
    }

    /// How many checks are run.
    pub fn check_count(&self) -> usize {
        self.checks.count()
    }

    /// How many checks run now.
    pub fn running(&self) -> usize {
        self.checks.running()
    }

    /// Whether an outcome changes nothing that anybody is told of: it may wait for others.
    pub fn is_routine(&self, id: CheckId, outcome: &Outcome) -> bool {
        self.checks.is_routine(id, outcome)
    }

    /// The last serial in use (RFC 1982).
    pub fn serial(&self) -> u32 {
        self.publisher.last_serial()
    }

    /// The sources that have not told their first whole list yet.
    pub(super) fn awaited(&self) -> impl Iterator<Item = Origin> {
        self.catalogue.awaited()
    }

    /// Services that wait for their first outcomes.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &ServiceKey> {
        self.services.waiting().iter()
    }

    /// How often what is shown of a check has changed.
    pub(super) fn check_changes(&self) -> u64 {
        self.checks.changes()
    }

    /// Another number whenever something else may be wrong with what the sources hold.
    pub(super) fn complaint_changes(&self) -> u64 {
        let aliases = if self.aliases.any() { self.publisher.generation() } else { 0 };
        self.catalogue.complaint_changes() + aliases
    }

    /// What is wrong with what the sources hold now. Goes through all entries.
    pub(super) fn complaints(&self) -> Vec<Diagnostic> {
        report::complaints(&self.catalogue, &self.services, &self.aliases)
    }

    /// Everything, by service, as it is published now.
    pub fn report(&self) -> ServicesReport {
        let views = report::views(self.publisher.snapshot());
        let services = views.into_iter().map(report::service).collect();
        let origins: Vec<_> = self.origins().collect();
        ServicesReport {
            services,
            sources: report::sources(&origins, &self.complaints()),
            orders: report::orders(self.orders.book()),
        }
    }
}
