//! One event in, its effects out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::engine::world::{Settings, World};
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
    /// Complaints that are new.
    pub complaints: Vec<Diagnostic>,
    /// Of aliases that follow nobody since this turn.
    pub dangling: Vec<Diagnostic>,
    /// When to come back with [`Event::Timer`] at the latest.
    pub wake: Option<Instant>,
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
    /// Its service.
    pub service: ServiceKey,
    /// Its id.
    pub instance: InstanceId,
    /// The state before.
    pub from: Condition,
    /// The state now.
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
    /// Services that wait, and have had outcomes.
    pub(super) heard: BTreeSet<ServiceKey>,
    /// Zones that have come, gone or changed their settings or static names.
    pub(super) zones: BTreeSet<Name>,
    /// Whether the rules of answering have changed.
    pub(super) rules_changed: bool,
    /// Instances, by their place in the service, whose aliases may say something else now.
    pub(super) stirred: BTreeSet<(ServiceKey, usize)>,
    /// Those with an alias that follows nobody since this turn.
    pub(super) dangling: BTreeSet<(ServiceKey, usize)>,
}

/// Applies `event`, and tells what follows from it. Costs in proportion to what the event touches.
pub fn turn(world: &mut World, event: Event, now: Now) -> Effects {
    let mut turn = Turn {
        now,
        effects: Effects::default(),
        dirty: BTreeSet::new(),
        heard: BTreeSet::new(),
        zones: BTreeSet::new(),
        rules_changed: false,
        stirred: BTreeSet::new(),
        dangling: BTreeSet::new(),
    };
    match event {
        Event::Loaded(changes) => {
            world.first_round_ends = Some(now.mono + world.settings.first_round);
            world.apply(changes, &mut turn);
            world.expect_first_outcomes();
        }
        Event::Changed(changes) => world.apply(changes, &mut turn),
        Event::Outcomes(outcomes) => {
            for (id, outcome) in outcomes {
                world.outcome(id, outcome, &mut turn);
            }
            // Once for all outcomes of a service: each look goes through its checks.
            for service in std::mem::take(&mut turn.heard) {
                world.hear(&service, &mut turn);
            }
        }
        Event::Timer => {}
        Event::Configured(settings) => world.configure(*settings, &mut turn),
    }
    world.follow(&mut turn);
    world.end_first_round(&mut turn);
    world.start_due(&mut turn);
    world.publish(&mut turn);
    let first_round = world.first_round_ends.filter(|_| !world.is_ready());
    turn.effects.wake = [world.scheduler.wake(), first_round].into_iter().flatten().min();
    turn.effects
}
