//! The states of all services: how their instances stand, and which services wait for their first
//! outcomes.

mod carry_over;
pub(super) mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::checks::Checks;
use crate::engine::checks::check::Subject;
use crate::engine::event::{Transition, Turn};
use crate::engine::evidence::Evidence;
use crate::engine::orders::book::Override;
use crate::engine::services::carry_over::carry_over;
use crate::engine::services::state::ServiceState;
use crate::model::check::Sources;
use crate::model::health::Condition;
use crate::model::name::Name;
use crate::model::service::{InstanceId, Service, ServiceKey};
use crate::model::time::Instant;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Services {
    states: BTreeMap<ServiceKey, ServiceState>,
    /// The services that wait for their first outcomes.
    waiting: BTreeSet<ServiceKey>,
    first_round_ends: Option<Instant>,
    conditions: Conditions,
}

/// How many instances are in each condition.
#[derive(Debug, Default)]
struct Conditions(BTreeMap<Condition, usize>);

impl Conditions {
    fn add(&mut self, state: &ServiceState) {
        state.instances.iter().for_each(|i| self.recount(None, Some(i.condition)));
    }

    fn remove(&mut self, state: &ServiceState) {
        state.instances.iter().for_each(|i| self.recount(Some(i.condition), None));
    }

    fn recount(&mut self, from: Option<Condition>, to: Option<Condition>) {
        if let Some(count) = from.and_then(|from| self.0.get_mut(&from)) {
            *count = count.saturating_sub(1);
        }
        if let Some(to) = to {
            *self.0.entry(to).or_default() += 1;
        }
    }
}

impl Services {
    pub(super) fn get(&self, key: &ServiceKey) -> Option<&ServiceState> {
        self.states.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &ServiceState)> {
        self.states.iter()
    }

    pub(super) fn in_zone(&self, apex: &Name) -> impl Iterator<Item = &Service> {
        let services = self.states.values().map(|state| &**state.service());
        services.filter(move |service| service.key.zone == *apex)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// How many instances are in `condition`.
    pub(super) fn count(&self, condition: Condition) -> usize {
        self.conditions.0.get(&condition).copied().unwrap_or(0)
    }

    /// How an instance stands. Goes through those of the service.
    pub(super) fn condition(&self, key: &ServiceKey, id: &InstanceId) -> Option<Condition> {
        let state = self.states.get(key)?;
        let place = state.service.instances.iter().position(|instance| instance.id == *id)?;
        Some(state.instances.get(place)?.condition)
    }

    /// Whether no service waits for its first outcomes.
    pub(super) fn are_ready(&self) -> bool {
        self.first_round_ends.is_some() && self.waiting.is_empty()
    }

    /// The services that wait for their first outcomes.
    pub(super) fn waiting(&self) -> &BTreeSet<ServiceKey> {
        &self.waiting
    }

    /// When those that wait then wait no longer.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.first_round_ends.filter(|_| !self.are_ready())
    }

    /// Every service that is there has come with the start, and waits if it has a check that has had
    /// no outcome yet; at longest until `ends`.
    pub(super) fn begin_first_round(&mut self, ends: Instant, checks: &Checks) {
        self.first_round_ends = Some(ends);
        for of_target in self.states.values_mut().flat_map(|state| &mut state.target_checks) {
            of_target.awaited = true;
        }
        let waiting = self.states.iter().filter(|(_, state)| !is_heard(state, checks));
        self.waiting = waiting.map(|(key, _)| key.clone()).collect();
    }

    /// When the first round's time is up, what has no outcome is unknown and nobody waits for it.
    pub(super) fn end_first_round(&mut self, turn: &mut Turn) {
        if self.first_round_ends.is_some_and(|ends| ends <= turn.now.mono) {
            turn.dirty.append(&mut self.waiting);
        }
    }

    /// A service waits until each of its checks has had one outcome; not for what is added later.
    pub(super) fn hear(&mut self, key: &ServiceKey, checks: &Checks, turn: &mut Turn) {
        if self.states.get(key).is_some_and(|state| is_heard(state, checks)) {
            self.waiting.remove(key);
            turn.dirty.insert(key.clone());
        }
    }

    /// Puts `service` in the place of its predecessor, if it has one: what both have goes on. New
    /// checks ask from `sources`.
    pub(super) fn put(
        &mut self,
        (service, orders): (Arc<Service>, BTreeMap<InstanceId, Override>),
        sources: Sources,
        checks: &mut Checks,
        turn: &mut Turn,
    ) {
        let key = service.key.clone();
        let old = self.states.remove(&key);
        if let Some(old) = &old {
            self.conditions.remove(old);
        }
        let state = ServiceState { orders, ..carry_over(service, old, sources, checks, turn) };
        self.conditions.add(&state);
        self.states.insert(key.clone(), state);
        self.assess_all(&key, checks, turn);
        self.hear(&key, checks, turn);
        turn.dirty.insert(key);
    }

