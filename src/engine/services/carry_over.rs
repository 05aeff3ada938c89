//! A service's new state takes the place of the old: of its targets and their checks, all that ask
//! the same as before go on as they are.

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::ops::Range;
use std::sync::Arc;

use crate::engine::checks::Checks;
use crate::engine::checks::check::{FirstOutcome, Method, Owner};
use crate::engine::event::Turn;
use crate::engine::services::state::{ServiceState, TargetChecks};
use crate::health::scheduler::CheckId;
use crate::model::check::{Check, Kind, Probe, Sources};
use crate::model::health::Condition;
use crate::model::service::{Endpoint, Instance, InstanceId, Service, ServiceKey};
use crate::snapshot::shown::{CheckShown, InstanceState};
use crate::snapshot::target::{Fitness, Standing, Target};

/// The state of a service that takes the place of `old`, and the places of its instances that are to
/// be assessed. Its new checks ask from `sources`.
pub(super) fn carry_over(
    service: Arc<Service>,
    old: Option<ServiceState>,
    sources: Sources,
    checks: &mut Checks,
    turn: &mut Turn,
) -> (ServiceState, Vec<usize>) {
    let mut old = old.map(|old| Predecessor::new(old, &service));
    let key = Arc::new(service.key.clone());
    let mut new = Successor { key, sources, checks, turn, parts: Parts::of(&service) };
    for (place, instance) in service.instances.iter().enumerate() {
        let before = old.as_mut().and_then(|old| Some((old.place(place, &instance.id)?, old)));
        match before {
            Some((at, old)) if new.may_keep(instance, (at, old)) => new.keep(at, old),
            before => new.add(instance, before),
        }
    }
    let Successor { checks, turn, parts, .. } = new;
    if let Some(old) = old {
        old.state.all_checks().for_each(|ids| checks.remove(ids, turn));
    }
    let Parts { instances, instance_checks, targets, mut target_checks, touched } = parts;
    if target_checks.iter().all(|checks: &TargetChecks| checks.ids.is_empty()) {
        target_checks = Vec::new();
    }
    let mut state = ServiceState {
        service,
        instances: instances.into(),
        instance_checks,
        targets: targets.into(),
        target_checks: target_checks.into(),
        orders: BTreeMap::new(),
        checks_shown: Arc::default(),
    };
    state.checks_shown = shown(&state, checks);
    (state, touched)
}

/// A state that is put together instance by instance.
struct Successor<'a> {
    key: Arc<ServiceKey>,
    sources: Sources,
    checks: &'a mut Checks,
    turn: &'a mut Turn,
    parts: Parts,
}

/// As in [`ServiceState`].
struct Parts {
    instances: Vec<InstanceState>,
    instance_checks: BTreeMap<usize, Box<[CheckId]>>,
    targets: Vec<Target>,
    target_checks: Vec<TargetChecks>,
    /// The instances that are not as they were.
    touched: Vec<usize>,
}

impl Parts {
    fn of(service: &Service) -> Self {
        let many = service.instances.len();
        Self {
            instances: Vec::with_capacity(many),
            instance_checks: BTreeMap::new(),
            targets: Vec::with_capacity(many),
            target_checks: Vec::with_capacity(many),
            touched: Vec::new(),
        }
    }
}

impl Successor<'_> {
    /// Whether an instance is as it was: its checks know their places.
    fn may_keep(&self, instance: &Instance, (at, old): (usize, &Predecessor)) -> bool {
        let stays =
            at == self.parts.instances.len() && old.targets(at).start == self.parts.targets.len();
        (stays || instance.checks.is_empty())
            && old.state.service.instances.get(at) == Some(instance)
    }

    fn keep(&mut self, at: usize, old: &mut Predecessor) {
        let place = self.parts.instances.len();
        self.parts.instances.extend(old.state.instances.get(at));
        if let Some(ids) = old.state.instance_checks.remove(&at) {
            self.parts.instance_checks.insert(place, ids);
        }
        for target in old.targets(at) {
            let kept = old.state.targets.get(target).cloned();
            self.parts.targets.extend(kept.map(|kept| Target { instance: place, ..kept }));
            self.parts.target_checks.push(old.take_checks(target));
        }
    }

    fn add(&mut self, instance: &Instance, before: Option<(usize, &mut Predecessor)>) {
        let Self { key, sources, checks, turn, parts } = self;
        let place = parts.instances.len();
        parts.touched.push(place);
        let (state, as_before, mut its) = match before {
            Some((at, old)) => old.take(at),
            None => (None, Box::default(), Vec::new()),
        };
        let new = InstanceState { condition: newcomer(instance).condition, since: turn.now.wall };
        parts.instances.push(state.unwrap_or(new));
        let is_fit = |endpoint| its.iter().any(|(t, _)| t.endpoint == endpoint && is_served(t));
        let first_outcome = first_outcome(instance.location.endpoints().any(is_fit));
        let owner = Owner { service: Arc::clone(key), place, first_outcome };
        let ids = checks.carry_over(&owner, of_instance(instance), as_before.into_vec(), turn);
        if !ids.is_empty() {
            parts.instance_checks.insert(place, ids);
        }
        for endpoint in instance.location.endpoints() {
            let before = its.iter().position(|(target, _)| target.endpoint == endpoint);
            let before = before.map(|at| its.swap_remove(at));
            let first_outcome =
                self::first_outcome(before.as_ref().is_some_and(|(t, _)| is_served(t)));
            let owner =
                Owner { service: Arc::clone(key), place: parts.targets.len(), first_outcome };
            let (standing, before) = match before {
                Some((target, checks)) => (target.standing, checks),
                None => (newcomer(instance), TargetChecks::default()),
            };
            let wanted = of_target((key, instance), &endpoint, *sources);
            let ids = checks.carry_over(&owner, wanted, before.ids.into_vec(), turn);
            parts.targets.push(Target { instance: place, endpoint, standing });
            parts.target_checks.push(TargetChecks { ids, awaited: before.awaited });
        }
        for (_, gone) in its {
            checks.remove(&gone.ids, turn);
        }
    }
}

