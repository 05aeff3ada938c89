//! What the world knows of each check, and what an outcome does to it.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::aliases::AliasState;
use crate::engine::evidence::Evidence;
use crate::engine::turn::{Start, Turn};
use crate::engine::world::{ServiceState, World};
use crate::health::scheduler::{CheckId, Class, Lane};
use crate::health::state::{Next, State};
use crate::model::check::{Check, Probe, Question};
use crate::model::health::{Finding, Outcome};
use crate::model::service::ServiceKey;
use crate::model::time::{Instant, Now};

/// One check of one target.
#[derive(Clone, Debug)]
pub(super) struct CheckState {
    pub(super) service: Arc<ServiceKey>,
    /// The place of its target in the service.
    pub(super) place: usize,
    pub(super) check: Check,
    pub(super) probe: Probe,
    pub(super) state: State,
    pub(super) voice: Voice,
    /// What the last outcome said.
    pub(super) output: Option<Arc<str>>,
    /// What the last failure said.
    pub(super) fault: Option<Arc<str>>,
    /// When the last run started.
    pub(super) started: Option<Instant>,
    /// Whether it started last at its place in the interval.
    pub(super) placed: bool,
}

/// Whether a check has had an outcome, and what it means until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// None yet: the target waits for it.
    Awaited,
    /// None yet, and the target is served meanwhile: the check is new, the target is not.
    Provisional,
    /// At least one.
    Heard,
}

impl CheckState {
    /// What it says of its target; `None` while it has no say in what that is worth.
    pub(super) fn evidence(&self) -> Option<Evidence<'_>> {
        (self.voice != Voice::Provisional).then(|| Evidence {
            condition: self.state.condition(),
            fit: self.state.is_fit(),
            suspect: self.state.is_suspect(),
            warning: self.state.is_warning(&self.check.policy),
            reason: self.reason(),
        })
    }

    /// What decided the state: the last failure where one did, else the last outcome.
    fn reason(&self) -> Option<&Arc<str>> {
        match self.state {
            State::Unknown | State::Passing { .. } => self.output.as_ref(),
            State::Suspect { .. } | State::Critical { .. } | State::Recovering { .. } => {
                self.fault.as_ref()
            }
        }
    }

    /// Whether this is one more outcome of a check that passes: nothing follows from it but the next
    /// run.
    fn is_routine(&self, outcome: &Outcome) -> bool {
        outcome.finding == Finding::Pass
            && self.state == State::Passing { warning: false }
            && self.has_spoken()
    }

    /// Whether it has had an outcome.
    pub(super) fn has_spoken(&self) -> bool {
        self.voice == Voice::Heard
    }

    fn lane(&self) -> Lane {
        match self.probe.question {
            Question::Network(..) => Lane::Network,
            Question::Script(..) => Lane::Scripts,
        }
    }

    fn class(&self) -> Class {
        match self.state {
            State::Unknown | State::Passing { .. } => Class::Settled,
            State::Suspect { .. } | State::Critical { .. } | State::Recovering { .. } => {
                Class::Troubled
            }
        }
    }
}

impl World {
    /// Registers a new check of a target; its first run is due at once.
    pub(super) fn add_check(&mut self, state: CheckState, now: Now) -> CheckId {
        self.last_check = CheckId(self.last_check.0 + 1);
        let id = self.last_check;
        self.scheduler.plan(id, (state.lane(), state.class()), now.mono);
        self.checks.insert(id, state);
        id
    }

    /// Forgets a check; a run of it is ended.
    pub(super) fn remove_check(&mut self, id: CheckId, turn: &mut Turn) {
        self.checks.remove(&id);
        if self.scheduler.remove(id) {
            turn.effects.stop.push(id);
        }
    }