    /// Puts orders of a service's instances in the place of others.
    pub(super) fn order(
        &mut self,
        key: &ServiceKey,
        orders: BTreeMap<InstanceId, Override>,
        checks: &Checks,
        turn: &mut Turn,
    ) {
        let Some(state) = self.states.get_mut(key) else { return };
        state.orders = orders;
        self.assess_all(key, checks, turn);
    }

    pub(super) fn remove(&mut self, key: &ServiceKey, checks: &mut Checks, turn: &mut Turn) {
        let Some(state) = self.states.remove(key) else { return };
        self.waiting.remove(key);
        self.conditions.remove(&state);
        state.all_checks().for_each(|ids| checks.remove(ids, turn));
        turn.dirty.insert(key.clone());
    }

    /// Works out anew how all targets of a service stand.
    fn assess_all(&mut self, key: &ServiceKey, checks: &Checks, turn: &mut Turn) {
        let count = self.states.get(key).map_or(0, |state| state.targets.len());
        for target in 0..count {
            self.assess(key, target, checks, turn);
        }
        // An address that has gone may have been its instance's best.
        let Some(state) = self.states.get_mut(key) else { return };
        for place in 0..state.instances.len() {
            assess_instance(state, place, &mut self.conditions, turn);
        }
    }

    /// Works out anew how what a check is about stands.
    pub(super) fn reassess(
        &mut self,
        key: &ServiceKey,
        subject: Subject,
        checks: &Checks,
        turn: &mut Turn,
    ) {
        match subject {
            Subject::Target(target) => self.assess(key, target, checks, turn),
            Subject::Instance(instance) => self.assess_instance(key, instance, checks, turn),
        }
    }

    /// Works out anew how all targets of one instance stand.
    pub(super) fn assess_instance(
        &mut self,
        key: &ServiceKey,
        instance: usize,
        checks: &Checks,
        turn: &mut Turn,
    ) {
        let state = self.states.get(key);
        for target in state.map_or(0..0, |state| state.targets_of(instance)) {
            self.assess(key, target, checks, turn);
        }
    }

    /// Works out anew how one target stands, and what of its service has changed with it.
    pub(super) fn assess(
        &mut self,
        key: &ServiceKey,
        target: usize,
        checks: &Checks,
        turn: &mut Turn,
    ) {
        // Found once: among many services each search is a walk through memory far away.
        let Some(state) = self.states.get_mut(key) else { return };
        let Some(before) = state.targets.get(target) else { return };
        let instance = before.instance;
        let own = checks.evidence(state.checks_of_target(target));
        let says = own.chain(checks.evidence(state.checks_of_instance(instance)));
        let evidence: Evidence = says.collect();
        let mut standing = evidence.standing(before.standing.fitness, turn.now);
        let registered = state.service.instances.get(instance);
        if let Some(order) = registered.and_then(|instance| state.orders.get(&instance.id)) {
            standing = order.standing(before.standing.fitness, turn.now);
        }
        if standing == before.standing {
            return;
        }
        // What is published stays as it is: the first change after it is made to a copy.
        if let Some(target) = Arc::make_mut(&mut state.targets).get_mut(target) {
            target.standing = standing;
        }
        assess_instance(state, instance, &mut self.conditions, turn);
        turn.dirty.insert(key.clone());
        turn.moved.push((key.clone(), instance));
    }
}

fn assess_instance(
    state: &mut ServiceState,
    place: usize,
    conditions: &mut Conditions,
    turn: &mut Turn,
) {
    let Some((from, to, reason)) = state.assess_instance(place, turn.now) else { return };
    conditions.recount(Some(from), Some(to));
    let Some(registered) = state.service.instances.get(place) else { return };
    let (service, instance) = (state.service.key.clone(), registered.id.clone());
    turn.effects.transitions.push(Transition { service, instance, from, to, reason });
}

/// Whether each check of a service that is waited for has had an outcome.
fn is_heard(state: &ServiceState, checks: &Checks) -> bool {
    let mut awaited = state.target_checks.iter().filter(|checks| checks.awaited);
    awaited.all(|of_target| checks.are_heard(&of_target.ids))
        && state.instance_checks.values().all(|ids| checks.are_heard(ids))
}
