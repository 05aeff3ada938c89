//! The world: everything known left of the snapshot, owned by one task.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use foldhash::fast::FixedState;

use crate::config::Config;
use crate::diagnostic::Diagnostic;
use crate::engine::aliases::{AliasState, Index};
use crate::engine::checks::CheckState;
use crate::engine::errors::Errors;
use crate::engine::evidence::{Evidence, stand};
use crate::engine::files::FileState;
use crate::engine::turn::{Transition, Turn};
use crate::health::rounds::Rounds;
use crate::health::scheduler::{CheckId, Scheduler};
use crate::model::check::{Policy, Scripts, Sources};
use crate::model::dns::Soa;
use crate::model::health::Condition;
use crate::model::name::Name;
use crate::model::service::{Service, ServiceKey};
use crate::model::time::{Instant, Now};
use crate::model::zone::ZoneSettings;
use crate::registry::merge::Contribution;
use crate::registry::statics::Statics;
use crate::snapshot::target::Target;
use crate::snapshot::zone::{Facts, soa};
use crate::snapshot::{Rules, Snapshot};

/// What the configuration says to the world.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The defaults of every check.
    pub policy: Policy,
    /// How long a start waits for first outcomes.
    pub first_round: Duration,
    /// How many checks may run at once.
    pub max_in_flight: usize,
    /// Addresses to check from, at most one a family.
    pub source: Vec<IpAddr>,
    /// Whether files may have commands run.
    pub scripts: Scripts,
    /// What the configuration says of answering.
    pub rules: Rules,
}

impl Settings {
    /// What a configuration says.
    pub fn of(config: &Config) -> Self {
        Self {
            policy: config.health.policy.clone(),
            first_round: config.health.first_round,
            max_in_flight: config.health.max_in_flight,
            source: config.health.source.clone(),
            scripts: config.health.scripts,
            rules: Rules {
                access: config.dns.access.clone(),
                udp_max_size: config.dns.udp_max_size,
                rrl: config.rrl.clone(),
                cookies: Arc::new(config.cookies.clone()),
                tcp: config.dns.tcp,
            },
        }
    }

    /// Where checks ask from.
    pub(super) fn sources(&self) -> Sources {
        Sources::of(&self.source)
    }
}

/// See the module.
#[derive(Debug)]
pub struct World {
    pub(super) settings: Settings,
    pub(super) zones: BTreeMap<Name, ZoneState>,
    pub(super) files: BTreeMap<Arc<Path>, FileState>,
    /// What is wrong with folders.
    pub(super) troubles: Vec<Diagnostic>,
    /// The files that define each service, in order of precedence.
    pub(super) contributors: HashMap<ServiceKey, Vec<Arc<Path>>>,
    pub(super) services: BTreeMap<ServiceKey, ServiceState>,
    /// The services that wait for their first outcomes.
    pub(super) waiting: BTreeSet<ServiceKey>,
    pub(super) checks: HashMap<CheckId, CheckState, FixedState>,
    /// Who follows whom, in the zones that have aliases.
    pub(super) aliases: HashMap<Name, Index>,
    pub(super) last_check: CheckId,
    pub(super) scheduler: Scheduler,
    /// Where each check has its place in the interval.
    pub(super) rounds: Rounds,
    /// What is served, and the base of what is served next.
    pub(super) snapshot: Snapshot,
    /// The last serial used (RFC 1982): a zone that comes back goes on from here.
    pub(super) last_serial: u32,
    pub(super) first_round_ends: Option<Instant>,
    conditions: BTreeMap<Condition, usize>,
    /// Of all complaints that stand, wherever they are kept.
    pub(super) errors: Errors,
}

/// A zone and its settings.
#[derive(Debug)]
pub(super) struct ZoneState {
    pub(super) settings: ZoneSettings,
    pub(super) defaults: ZoneSettings,
    pub(super) file: ZoneFile,
    /// What master files and the settings say together, with its places.
    pub(super) statics: Statics,
    /// The same, as it is answered.
    pub(super) facts: Arc<Facts>,
}

impl ZoneState {
    /// A zone of which no file is known yet.
    pub(super) fn new(settings: ZoneSettings) -> Self {
        let statics = Statics::default();
        let facts = Arc::new(Facts::new(&settings, &statics));
        let defaults = settings.clone();
        Self { settings, defaults, file: ZoneFile::Unread, statics, facts }
    }

    /// The zone's start of authority, with that serial.
    pub(super) fn soa(&self, serial: u32) -> Soa {
        soa(&self.settings, &self.statics, serial)
    }
}