    /// Gives a check that asks the same as before its new thresholds and times; every verdict
    /// stays. A first run stays due at once.
    pub(super) fn retime(&mut self, id: CheckId, check: &Check, probe: Probe, now: Now) {
        let Some(state) = self.checks.get_mut(&id) else { return };
        let due_as_before = state.check.policy == check.policy || state.started.is_none();
        state.check = check.clone();
        state.probe = probe;
        if !due_as_before {
            state.placed = false;
            self.plan(id, now);
        }
    }

    /// Whether an outcome changes nothing that anybody is told of: it may wait for others.
    pub fn is_routine(&self, id: CheckId, outcome: &Outcome) -> bool {
        self.checks.get(&id).is_some_and(|check| check.is_routine(outcome))
    }

    /// Takes one outcome in.
    pub(super) fn outcome(&mut self, id: CheckId, outcome: Outcome, turn: &mut Turn) {
        if !self.scheduler.finish(id) {
            return;
        }
        let Some(check) = self.checks.get_mut(&id) else { return };
        if check.is_routine(&outcome) {
            // Nearly every outcome of nearly every check: it must cost next to nothing.
            check.output = Some(outcome.reason);
            return self.plan(id, turn.now);
        }
        check.state = check.state.step(outcome.finding, &check.check.policy);
        if matches!(outcome.finding, Finding::Fail | Finding::FailAtOnce) {
            check.fault = Some(Arc::clone(&outcome.reason));
        }
        check.output = Some(outcome.reason);
        if outcome.finding != Finding::Nothing {
            check.voice = Voice::Heard;
        }
        let (service, place) = (Arc::clone(&check.service), check.place);
        self.plan(id, turn.now);
        self.assess_target(&service, place, turn);
        if self.waiting.contains(&*service) {
            turn.heard.insert(ServiceKey::clone(&service));
        }
    }

    /// A service waits until each of its checks has had one outcome; not for what is added later.
    pub(super) fn hear(&mut self, key: &ServiceKey, turn: &mut Turn) {
        if self.services.get(key).is_some_and(|state| self.is_heard(state)) {
            self.waiting.remove(key);
            turn.dirty.insert(key.clone());
        }
    }

    /// Whether each check of a service has had an outcome, and each alias something to say.
    pub(super) fn is_heard(&self, state: &ServiceState) -> bool {
        let awaited = state.runs.iter().filter(|runs| runs.awaited);
        let mut checks = awaited.flat_map(|runs| &runs.checks);
        let mut aliases = state.aliases.values().flatten();
        checks.all(|id| self.checks.get(id).is_none_or(CheckState::has_spoken))
            && aliases.all(AliasState::has_spoken)
    }

    /// Sets the next start of a check that is not running. Whoever passes is asked at its own place
    /// in the interval: a new one, or one that has recovered, within the first interval, and each
    /// interval from then on.
    fn plan(&mut self, id: CheckId, now: Now) {
        let Some(check) = self.checks.get_mut(&id) else { return };
        let due = match check.state.next(&check.check.policy) {
            Next::AfterEnd(wait) => {
                check.placed = false;
                now.mono + wait
            }
            Next::AfterStart(interval) => {
                // A start that was late by less than half of the interval keeps its place.
                let last = check.started.unwrap_or(now.mono);
                let after = if check.placed { last + interval / 2 } else { last };
                check.placed = true;
                self.rounds.next(id, interval, after)
            }
        };
        self.scheduler.plan(id, (check.lane(), check.class()), due.max(now.mono));
    }

    /// Starts what is due, as far as there are slots.
    pub(super) fn start_due(&mut self, turn: &mut Turn) {
        while let Some((id, due)) = self.scheduler.start(turn.now.mono) {
            let Some(check) = self.checks.get_mut(&id) else { continue };
            check.started = Some(turn.now.mono);
            let lag = match check.probe.question {
                Question::Network(..) => turn.now.mono.since(due),
                // One that waited for one of few places is not late.
                Question::Script(..) => Duration::ZERO,
            };
            turn.effects.start.push(Start { id, probe: check.probe.clone(), lag });
        }
    }
}