/// Every check of a service by the place of its instance: those of its targets, then its own.
fn shown(state: &ServiceState, checks: &Checks) -> Arc<[(usize, Arc<CheckShown>)]> {
    if state.target_checks.is_empty() && state.instance_checks.is_empty() {
        return Arc::default();
    }
    let places = 0..state.service.instances.len();
    let ids = places.flat_map(|place| {
        let of_targets = state.checks_of_targets(place);
        let ids = of_targets.chain(std::iter::once(state.checks_of_instance(place)));
        ids.flatten().map(move |id| (place, id))
    });
    ids.filter_map(|(place, id)| Some((place, Arc::clone(checks.get(*id)?.shown())))).collect()
}

/// The checks of an instance as a whole.
fn of_instance(instance: &Instance) -> impl Iterator<Item = (&Check, Method)> {
    let method = |check: &Check| match &*check.kind {
        Kind::Alias(alias) => Some(Method::Follows(Arc::clone(&alias.instance))),
        Kind::Ttl(_) => Some(Method::Told(instance.id.as_str().into())),
        Kind::Http(_) | Kind::Tcp(_) | Kind::Grpc(_) | Kind::Script(_) => None,
    };
    instance.checks.iter().filter_map(move |check| Some((check, method(check)?)))
}

/// The checks that are run against a target, but for those that have no port to go to.
fn of_target<'c>(
    (service, instance): (&'c ServiceKey, &'c Instance),
    endpoint: &'c Endpoint,
    sources: Sources,
) -> impl Iterator<Item = (&'c Check, Method)> {
    instance.checks.iter().filter_map(move |check| {
        let question = instance.question(service, check, endpoint)?;
        let probe = Probe { question, policy: Arc::clone(&check.policy), sources };
        Some((check, Method::Asked(probe)))
    })
}

fn is_served(target: &Target) -> bool {
    matches!(target.standing.fitness, Fitness::Fit { .. })
}

/// What is new at something served counts from its first outcome on, and not before.
fn first_outcome(served: bool) -> FirstOutcome {
    if served { FirstOutcome::Provisional } else { FirstOutcome::Awaited }
}

/// How an instance stands that nothing was known of before.
fn newcomer(instance: &Instance) -> Standing {
    let (condition, fitness) = if instance.checks.is_empty() {
        (Condition::Unchecked, Fitness::WELL)
    } else {
        (Condition::Unknown, Fitness::Unfit { left: None })
    };
    Standing { condition, fitness, reason: None }
}

type Taken = (Option<InstanceState>, Box<[CheckId]>, Vec<(Target, TargetChecks)>);

/// What a service's new state may take over.
struct Predecessor {
    state: ServiceState,
    /// Where the targets of each instance begin.
    starts: Vec<usize>,
    /// Instances that have the same ids at the beginning, and how many more there are now.
    start: usize,
    more: isize,
    /// The places of those between these and the ones that have the same ids at the end.
    between: HashMap<InstanceId, usize>,
    end: usize,
}

impl Predecessor {
    fn new(state: ServiceState, new: &Service) -> Self {
        let (old, new) = (&state.service.instances, &new.instances);
        let same = |(a, b): &(&Instance, &Instance)| a.id == b.id;
        let start = old.iter().zip(new).take_while(same).count();
        let most = old.len().min(new.len()) - start;
        let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
        let end = old.len() - end;
        let between = (start..end).filter_map(|at| Some((old.get(at)?.id.clone(), at))).collect();
        let more = new.len().cast_signed() - old.len().cast_signed();
        let starts = (0..old.len()).scan(0, |next, at| {
            let start = *next;
            let its = state.targets.iter().skip(start).take_while(|target| target.instance == at);
            *next += its.count();
            Some(start)
        });
        Self { starts: starts.collect(), start, more, between, end, state }
    }

    /// Where an instance was that has this place now.
    fn place(&self, place: usize, id: &InstanceId) -> Option<usize> {
        if place < self.start {
            return Some(place);
        }
        let shifted = place.checked_add_signed(-self.more).filter(|at| *at >= self.end);
        shifted.or_else(|| self.between.get(id).copied())
    }

    fn targets(&self, at: usize) -> Range<usize> {
        let start = |at: usize| self.starts.get(at).copied().unwrap_or(self.state.targets.len());
        start(at)..start(at + 1)
    }

    fn take_checks(&mut self, target: usize) -> TargetChecks {
        self.state.target_checks.get_mut(target).map(mem::take).unwrap_or_default()
    }

    /// How an instance stands, its own checks, and its targets with theirs.
    fn take(&mut self, at: usize) -> Taken {
        let ids = self.state.instance_checks.remove(&at).unwrap_or_default();
        let targets = self.targets(at).filter_map(|target| {
            let checks = self.state.target_checks.get_mut(target).map(mem::take);
            Some((self.state.targets.get(target)?.clone(), checks.unwrap_or_default()))
        });
        let targets = targets.collect();
        (self.state.instances.get(at).copied(), ids, targets)
    }
}
