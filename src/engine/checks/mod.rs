//! Every check, and when it is run next.

pub(super) mod check;
mod deadlines;
mod heartbeats;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;

use crate::engine::checks::check::{CheckState, Method, Owner, Subject};
use crate::engine::checks::deadlines::Deadlines;
use crate::engine::checks::heartbeats::Heartbeats;
use crate::engine::event::{Start, Turn};
use crate::engine::evidence::Evidence;
use crate::health::phases::Phases;
use crate::health::scheduler::{CheckId, Scheduler};
use crate::health::state::Next;
use crate::model::check::{Check, Question, Sources};
use crate::model::health::{Outcome, Verdict};
use crate::model::service::{InstanceId, ServiceKey};
use crate::model::time::{Instant, Now};
use crate::store::registrations::Op;

/// See the module.
#[derive(Debug)]
pub(super) struct Checks {
    states: HashMap<CheckId, CheckState, FixedState>,
    last: CheckId,
    scheduler: Scheduler,
    phases: Phases,
    heartbeats: Heartbeats,
    /// Checks that wait for heartbeats and have come in this turn, beside others of that id.
    new: Vec<CheckId>,
    /// What goes on under another name, by the key that it has from then on.
    moving: HashMap<String, CheckState>,
    deadlines: Deadlines,
    /// Counts changes of what is shown of any check.
    changes: u64,
    /// Services of a check that shows another verdict now.
    moved: BTreeSet<Arc<ServiceKey>>,
}

impl Checks {
    /// None yet; at most `slots` of them run at once. Phases are drawn from `seed`.
    pub(super) fn new(slots: usize, seed: u64) -> Self {
        Self {
            states: HashMap::default(),
            last: CheckId(0),
            scheduler: Scheduler::new(slots),
            phases: Phases::new(seed),
            heartbeats: Heartbeats::default(),
            new: Vec::new(),
            moving: HashMap::new(),
            deadlines: Deadlines::default(),
            changes: 0,
            moved: BTreeSet::new(),
        }
    }

    /// How often what is shown of a check has changed; every change counts at least once.
    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The services of which a check shows another verdict since this was asked last.
    pub(super) fn take_moved(&mut self) -> BTreeSet<Arc<ServiceKey>> {
        std::mem::take(&mut self.moved)
    }

    /// How many are run.
    pub(super) fn count(&self) -> usize {
        self.scheduler.count()
    }

    /// How many run now.
    pub(super) fn running(&self) -> usize {
        self.scheduler.running()
    }

    /// When the next can be started, or something follows without an outcome.
    pub(super) fn wake(&self) -> Option<Instant> {
        let others = [self.deadlines.next(), self.heartbeats.wake()];
        self.scheduler.wake().into_iter().chain(others.into_iter().flatten()).min()
    }

    /// Takes over what the last process was told by heartbeats.
    pub(super) fn restore(&mut self, records: &[(String, String)]) {
        self.heartbeats.restore(records);
    }

    /// All that comes with the start is there.
    pub(super) fn end_restoring(&mut self) {
        self.heartbeats.forget_the_rest();
    }

    /// What heartbeats have told is to be kept, if it is time.
    pub(super) fn save(&mut self, now: Instant) -> Vec<Op> {
        self.heartbeats.save(now)
    }

    /// What heartbeats have told and is not kept yet.
    pub(super) fn unsaved(&self) -> Vec<Op> {
        self.heartbeats.rest()
    }

    /// What of it has gone and the next registrations take along.
    pub(super) fn gone(&mut self) -> Vec<Op> {
        self.heartbeats.gone()
    }

    /// The registrations are stored, or what they took along is tried again.
    pub(super) fn end_going(&mut self, is_stored: bool) {
        self.heartbeats.end_going(is_stored);
    }

    /// It is kept, or is tried again.
    pub(super) fn end_saving(&mut self, is_kept: bool) {
        self.heartbeats.end_saving(is_kept);
    }

    /// Takes a new bound on how many run at once.
    pub(super) fn resize(&mut self, slots: usize) {
        self.scheduler.resize(slots);
    }

    pub(super) fn set_sources(&mut self, to: Sources) {
        for check in self.states.values_mut() {
            match &mut check.method {
                Method::Asked(probe) => probe.sources = to,
                Method::Told(_) | Method::Follows(_) => {}
            }
        }
    }

    pub(super) fn get(&self, id: CheckId) -> Option<&CheckState> {
        self.states.get(&id)
    }

    /// Those with these ids.
    pub(super) fn of<'c>(&'c self, ids: &'c [CheckId]) -> impl Iterator<Item = &'c CheckState> {
        ids.iter().filter_map(|id| self.get(*id))
    }

