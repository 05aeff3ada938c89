//! One check: how it finds out, and what it has found.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::checks::heartbeats::Saved;
use crate::engine::evidence::Evidence;
use crate::health::scheduler::{Class, Lane};
use crate::health::state::State;
use crate::model::check::{Check, Policy, Probe, Question};
use crate::model::health::{Condition, Finding, Outcome, Verdict};
use crate::model::service::ServiceKey;
use crate::model::time::Instant;
use crate::snapshot::shown::CheckShown;

/// How a check finds out.
#[derive(Clone, Debug)]
pub(crate) enum Method {
    /// We run it, against one target.
    Asked(Probe),
    /// It waits for heartbeats of this instance, at least one in each interval.
    Told(Arc<str>),
    /// It takes over what the checks of the instances with this id, folded, say together.
    Follows(Arc<str>),
}

/// Whose standing a check is evidence of, by the place in the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Target(usize),
    /// Of all its targets.
    Instance(usize),
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
    /// Since when it finds its target unfit.
    unfit_since: Option<Instant>,
    /// That has been for longer than `deregister_after`.
    overdue: bool,
    /// When it is looked at without an outcome.
    pub(super) armed: Option<Instant>,
}

impl CheckState {
    pub(super) fn new(owner: &Owner, check: &Check, method: Method, now: Instant) -> Self {
        let (state, evidence) = match method {
            Method::Asked(_) | Method::Told(_) => {
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
            state,
            first_outcome: owner.first_outcome,
            shown: Arc::new(shown),
            evidence,
            // Of heartbeats the first is due from now on.
            started: matches!(method, Method::Told(_)).then_some(now),
            method,
            placed: false,
            unfit_since: (!state.is_fit()).then_some(now),
            overdue: false,
            armed: None,
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
            Method::Asked(_) | Method::Told(_) => None,
            Method::Follows(id) => Some(id),
        }
    }

    pub(crate) fn shown(&self) -> &Arc<CheckShown> {
        &self.shown
    }

    /// What readers over HTTP are shown.
    pub(super) fn verdict(&self) -> Verdict {
        self.shown.said().condition.verdict()
    }

    pub(super) fn subject(&self) -> Subject {
        match self.method {
            Method::Asked(_) => Subject::Target(self.place),
            Method::Told(_) | Method::Follows(_) => Subject::Instance(self.place),
        }
    }

    /// Whether nobody waits for its first outcome: it has had one, or a heartbeat may never come.
    pub(super) fn is_heard(&self) -> bool {
        self.first_outcome == FirstOutcome::Arrived || matches!(self.method, Method::Told(_))
    }

    /// Whether it finds out the same as one with this id and method.
    pub(super) fn asks_the_same(&self, check: &Check, method: &Method) -> bool {
        let same = match (&self.method, method) {
            (Method::Asked(own), Method::Asked(other)) => own.question == other.question,
            (Method::Follows(own), Method::Follows(other))
            | (Method::Told(own), Method::Told(other)) => own == other,
            (Method::Asked(_) | Method::Told(_) | Method::Follows(_), _) => false,
        };
        same && self.shown.id == check.id
    }

    /// Takes new thresholds and times; every verdict stays. True when what is shown of it does not.
    pub(super) fn retime(&mut self, check: &Check, method: Method) -> bool {
        self.policy = Arc::clone(&check.policy);
        self.method = method;
        match self.method {
            Method::Asked(_) | Method::Told(_) => self.weigh(),
            Method::Follows(_) => {}
        }
        let said = self.shown.said();
        self.shown.say(said.condition, said.output.as_ref())
    }

    /// Whether this is one more outcome of a check that passes: nothing follows from it but the next
    /// run.
    pub(super) fn is_routine(&self, outcome: &Outcome) -> bool {
        outcome.finding == Finding::Pass
            && self.state == State::Passing { warning: false }
            && self.first_outcome == FirstOutcome::Arrived
    }

    /// Takes an outcome in; true when what is shown of the check changes with it.
    pub(super) fn step(&mut self, outcome: &Outcome, now: Instant) -> bool {
        self.state = self.state.step(outcome.finding, &self.policy);
        self.unfit_since = (!self.state.is_fit()).then(|| self.unfit_since.unwrap_or(now));
        self.overdue &= self.unfit_since.is_some();
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
        self.shown.say(self.state.condition(), Some(&outcome.reason))
    }

    /// Takes a heartbeat in; true when what is shown of the check changes with it.
    pub(super) fn hear(&mut self, outcome: &Outcome, now: Instant) -> bool {
        self.started = Some(now);
        self.step(outcome, now)
    }

    /// When something follows from it without an outcome.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let heartbeat = match self.state {
            State::Passing { .. } => self.expires(self.policy.interval * 2 / 3),
            State::Suspect { .. } => self.expires(self.policy.interval),
            State::Unknown | State::Critical { .. } | State::Recovering { .. } => None,
        };
        heartbeat.into_iter().chain(self.removal()).min()
    }

    /// When it has been unfit for too long, unless that is past.
    fn removal(&self) -> Option<Instant> {
        let (after, since) = self.policy.deregister_after.zip(self.unfit_since)?;
        (!self.overdue).then(|| since + after)
    }

    /// So long after the last heartbeat, of a check that waits for them.
    fn expires(&self, after: Duration) -> Option<Instant> {
        let is_told = matches!(self.method, Method::Told(_));
        self.started.filter(|_| is_told).map(|last| last + after)
    }

    /// Draws what follows by now without an outcome; true when that is anything.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let mut anything = false;
        while self.deadline().is_some_and(|due| due <= now) {
            anything = true;
            if self.removal().is_some_and(|due| due <= now) {
                self.overdue = true;
                self.weigh();
            } else if let State::Passing { .. } = self.state {
                self.state = self.state.doubt();
                self.weigh();
                self.shown.say(self.state.condition(), self.shown.said().output.as_ref());
            } else {
                self.step(&Outcome::new(Finding::FailAtOnce, "TTL expired"), now);
            }
        }
        anything
    }

    /// Goes on where the last process was: what was fit is doubted, and has two intervals from now.
    pub(super) fn resume(&mut self, saved: &Saved, now: Instant) {
        self.state = match saved.verdict {
            Verdict::Passing => State::Passing { warning: false }.doubt(),
            Verdict::Warning => State::Passing { warning: true }.doubt(),
            Verdict::Critical => State::Critical { waits: 0 },
        };
        self.started = Some(now + self.policy.interval);
        self.unfit_since = (!self.state.is_fit()).then_some(now);
        self.first_outcome = FirstOutcome::Arrived;
        self.evidence.reason = Some(Arc::clone(&saved.output));
        self.weigh();
        self.shown.say(self.state.condition(), Some(&saved.output));
    }

    /// Says what another says that is the same check, unless it was told itself; true when that
    /// changes anything.
    pub(super) fn agree(&mut self, other: &Self) -> bool {
        let arrived = FirstOutcome::Arrived;
        if self.first_outcome == arrived || other.first_outcome != arrived {
            return false;
        }
        self.first_outcome = arrived;
        (self.state, self.started) = (other.state, other.started);
        (self.unfit_since, self.overdue) = (other.unfit_since, other.overdue);
        self.evidence.reason.clone_from(&other.evidence.reason);
        self.weigh();
        self.shown.say(self.state.condition(), other.shown.said().output.as_ref());
        true
    }

    /// What is kept of it over a restart.
    pub(super) fn saved(&self) -> Saved {
        let verdict = match self.state {
            State::Passing { warning: true } | State::Suspect { warning: true, .. } => {
                Verdict::Warning
            }
            State::Passing { .. } | State::Suspect { .. } => Verdict::Passing,
            State::Unknown | State::Critical { .. } | State::Recovering { .. } => Verdict::Critical,
        };
        Saved { verdict, output: self.shown.said().output.clone().unwrap_or_default() }
    }

    /// What a heartbeat may call it, and what it is kept under; nothing where none is taken.
    pub(super) fn names(&self) -> Option<([Arc<str>; 2], String)> {
        let Method::Told(instance) = &self.method else { return None };
        let key = format!("{}/{instance}/{}", self.service, self.shown.id);
        Some(([Arc::clone(&self.shown.id), format!("service:{instance}").into()], key))
    }

    fn weigh(&mut self) {
        let reason = self.evidence.reason.take();
        self.evidence = Evidence::of(self.state, &self.policy, reason);
        if self.overdue {
            self.evidence.condition = Condition::Removed;
        }
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
            Method::Told(_) | Method::Follows(_) => return None,
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
