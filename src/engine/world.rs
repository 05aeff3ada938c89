//! The world: everything known left of the snapshot, owned by one task.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::engine::checks::CheckState;
use crate::engine::files::FileState;
use crate::engine::turn::{Transition, Turn};
use crate::health::scheduler::{CheckId, Scheduler};
use crate::health::state::State;
use crate::model::check::{Policy, Sources};
use crate::model::health::Condition;
use crate::model::name::Name;
use crate::model::service::{Endpoint, Service, ServiceKey};
use crate::model::time::{Instant, Now};
use crate::model::zone::ZoneSettings;
use crate::snapshot::service::{Fitness, Standing};
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
    /// What the configuration says of answering.
    pub rules: Rules,
}

impl Settings {
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
    /// The files that define each service, in order of precedence.
    pub(super) contributors: HashMap<ServiceKey, BTreeSet<Arc<Path>>>,
    pub(super) services: BTreeMap<ServiceKey, ServiceState>,
    /// The services that wait for their first outcomes.
    pub(super) waiting: BTreeSet<ServiceKey>,
    pub(super) checks: HashMap<CheckId, CheckState>,
    pub(super) last_check: CheckId,
    pub(super) scheduler: Scheduler,
    /// Draws jitter; seeded by whoever makes the world.
    pub(super) rng: fastrand::Rng,
    /// What is served, and the base of what is served next.
    pub(super) snapshot: Snapshot,
    /// The largest serial used: a zone that comes back goes on from here.
    pub(super) last_serial: u32,
    pub(super) first_round_ends: Option<Instant>,
    conditions: BTreeMap<Condition, usize>,
}

/// A zone and its settings.
#[derive(Debug)]
pub(super) struct ZoneState {
    pub(super) settings: ZoneSettings,
    pub(super) defaults: ZoneSettings,
    pub(super) file: ZoneFile,
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
    pub(super) instances: Vec<InstanceState>,
    /// One an address or host of each instance, in the order of the instances.
    pub(super) targets: Vec<TargetState>,
}

/// What status shows of an instance.
#[derive(Clone, Copy, Debug)]
pub(super) struct InstanceState {
    pub(super) condition: Condition,
    pub(super) since: Now,
}

/// One address of one instance, or its host.
#[derive(Clone, Debug)]
pub(super) struct TargetState {
    pub(super) instance: usize,
    pub(super) endpoint: Endpoint,
    /// In the order of the instance's checks.
    pub(super) checks: Vec<CheckId>,
    pub(super) standing: Standing,
    /// Registered when the process started: its service waits for its first outcomes.
    pub(super) awaited: bool,
}

