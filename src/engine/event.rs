//! What goes into a turn, what comes out of it, and what it gathers on its way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::engine::settings::Settings;
use crate::health::scheduler::CheckId;
use crate::model::check::Probe;
use crate::model::health::{Condition, Outcome};
use crate::model::name::Name;
use crate::model::service::{InstanceId, ServiceKey};
use crate::model::time::{Instant, Now};
use crate::snapshot::Snapshot;
use crate::sources::Change;

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
    /// The time that the last effects named, or any other, has come.
    Timer,
    /// The configuration was read again.
    Configured(Box<Settings>),
}

/// What the world wants done.
#[derive(Debug, Default)]
pub struct Effects {
    /// Runs to start now.
    pub start: Vec<Start>,
    /// Runs to end; their outcomes count no more.
    pub stop: Vec<CheckId>,
    /// To be served from now on.
    pub snapshot: Option<Arc<Snapshot>>,
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
            moved: Vec::new(),
        }
    }
}