/// What has become of a zone's zone.toml.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ZoneFile {
    /// The zone has just appeared, and nothing was told of the file yet.
    Unread,
    /// There is none: the defaults hold.
    Absent,
    /// There is one that has never parsed: defaults are not what its owner wrote.
    NeverParsed,
    /// It parsed at least once.
    Parsed,
}

/// A service with what is known of its targets.
#[derive(Debug)]
pub(super) struct ServiceState {
    pub(super) service: Arc<Service>,
    /// What lost to what among its files.
    pub(super) conflicts: Vec<Diagnostic>,
    /// One an instance, in the same order.
    pub(super) instances: Box<[InstanceState]>,
    /// The aliases of the instances that have any, by their place, in the order of their checks.
    pub(super) aliases: BTreeMap<usize, Box<[AliasState]>>,
    /// One an address or host of each instance, in the order of the instances: what is published
    /// as well, until it changes.
    pub(super) targets: Arc<[Target]>,
    /// One a target, in the same order; none at all where nothing is run.
    pub(super) runs: Box<[Runs]>,
}

/// What status shows of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct InstanceState {
    pub(super) condition: Condition,
    pub(super) since: SystemTime,
}

/// What is run against a target.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// In the order of the instance's checks.
    pub(super) checks: Box<[CheckId]>,
    /// Registered when the process started: its service waits for its first outcomes.
    pub(super) awaited: bool,
}

impl World {
    /// An empty world. `first_serial` is the serial that every zone starts from, `seed` is what
    /// the places of its checks are drawn from.
    pub fn new(settings: Settings, first_serial: u32, seed: u64) -> Self {
        Self {
            scheduler: Scheduler::new(settings.max_in_flight),
            snapshot: Snapshot::empty(settings.rules.clone()),
            settings,
            zones: BTreeMap::new(),
            files: BTreeMap::new(),
            troubles: Vec::new(),
            contributors: HashMap::new(),
            services: BTreeMap::new(),
            waiting: BTreeSet::new(),
            checks: HashMap::default(),
            aliases: HashMap::new(),
            last_check: CheckId(0),
            rounds: Rounds::new(seed),
            last_serial: first_serial,
            first_round_ends: None,
            conditions: BTreeMap::new(),
            errors: Errors::default(),
        }
    }

    /// Whether no service waits for its first outcomes.
    pub fn is_ready(&self) -> bool {
        self.first_round_ends.is_some() && self.waiting.is_empty()
    }

    /// How many instances are in `condition`.
    pub fn count(&self, condition: Condition) -> usize {
        self.conditions.get(&condition).copied().unwrap_or(0)
    }

    /// How many services are registered.
    pub fn service_count(&self) -> usize {
        self.services.len()
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        self.zones.len()
    }

    /// Every service with the definitions that it was merged from.
    pub fn catalogue(&self) -> impl Iterator<Item = (&Service, Vec<Contribution>)> {
        self.services.iter().map(|(key, state)| (&*state.service, self.contributions(key)))
    }

    /// How many checks there are.
    pub fn check_count(&self) -> usize {
        self.checks.len()
    }

    /// How many checks run now.
    pub fn running(&self) -> usize {
        self.scheduler.running()
    }

    /// The last serial in use (RFC 1982).
    pub fn serial(&self) -> u32 {
        self.last_serial
    }

    /// Every service of the first load that has a check not heard yet waits.
    pub(super) fn expect_first_outcomes(&mut self) {
        for runs in self.services.values_mut().flat_map(|state| &mut state.runs) {
            runs.awaited = true;
        }
        let waiting = self.services.iter().filter(|(_, state)| !self.is_heard(state));
        self.waiting = waiting.map(|(key, _)| key.clone()).collect();
    }

    /// When the first round's time is up, what has no outcome is unknown and nobody waits for it.
    pub(super) fn end_first_round(&mut self, turn: &mut Turn) {
        if self.first_round_ends.is_some_and(|ends| ends <= turn.now.mono) {
            turn.dirty.append(&mut self.waiting);
        }
    }

    /// Works out anew how all targets of a service stand.
    pub(super) fn assess(&mut self, key: &ServiceKey, turn: &mut Turn) {
        let count = self.services.get(key).map_or(0, |state| state.targets.len());
        for place in 0..count {
            self.assess_target(key, place, turn);
        }
        // An address that has gone may have been its instance's best.
        if let Some(state) = self.services.get_mut(key) {
            for place in 0..state.instances.len() {
                state.assess_instance(place, &mut self.conditions, turn);
            }
        }
    }

