//! A service's new state takes the place of the old: of its targets and their checks, all that ask
//! the same as before go on as they are.

use std::collections::{BTreeMap, HashMap};
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

/// The state of a service that takes the place of `old`. Its new checks ask from `sources`.
pub(super) fn carry_over(
    service: Arc<Service>,
    old: Option<ServiceState>,
    sources: Sources,
    checks: &mut Checks,
    turn: &mut Turn,
) -> ServiceState {
    let mut old = old.map(Predecessor::new).unwrap_or_default();
    let key = Arc::new(service.key.clone());
    let many = service.instances.len();
    let (mut instances, mut instance_checks) = (Vec::with_capacity(many), BTreeMap::new());
    let (mut targets, mut target_checks) = (Vec::with_capacity(many), Vec::with_capacity(many));
    for (place, instance) in service.instances.iter().enumerate() {
        let new =
            || InstanceState { condition: newcomer(instance).condition, since: turn.now.wall };
        instances.push(old.instances.remove(&instance.id).unwrap_or_else(new));
        let known_as = |endpoint| (instance.id.clone(), endpoint);
        let served = |endpoint| is_served(old.targets.get(&known_as(endpoint)));
        let served = instance.location.endpoints().any(served);
        let owner =
            Owner { service: Arc::clone(&key), place, first_outcome: first_outcome(served) };
        let as_before = old.instance_checks.remove(&instance.id).unwrap_or_default().into_vec();
        let ids = checks.carry_over(&owner, of_instance(instance), as_before, turn);
        if !ids.is_empty() {
            instance_checks.insert(place, ids);
        }
        for endpoint in instance.location.endpoints() {
            let before = old.targets.remove(&known_as(endpoint.clone()));
            let first_outcome = first_outcome(is_served(before.as_ref()));
            let owner = Owner { service: Arc::clone(&key), place: targets.len(), first_outcome };
            let (standing, before) =
                before.unwrap_or_else(|| (newcomer(instance), TargetChecks::default()));
            let wanted = of_target((&key, instance), &endpoint, sources);
            let ids = checks.carry_over(&owner, wanted, before.ids.into_vec(), turn);
            targets.push(Target { instance: place, endpoint, standing });
            target_checks.push(TargetChecks { ids, awaited: before.awaited });
        }
    }
    let gone = old.targets.values().map(|(_, checks)| &checks.ids);
    gone.chain(old.instance_checks.values()).for_each(|ids| checks.remove(ids, turn));
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
    state
}

/// Every check of a service by the place of its instance: those of its targets, then its own.
fn shown(state: &ServiceState, checks: &Checks) -> Arc<[(usize, Arc<CheckShown>)]> {
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

fn is_served(target: Option<&(Standing, TargetChecks)>) -> bool {
    target.is_some_and(|(standing, _)| matches!(standing.fitness, Fitness::Fit { .. }))
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

/// What a service's new state may take over.
#[derive(Default)]
struct Predecessor {
    instances: HashMap<InstanceId, InstanceState>,
    instance_checks: HashMap<InstanceId, Box<[CheckId]>>,
    targets: HashMap<(InstanceId, Endpoint), (Standing, TargetChecks)>,
}

impl Predecessor {
    fn new(state: ServiceState) -> Self {
        let ids: Vec<InstanceId> = state.service.instances.iter().map(|i| i.id.clone()).collect();
        let mut checks = state.target_checks.into_iter();
        let targets = state.targets.iter().filter_map(|target| {
            let checks = checks.next().unwrap_or_default();
            let known_as = (ids.get(target.instance)?.clone(), target.endpoint.clone());
            Some((known_as, (target.standing.clone(), checks)))
        });
        let targets = targets.collect();
        let of = |(place, checks): (usize, _)| Some((ids.get(place)?.clone(), checks));
        let instance_checks = state.instance_checks.into_iter().filter_map(of).collect();
        Self {
            instance_checks,
            instances: ids.into_iter().zip(state.instances.iter().copied()).collect(),
            targets,
        }
    }
}
