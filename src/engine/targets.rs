//! A service's new state takes the place of the old: of its targets and their checks, all that ask
//! the same as before go on as they are.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::engine::aliases::{self, AliasState};
use crate::engine::checks::{CheckState, Voice};
use crate::engine::turn::Turn;
use crate::engine::world::{InstanceState, Runs, ServiceState, World};
use crate::health::scheduler::CheckId;
use crate::health::state::State;
use crate::model::check::{Check, Probe};
use crate::model::health::Condition;
use crate::model::service::{Endpoint, Instance, InstanceId, Service, ServiceKey};
use crate::snapshot::target::{Fitness, Standing, Target};

impl World {
    /// The state of a service that takes the place of `old`: what both have goes on.
    pub(super) fn succeed(
        &mut self,
        service: Arc<Service>,
        old: Option<ServiceState>,
        turn: &mut Turn,
    ) -> ServiceState {
        let mut old = old.map(Predecessor::new).unwrap_or_default();
        let key = Arc::new(service.key.clone());
        let many = service.instances.len();
        let (mut instances, mut following) = (Vec::with_capacity(many), BTreeMap::new());
        let (mut targets, mut runs) = (Vec::with_capacity(many), Vec::with_capacity(many));
        for (place, instance) in service.instances.iter().enumerate() {
            let known = old.instances.remove(&instance.id).unwrap_or_else(|| {
                let condition = newcomer(instance).condition;
                self.recount(None, Some(condition));
                InstanceState { condition, since: turn.now.wall }
            });
            let known_as = |endpoint| (instance.id.clone(), endpoint);
            let served = |endpoint| is_served(old.targets.get(&known_as(endpoint)));
            let voice = voice_of_new(instance.location.endpoints().any(served));
            let followed = old.aliases.remove(&instance.id).unwrap_or_default();
            let followed = aliases::succeed(&instance.checks, &followed, voice);
            if !followed.is_empty() {
                following.insert(place, followed);
            }
            instances.push(known);
            for endpoint in instance.location.endpoints() {
                let before = old.targets.remove(&known_as(endpoint.clone()));
                let (standing, run) =
                    self.succeed_target((&key, instance), &endpoint, before, turn);
                for id in &run.checks {
                    if let Some(check) = self.checks.get_mut(id) {
                        check.place = targets.len();
                    }
                }
                targets.push(Target { instance: place, endpoint, standing });
                runs.push(run);
            }
        }
        for gone in old.instances.into_values() {
            self.recount(Some(gone.condition), None);
        }
        for id in old.targets.into_values().flat_map(|(_, runs)| runs.checks) {
            self.remove_check(id, turn);
        }
        if runs.iter().all(|runs: &Runs| runs.checks.is_empty()) {
            runs = Vec::new();
        }
        ServiceState {
            service,
            conflicts: Vec::new(),
            instances: instances.into(),
            aliases: following,
            targets: targets.into(),
            runs: runs.into(),
        }
    }

    fn succeed_target(
        &mut self,
        (service, instance): (&Arc<ServiceKey>, &Instance),
        endpoint: &Endpoint,
        before: Option<(Standing, Runs)>,
        turn: &mut Turn,
    ) -> (Standing, Runs) {
        let voice = voice_of_new(is_served(before.as_ref()));
        let (mut old, standing, awaited) = match before {
            Some((standing, runs)) => (runs.checks.into_vec(), standing, runs.awaited),
            None => (Vec::new(), newcomer(instance), false),
        };
        let mut checks = Vec::new();
        for check in &*instance.checks {
            let Some(probe) = self.probe((service, instance), check, endpoint) else { continue };
            let kept = old.iter().position(|id| self.asks_the_same(*id, check, &probe));
            if let Some(id) = kept.map(|at| old.swap_remove(at)) {
                self.retime(id, check, probe, turn.now);
                checks.push(id);
                continue;
            }
            let state = CheckState {
                service: Arc::clone(service),
                place: 0,
                state: State::initial(check.initial, &check.policy),
                check: check.clone(),
                probe,
                voice,
                output: None,
                fault: None,
                started: None,
                placed: false,
            };
            checks.push(self.add_check(state, turn.now));
        }
        for id in old {
            self.remove_check(id, turn);
        }
        (standing, Runs { checks: checks.into(), awaited })
    }

    fn asks_the_same(&self, id: CheckId, check: &Check, probe: &Probe) -> bool {
        self.checks
            .get(&id)
            .is_some_and(|old| old.check.id == check.id && old.probe.question == probe.question)
    }

    /// `None` for a check that is not run, or that has no port to go to.
    fn probe(
        &self,
        (service, instance): (&ServiceKey, &Instance),
        check: &Check,
        endpoint: &Endpoint,
    ) -> Option<Probe> {
        let question = instance.question(service, check, endpoint)?;
        let sources = self.settings.sources();
        Some(Probe { question, policy: Arc::clone(&check.policy), sources })
    }
}

fn is_served(target: Option<&(Standing, Runs)>) -> bool {
    target.is_some_and(|(standing, _)| matches!(standing.fitness, Fitness::Fit { .. }))
}

/// What is new at something served counts from its first outcome on, and not before.
fn voice_of_new(served: bool) -> Voice {
    if served { Voice::Provisional } else { Voice::Awaited }
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
    aliases: HashMap<InstanceId, Box<[AliasState]>>,
    targets: HashMap<(InstanceId, Endpoint), (Standing, Runs)>,
}

impl Predecessor {
    fn new(state: ServiceState) -> Self {
        let ids: Vec<InstanceId> = state.service.instances.iter().map(|i| i.id.clone()).collect();
        let mut runs = state.runs.into_iter();
        let targets = state.targets.iter().filter_map(|target| {
            let runs = runs.next().unwrap_or_default();
            let known_as = (ids.get(target.instance)?.clone(), target.endpoint.clone());
            Some((known_as, (target.standing.clone(), runs)))
        });
        let targets = targets.collect();
        let of = |(place, aliases): (usize, _)| Some((ids.get(place)?.clone(), aliases));
        let aliases = state.aliases.into_iter().filter_map(of).collect();
        Self { aliases, instances: ids.into_iter().zip(state.instances).collect(), targets }
    }
}