    /// Works out anew how all addresses of one instance stand.
    pub(super) fn assess_targets_of(&mut self, key: &ServiceKey, place: usize, turn: &mut Turn) {
        let state = self.services.get(key);
        for target in state.map_or(0..0, |state| state.places_of(place)) {
            self.assess_target(key, target, turn);
        }
    }

    /// Works out anew how one target stands, and what of its service has changed with it.
    pub(super) fn assess_target(&mut self, key: &ServiceKey, place: usize, turn: &mut Turn) {
        // Found once: among many services each search is a walk through memory far away.
        let Some(state) = self.services.get_mut(key) else { return };
        let Some(target) = state.targets.get(place) else { return };
        let instance = target.instance;
        let aliases = state.aliases_of(instance);
        let own = evidence(&self.checks, state.runs.get(place));
        let says = own.chain(aliases.iter().map(AliasState::evidence));
        let standing = stand(&says.collect(), target.standing.fitness, turn.now);
        if standing == target.standing {
            return;
        }
        // What is published stays as it is: the first change after it is made to a copy.
        if let Some(target) = Arc::make_mut(&mut state.targets).get_mut(place) {
            target.standing = standing;
        }
        state.assess_instance(instance, &mut self.conditions, turn);
        turn.dirty.insert(key.clone());
        self.stir_followers(key, instance, turn);
    }

    /// What each check of a target says, aliases apart.
    pub(super) fn evidence<'w>(
        &'w self,
        runs: Option<&'w Runs>,
    ) -> impl Iterator<Item = Option<Evidence<'w>>> {
        evidence(&self.checks, runs)
    }

    /// Counts instances that come and go.
    pub(super) fn recount(&mut self, from: Option<Condition>, to: Option<Condition>) {
        recount(&mut self.conditions, from, to);
    }
}

impl ServiceState {
    /// An instance is as good as its best address.
    fn assess_instance(
        &mut self,
        place: usize,
        conditions: &mut BTreeMap<Condition, usize>,
        turn: &mut Turn,
    ) {
        let Some((from, to, reason)) = self.turn_instance(place, turn.now) else { return };
        recount(conditions, Some(from), Some(to));
        let Some(registered) = self.service.instances.get(place) else { return };
        let (service, instance) = (self.service.key.clone(), registered.id.clone());
        turn.effects.transitions.push(Transition { service, instance, from, to, reason });
    }

    /// Brings an instance's condition in line with its best target's, and tells what changed.
    fn turn_instance(
        &mut self,
        place: usize,
        now: Now,
    ) -> Option<(Condition, Condition, Option<Arc<str>>)> {
        let own = self.targets_of(place).iter();
        let best = own.map(|target| &target.standing).min_by_key(|standing| standing.condition)?;
        let (to, reason) = (best.condition, best.reason.clone());
        let instance = self.instances.get_mut(place)?;
        let from = std::mem::replace(&mut instance.condition, to);
        if from == to {
            return None;
        }
        instance.since = now.wall;
        Some((from, to, reason))
    }

    /// The targets of the instance at `place`.
    fn targets_of(&self, place: usize) -> &[Target] {
        self.targets.get(self.places_of(place)).unwrap_or_default()
    }

    /// What is run against each target of the instance at `place`.
    pub(super) fn runs_of(&self, place: usize) -> impl Iterator<Item = Option<&Runs>> {
        self.places_of(place).map(|target| self.runs.get(target))
    }

    /// The aliases of the instance at `place`.
    pub(super) fn aliases_of(&self, place: usize) -> &[AliasState] {
        self.aliases.get(&place).map_or(&[], |aliases| aliases)
    }

    fn places_of(&self, instance: usize) -> Range<usize> {
        // Targets stand in the order of their instances.
        let start = self.targets.partition_point(|target| target.instance < instance);
        start..self.targets.partition_point(|target| target.instance <= instance)
    }
}

fn evidence<'w>(
    checks: &'w HashMap<CheckId, CheckState, FixedState>,
    runs: Option<&'w Runs>,
) -> impl Iterator<Item = Option<Evidence<'w>>> {
    let ids = runs.into_iter().flat_map(|runs| &runs.checks);
    ids.filter_map(|id| checks.get(id)).map(CheckState::evidence)
}

fn recount(
    counts: &mut BTreeMap<Condition, usize>,
    from: Option<Condition>,
    to: Option<Condition>,
) {
    if let Some(count) = from.and_then(|from| counts.get_mut(&from)) {
        *count = count.saturating_sub(1);
    }
    if let Some(to) = to {
        *counts.entry(to).or_default() += 1;
    }
}