    /// What each of these says; `None` for one that has no say yet.
    pub(super) fn evidence<'c>(
        &'c self,
        ids: &'c [CheckId],
    ) -> impl Iterator<Item = Option<&'c Evidence>> {
        self.of(ids).map(CheckState::evidence)
    }

    /// Whether the first outcome of none of these is waited for.
    pub(super) fn are_heard(&self, ids: &[CheckId]) -> bool {
        self.of(ids).all(CheckState::is_heard)
    }

    /// Makes `wanted` of its owner's `old` checks: those that find out the same go on as they are,
    /// the others are ended. The first run of a new one is due at once.
    pub(super) fn carry_over<'c>(
        &mut self,
        owner: &Owner,
        wanted: impl Iterator<Item = (&'c Check, Method)>,
        mut old: Vec<CheckId>,
        turn: &mut Turn,
    ) -> Box<[CheckId]> {
        let mut checks = Vec::new();
        for (check, method) in wanted {
            let asks_the_same =
                |id| self.states.get(id).is_some_and(|old| old.asks_the_same(check, &method));
            if let Some(kept) = old.iter().position(asks_the_same) {
                let id = old.swap_remove(kept);
                self.keep((id, owner.place), check, method, turn.now);
                checks.push(id);
            } else {
                let check = CheckState::new(owner, check, method, turn.now.mono);
                checks.push(self.add(check, turn.now));
            }
        }
        self.remove(&old, turn);
        checks.into()
    }

    fn add(&mut self, mut check: CheckState, now: Now) -> CheckId {
        self.last = CheckId(self.last.0 + 1);
        if let Some((names, key)) = check.names() {
            if let Some(saved) = self.heartbeats.add(self.last, &names, &key) {
                check.resume(&saved, now.mono);
            }
            if self.moving.remove(&key).is_some_and(|before| check.agree(&before)) {
                self.heartbeats.keep(key, check.saved());
            }
            if self.heartbeats.named(&names[0]).len() > 1 {
                self.new.push(self.last);
            }
        }
        let deadline = check.deadline();
        self.deadlines.arm(self.last, &mut check.armed, deadline);
        if let Some(queue) = check.queue() {
            self.scheduler.plan(self.last, queue, now.mono);
        }
        self.states.insert(self.last, check);
        self.last
    }

    /// A first run stays due at once.
    fn keep(&mut self, (id, place): (CheckId, usize), new: &Check, method: Method, now: Now) {
        let Some(check) = self.states.get_mut(&id) else { return };
        check.place = place;
        let due_as_before = check.policy == new.policy || check.started.is_none();
        self.changes += u64::from(check.retime(new, method));
        let deadline = check.deadline();
        self.deadlines.arm(id, &mut check.armed, deadline);
        if !due_as_before {
            check.placed = false;
            self.plan(id, now);
        }
    }

    /// Forgets checks; runs of them are ended.
    pub(super) fn remove(&mut self, ids: &[CheckId], turn: &mut Turn) {
        for id in ids {
            if let Some(check) = self.states.remove(id) {
                self.deadlines.disarm(*id, check.armed);
                if let Some((names, key)) = check.names() {
                    self.heartbeats.remove(*id, &names, key);
                }
            }
            if self.scheduler.remove(*id) {
                turn.effects.stop.push(*id);
            }
        }
    }

    /// Whether an outcome changes nothing that anybody is told of: it may wait for others.
    pub(super) fn is_routine(&self, id: CheckId, outcome: &Outcome) -> bool {
        self.states.get(&id).is_some_and(|check| check.is_routine(outcome))
    }

    /// Takes the outcome of a run in; the service and what of it may stand otherwise now.
    pub(super) fn outcome(
        &mut self,
        id: CheckId,
        outcome: &Outcome,
        now: Now,
    ) -> Option<(Arc<ServiceKey>, Subject)> {
        if !self.scheduler.finish(id) {
            return None;
        }
        let check = self.states.get_mut(&id)?;
        // Nearly every outcome of nearly every check: it must cost next to nothing.
        let is_routine = check.is_routine(outcome);
        let owner = (!is_routine).then(|| (Arc::clone(&check.service), check.subject()));
        let verdict = owner.as_ref().map(|_| check.verdict());
        self.changes += u64::from(check.step(outcome, now.mono));
        note(&mut self.moved, check, verdict);
        let deadline = check.deadline();
        self.deadlines.arm(id, &mut check.armed, deadline);
        self.plan(id, now);
        owner
    }

    /// The checks that a heartbeat can mean by this: their id, or `service:` and the instance's.
    pub(super) fn told(&self, name: &str) -> &[CheckId] {
        self.heartbeats.named(name)
    }

    /// Takes a heartbeat in, and gives back what [`Self::outcome`] does.
    pub(super) fn hear(
        &mut self,
        id: CheckId,
        outcome: &Outcome,
        now: Now,
    ) -> Option<(Arc<ServiceKey>, Subject)> {
        let check = self.states.get_mut(&id)?;
        let is_routine = check.is_routine(outcome);
        let verdict = check.verdict();
        if check.hear(outcome, now.mono) {
            note(&mut self.moved, check, Some(verdict));
            self.changes += 1;
            self.heartbeats.keep(check.names()?.1, check.saved());
        }
        let deadline = check.deadline();
        self.deadlines.arm(id, &mut check.armed, deadline);
        (!is_routine).then(|| (Arc::clone(&check.service), check.subject()))
    }

    /// Has new checks say what the first of their id says, where it is one check of all instances;
    /// gives back what [`Self::outcome`] does, of each that says something else now.
    pub(super) fn agree(
        &mut self,
        is_one: impl Fn(&str) -> bool,
    ) -> Vec<(Arc<ServiceKey>, Subject)> {
        let mut all = Vec::new();
        for id in std::mem::take(&mut self.new) {
            let Some((names, key)) = self.states.get(&id).and_then(CheckState::names) else {
                continue;
            };
            let first = self.heartbeats.named(&names[0]).first().filter(|_| is_one(&names[0]));
            let Some(first) = first.and_then(|id| self.states.get(id)).cloned() else { continue };
            let Some(check) = self.states.get_mut(&id) else { continue };
            if check.agree(&first) {
                self.changes += 1;
                self.heartbeats.keep(key, check.saved());
                let deadline = check.deadline();
                self.deadlines.arm(id, &mut check.armed, deadline);
                all.push((Arc::clone(&check.service), check.subject()));
            }
        }
        all
    }

    /// An instance is registered under another name: what its checks were told stays.
    pub(super) fn move_told(&mut self, instance: &InstanceId, from: &ServiceKey, to: &ServiceKey) {
        let instance = instance.as_str();
        for id in self.heartbeats.named(&format!("service:{instance}")) {
            let Some(check) = self.states.get(id).filter(|check| *check.service == *from) else {
                continue;
            };
            self.moving.insert(format!("{to}/{instance}/{}", check.shown().id), check.clone());
        }
    }

    /// All that was registered is there.
    pub(super) fn end_moving(&mut self) {
        self.moving.clear();
    }

    /// Draws what follows by now without an outcome: the services, and what of them may stand
    /// otherwise.
    pub(super) fn expire(&mut self, now: Now) -> Vec<(Arc<ServiceKey>, Subject)> {
        let mut expired = Vec::new();
        while let Some(id) = self.deadlines.pop(now.mono) {
            let Some(check) = self.states.get_mut(&id) else { continue };
            check.armed = None;
            let verdict = check.verdict();
            if check.expire(now.mono) {
                note(&mut self.moved, check, Some(verdict));
                self.changes += 1;
                if let Some((_, key)) = check.names() {
                    self.heartbeats.keep(key, check.saved());
                }
                expired.push((Arc::clone(&check.service), check.subject()));
            }
            let deadline = check.deadline();
            self.deadlines.arm(id, &mut check.armed, deadline);
        }
        expired
    }

    /// Sets what a check that follows others says now; true when that is something else than before.
    pub(super) fn conclude(&mut self, id: CheckId, evidence: Evidence) -> bool {
        let Some(check) = self.states.get_mut(&id) else { return false };
        let verdict = check.verdict();
        let changed = check.conclude(evidence);
        note(&mut self.moved, check, Some(verdict));
        self.changes += u64::from(changed);
        changed
    }

    /// Sets the next start of a check that is not running. Whoever passes is asked at its own place
    /// in the interval: a new one, or one that has recovered, within the first interval, and each
    /// interval from then on.
    fn plan(&mut self, id: CheckId, now: Now) {
        let Some(check) = self.states.get_mut(&id) else { return };
        let Some(queue) = check.queue() else { return };
        let due = match check.state.next(&check.policy) {
            Next::AfterEnd(wait) => {
                check.placed = false;
                now.mono + wait
            }
            Next::AfterStart(interval) => {
                // A start that was late by less than half of the interval keeps its place.
                let last = check.started.unwrap_or(now.mono);
                let after = if check.placed { last + interval / 2 } else { last };
                check.placed = true;
                self.phases.next(id, interval, after)
            }
        };
        self.scheduler.plan(id, queue, due.max(now.mono));
    }

    /// Starts what is due, as far as there are slots.
    pub(super) fn start_due(&mut self, now: Instant) -> Vec<Start> {
        let mut starts = Vec::new();
        while let Some((id, due)) = self.scheduler.start(now) {
            let Some(check) = self.states.get_mut(&id) else { continue };
            let Method::Asked(probe) = &check.method else { continue };
            check.started = Some(now);
            let lag = match probe.question {
                Question::Network(..) => now.since(due),
                // One that waited for one of few places is not late.
                Question::Script(..) => Duration::ZERO,
            };
            starts.push(Start { id, probe: probe.clone(), lag });
        }
        starts
    }
}

/// Notes the service of a check that showed this verdict until now, if that is another one.
fn note(moved: &mut BTreeSet<Arc<ServiceKey>>, check: &CheckState, before: Option<Verdict>) {
    if before.is_some_and(|before| before != check.verdict()) {
        moved.insert(Arc::clone(&check.service));
    }
}
