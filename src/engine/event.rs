//! What goes into a turn, what comes out of it, and what it gathers on its way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::engine::settings::Settings;
use crate::health::scheduler::CheckId;
use crate::model::agent::{Refusal, Write, Written};
use crate::model::check::Probe;
use crate::model::health::{Condition, Outcome};
use crate::model::name::Name;
use crate::model::service::{InstanceId, ServiceKey};
use crate::model::time::{Instant, Now};
use crate::snapshot::Snapshot;
use crate::sources::Change;
use crate::store::registrations::Op;

/// What happens to the world.
#[derive(Clone, Debug)]
pub enum Event {
    /// All that the sources held when the process started. Its services wait for their first
    /// outcomes, at most `first_round`.
    Loaded(Vec<Change>),
    /// What has changed since.
    Changed(Vec<Change>),
    /// What checks found.
    Outcomes(Vec<(CheckId, Outcome)>),
    /// What clients ask to be changed.
    Writes(Vec<(Ticket, Write)>),
    /// What [`Keep::now`] named is stored; or the words of why it is not.
    Stored(Result<(), String>),
    /// What [`Keep::orders`] named is kept; or the words of why it is not.
    Ordered(Result<(), String>),
    /// Whether what [`Keep::soon`] named is kept.
    Saved(bool),
    /// The time that the last effects named, or any other, has come.
    Timer,
    /// The configuration was read again.
    Configured(Box<Settings>),
}

/// Names a write until it is answered; each is used once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What a write has come to.
pub type Answer<T> = (Ticket, Result<T, Refusal>);

/// What the world wants done.
#[derive(Debug, Default)]
pub struct Effects {
    /// Runs to start now.
    pub start: Vec<Start>,
    /// Runs to end; their outcomes count no more.
    pub stop: Vec<CheckId>,
    /// To be served from now on.
    pub snapshot: Option<Arc<Snapshot>>,
    /// To be kept by the store.
    pub keep: Keep,
    /// Orders that have come or ended, each worth a line of the log.
    pub ordered: Vec<OrderNews>,
    /// To be told once the snapshot is published.
    pub answers: Vec<Answer<Written>>,
    /// Changes of state, each worth a line of the log.
    pub transitions: Vec<Transition>,
    /// Complaints that are new; those of work that takes several turns come with the last.
    pub complaints: Vec<Diagnostic>,
    /// Of aliases that follow nobody since this turn.
    pub dangling: Vec<Diagnostic>,
    /// When to come back with [`Event::Timer`] at the latest.
    pub wake: Option<Instant>,
    /// Whether work is left that this turn was too short for: to come back at once.
    pub more: bool,
    /// Whether all that sources and the configuration have told is worked off since this turn.
    pub settled: bool,
}

/// What the store is to keep. No turn names more of a sort before what was named is kept, or is not.
#[derive(Debug, Default)]
pub struct Keep {
    /// All or none of it; [`Event::Stored`] tells when.
    pub now: Vec<Op>,
    /// All orders, in the place of those before; [`Event::Ordered`] tells when.
    pub orders: Option<Vec<String>>,
    /// What a crash may lose; [`Event::Saved`] tells when.
    pub soon: Vec<Op>,
}

/// One run of a check.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Under which its outcome is told.
    pub id: CheckId,
    /// What to do.
    pub probe: Probe,
    /// How long after its due time it starts.
    pub lag: Duration,
}

/// What is ordered of an instance now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderNews {
    pub service: ServiceKey,
    pub instance: InstanceId,
    /// `None` when orders have ended.
    pub order: Option<&'static str>,
    /// Why, until when, and whose word it is.
    pub reason: Option<Arc<str>>,
}

/// An instance that changed its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    pub service: ServiceKey,
    pub instance: InstanceId,
    pub from: Condition,
    pub to: Condition,
    /// What the check that decided it said last.
    pub reason: Option<Arc<str>>,
}

/// What one turn gathers.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) now: Now,
    pub(super) effects: Effects,
    /// Services whose answers may have changed.
    pub(super) dirty: BTreeSet<ServiceKey>,
    /// Zones that have come, gone or changed their settings or static names.
    pub(super) zones: BTreeSet<Name>,
    /// Whether the rules of answering have changed.
    pub(super) rules_changed: bool,
    /// Services of which readers over HTTP see something else, though their answers may stay; and
    /// whether that may be how tags are spelled.
    pub(super) shown: BTreeMap<ServiceKey, bool>,
    /// The zone of what is registered over HTTP, where that has changed.
    pub(super) registered_in: Option<Name>,
    /// Told once all that follows from the turn is known.
    pub(super) answers: Vec<Answer<()>>,
    /// Instances, by their place in the service, whose standing has changed: the alias checks that
    /// follow them are to be worked out again.
    pub(super) moved: Vec<(ServiceKey, usize)>,
}

impl Turn {
    pub(super) fn new(now: Now) -> Self {
        Self {
            now,
            effects: Effects::default(),
            dirty: BTreeSet::new(),
            zones: BTreeSet::new(),
            rules_changed: false,
            shown: BTreeMap::new(),
            registered_in: None,
            answers: Vec::new(),
            moved: Vec::new(),
        }
    }
}