impl World {
    /// An empty world. `first_serial` is the serial that every zone starts from, `seed` is what
    /// jitter is drawn from.
    pub fn new(settings: Settings, first_serial: u32, seed: u64) -> Self {
        Self {
            scheduler: Scheduler::new(settings.max_in_flight),
            snapshot: Snapshot::empty(settings.rules.clone()),
            settings,
            zones: BTreeMap::new(),
            files: BTreeMap::new(),
            contributors: HashMap::new(),
            services: BTreeMap::new(),
            waiting: BTreeSet::new(),
            checks: HashMap::new(),
            last_check: CheckId(0),
            rng: fastrand::Rng::with_seed(seed),
            last_serial: first_serial,
            first_round_ends: None,
            conditions: BTreeMap::new(),
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

    /// How many checks there are.
    pub fn check_count(&self) -> usize {
        self.checks.len()
    }

    /// How many checks run now.
    pub fn running(&self) -> usize {
        self.scheduler.running()
    }

    /// The largest serial in use.
    pub fn serial(&self) -> u32 {
        self.last_serial
    }

    /// Every service of the first load that has a check not heard yet waits.
    pub(super) fn expect_first_outcomes(&mut self) {
        for target in self.services.values_mut().flat_map(|state| &mut state.targets) {
            target.awaited = true;
        }
        let unheard = |state: &ServiceState| {
            let mut checks = state.targets.iter().flat_map(|target| &target.checks);
            checks.any(|id| self.checks.get(id).is_some_and(|check| !check.has_spoken()))
        };
        let waiting = self.services.iter().filter(|(_, state)| unheard(state));
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
        let count = self.services.get(key).map_or(0, |state| state.instances.len());
        for place in 0..count {
            self.assess_instance(key, place, turn);
        }
    }

    /// Works out anew how one target stands, and what of its service has changed with it.
    pub(super) fn assess_target(&mut self, key: &ServiceKey, place: usize, turn: &mut Turn) {
        let Some(state) = self.services.get_mut(key) else { return };
        let Some(target) = state.targets.get_mut(place) else { return };
        let checks = target.checks.iter().filter_map(|id| self.checks.get(id));
        let standing = stand(checks, target.standing.fitness, turn.now);
        if standing == target.standing {
            return;
        }
        target.standing = standing;
        turn.dirty.insert(key.clone());
        let instance = target.instance;
        self.assess_instance(key, instance, turn);
    }

    /// An instance is as good as its best address.
    fn assess_instance(&mut self, key: &ServiceKey, place: usize, turn: &mut Turn) {
        let Some(state) = self.services.get_mut(key) else { return };
        let Some((from, to, reason)) = state.turn_instance(place, turn.now) else { return };
        recount(&mut self.conditions, Some(from), Some(to));
        let Some(registered) = state.service.instances.get(place) else { return };
        let (service, instance) = (key.clone(), registered.id.clone());
        turn.effects.transitions.push(Transition { service, instance, from, to, reason });
    }

    /// Counts instances that come and go.
    pub(super) fn recount(&mut self, from: Option<Condition>, to: Option<Condition>) {
        recount(&mut self.conditions, from, to);
    }
}

impl ServiceState {
    /// Brings an instance's condition in line with its best target's, and tells what changed.
    fn turn_instance(
        &mut self,
        place: usize,
        now: Now,
    ) -> Option<(Condition, Condition, Option<Arc<str>>)> {
        // Targets stand in the order of their instances.
        let start = self.targets.partition_point(|target| target.instance < place);
        let own = self.targets.iter().skip(start).take_while(|target| target.instance == place);
        let best = own.map(|target| &target.standing).min_by_key(|standing| standing.condition)?;
        let instance = self.instances.get_mut(place)?;
        let (from, to) = (instance.condition, best.condition);
        if from == to {
            return None;
        }
        *instance = InstanceState { condition: to, since: now };
        Some((from, to, best.reason.clone()))
    }
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

/// How a target stands by its checks together: the worst counts.
fn stand<'a>(checks: impl Iterator<Item = &'a CheckState>, before: Fitness, now: Now) -> Standing {
    let (mut all, mut heard) = (0, 0);
    let (mut fit, mut suspect, mut warning) = (true, false, false);
    let mut worst: Option<&CheckState> = None;
    for check in checks {
        all += 1;
        if !check.counts() {
            continue;
        }
        heard += 1;
        fit &= check.state.is_fit();
        suspect |= check.state.is_suspect();
        warning |= check.state.is_warning(&check.check.policy);
        if worst.is_none_or(|w| check.state.condition() > w.state.condition()) {
            worst = Some(check);
        }
    }
    let condition = match worst {
        Some(check) => check.state.condition(),
        None if all > heard => Condition::Unknown,
        None => Condition::Unchecked,
    };
    let fitness = match (fit, before) {
        (true, _) => Fitness::Fit { suspect, warning },
        (false, Fitness::Fit { .. }) => Fitness::Unfit { left: Some(now.mono) },
        (false, Fitness::Unfit { left }) => Fitness::Unfit { left },
    };
    let reason = worst.filter(|_| !fit || suspect || warning).and_then(|check| match check.state {
        State::Unknown | State::Passing { .. } => check.output.clone(),
        State::Suspect { .. } | State::Critical { .. } | State::Recovering { .. } => {
            check.fault.clone()
        }
    });
    Standing { condition, fitness, reason }
}
