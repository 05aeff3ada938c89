//! One check: how it finds out, and what it has found.

use std::sync::Arc;

use crate::engine::evidence::Evidence;
use crate::health::scheduler::{Class, Lane};
use crate::health::state::State;
use crate::model::check::{Check, Policy, Probe, Question};
use crate::model::health::{Condition, Finding, Outcome};
use crate::model::service::ServiceKey;
use crate::model::time::Instant;
use crate::snapshot::shown::CheckShown;

/// How a check finds out. One that is told (a heartbeat with a deadline) would be a third: it steps
/// the same state, and the scheduler names its deadline.
#[derive(Clone, Debug)]
pub(crate) enum Method {
    /// We run it, against one target.
    Asked(Probe),
    /// It takes over what the checks of the instances with this id, folded, say together.
    Follows(Arc<str>),
}

/// Whether a check has had an outcome, and what it means until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstOutcome {
    /// None yet: the target waits for it.
    Awaited,
    /// None yet, and the target is served meanwhile: the check is new, the target is not.
    Provisional,
    /// At least one.
    Arrived,
}

/// The target, or the instance, that checks belong to.
#[derive(Debug)]
pub(crate) struct Owner {
    pub(crate) service: Arc<ServiceKey>,
    /// The place of the target in the service; of the instance for checks that are not asked.
    pub(crate) place: usize,
    /// Of checks that are new to it.
    pub(crate) first_outcome: FirstOutcome,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct CheckState {
    pub(super) service: Arc<ServiceKey>,
    /// See [`Owner`].
    pub(super) place: usize,
    pub(super) policy: Arc<Policy>,
    pub(super) method: Method,
    /// Counts the outcomes; of a check that follows others it stays as it began.
    pub(super) state: State,
    first_outcome: FirstOutcome,
    evidence: Evidence,
    /// Its id and kind, and what it said last: what is published of it.
    shown: Arc<CheckShown>,
    /// When the last run started.
    pub(super) started: Option<Instant>,
    /// Whether it started last at its place in the interval.
    pub(super) placed: bool,
}

impl CheckState {
    pub(super) fn new(owner: &Owner, check: &Check, method: Method) -> Self {
        let (state, evidence) = match method {
            Method::Asked(_) => {
                let state = State::initial(check.initial, &check.policy);
                (state, Evidence::of(state, &check.policy, None))
            }
            Method::Follows(_) => (State::Unknown, Evidence::NOTHING_YET),
        };
        let (id, kind) = (Arc::clone(&check.id), Arc::clone(&check.kind));
        let shown = CheckShown::new(id, kind, evidence.condition);
        Self {
            service: Arc::clone(&owner.service),
            place: owner.place,
            policy: Arc::clone(&check.policy),
            method,
            state,
            first_outcome: owner.first_outcome,
            shown: Arc::new(shown),
            evidence,
            started: None,
            placed: false,
        }
    }

    /// What it says; `None` while it has no say in what its target is worth.
    pub(crate) fn evidence(&self) -> Option<&Evidence> {
        (self.first_outcome != FirstOutcome::Provisional).then_some(&self.evidence)
    }

    /// Whether it will have a say once it is concluded that it finds this.
    pub(crate) fn counts(&self, condition: Condition) -> bool {
        self.first_outcome != FirstOutcome::Provisional || condition != Condition::Unknown
    }

    /// The id, folded, of the instances that it follows.
    pub(crate) fn followed(&self) -> Option<&Arc<str>> {
        match &self.method {
            Method::Asked(_) => None,
            Method::Follows(id) => Some(id),
        }
    }

    pub(crate) fn shown(&self) -> &Arc<CheckShown> {
        &self.shown
    }

    /// Whether it has had an outcome.
    pub(super) fn has_outcome(&self) -> bool {
        self.first_outcome == FirstOutcome::Arrived
    }

    /// Whether it finds out the same as one with this id and method.
    pub(super) fn asks_the_same(&self, check: &Check, method: &Method) -> bool {
        let same = match (&self.method, method) {
            (Method::Asked(own), Method::Asked(other)) => own.question == other.question,
            (Method::Follows(own), Method::Follows(other)) => own == other,
            (Method::Asked(_), Method::Follows(_)) | (Method::Follows(_), Method::Asked(_)) => {
                false
            }
        };
        same && self.shown.id == check.id
    }

    /// Takes new thresholds and times; every verdict stays. True when what is shown of it does not.
    pub(super) fn retime(&mut self, check: &Check, method: Method) -> bool {
        self.policy = Arc::clone(&check.policy);
        self.method = method;
        if let Method::Asked(_) = self.method {
            self.weigh();
        }
        let said = self.shown.said();
        self.shown.say(self.evidence.condition, said.output.as_ref())
    }

    /// Whether this is one more outcome of a check that passes: nothing follows from it but the next
    /// run.
    pub(super) fn is_routine(&self, outcome: &Outcome) -> bool {
        outcome.finding == Finding::Pass
            && self.state == State::Passing { warning: false }
            && self.has_outcome()
    }

    /// Takes an outcome in; true when what is shown of the check changes with it.
    pub(super) fn step(&mut self, outcome: &Outcome) -> bool {
        self.state = self.state.step(outcome.finding, &self.policy);
        // What decided the state is the last failure where one did, else the last outcome.
        let decides = match self.state {
            State::Unknown | State::Passing { .. } => true,
            State::Suspect { .. } | State::Critical { .. } | State::Recovering { .. } => {
                matches!(outcome.finding, Finding::Fail | Finding::FailAtOnce)
            }
        };
        if decides {
            self.evidence.reason = Some(Arc::clone(&outcome.reason));
        }
        if outcome.finding != Finding::Nothing {
            self.first_outcome = FirstOutcome::Arrived;
        }
        self.weigh();
        self.shown.say(self.evidence.condition, Some(&outcome.reason))
    }

    fn weigh(&mut self) {
        let reason = self.evidence.reason.take();
        self.evidence = Evidence::of(self.state, &self.policy, reason);
    }

    /// Takes in what the followed instances say; true when that is something else than before, and
    /// with it what is shown.
    pub(super) fn conclude(&mut self, evidence: Evidence) -> bool {
        if evidence.condition != Condition::Unknown {
            self.first_outcome = FirstOutcome::Arrived;
        }
        let changed = self.evidence != evidence;
        self.shown.say(evidence.condition, evidence.reason.as_ref());
        self.evidence = evidence;
        changed
    }

    /// `None` for what is not run.
    pub(super) fn queue(&self) -> Option<(Lane, Class)> {
        let lane = match &self.method {
            Method::Asked(Probe { question: Question::Network(..), .. }) => Lane::Network,
            Method::Asked(Probe { question: Question::Script(..), .. }) => Lane::Scripts,
            Method::Follows(_) => return None,
        };
        let class = match self.state {
            State::Unknown | State::Passing { .. } => Class::Settled,
            State::Suspect { .. } | State::Critical { .. } | State::Recovering { .. } => {
                Class::Troubled
            }
        };
        Some((lane, class))
    }
}
