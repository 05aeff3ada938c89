//! Decides which checks run now: the longest overdue first, within a bound, and at most half of the
//! slots for targets already suspect or critical, so that a big outage never blinds us to the rest.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use crate::model::time::Instant;

/// Names one check of one target for as long as it is the same check; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId(pub u64);

/// Whether a target is in trouble: which half of the slots its checks may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Unknown or passing: may use every slot.
    Settled,
    /// Suspect, critical or recovering: may use half of the slots.
    Troubled,
}

/// Whose slots a check takes: neither kind can keep the other from running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Checks that make a connection: as many as the configuration says.
    Network,
    /// Commands on this machine: [`MOST_SCRIPTS`].
    Scripts,
}

/// Scripts that run at once. Each is a process, often an interpreter: with more, checks would be
/// this machine's load instead of measuring others'.
pub const MOST_SCRIPTS: usize = 8;

pub type Queued = (Lane, Class);

#[derive(Clone, Copy, Debug)]
enum Status {
    Waiting(Instant),
    Running,
}

/// Every check with its due time. One check never runs twice at once.
#[derive(Debug)]
pub struct Scheduler {
    checks: HashMap<CheckId, (Queued, Status), FixedState>,
    network: Slots,
    scripts: Slots,
}

#[derive(Debug)]
struct Slots {
    count: usize,
    settled: Queue,
    troubled: Queue,
}

#[derive(Debug, Default)]
struct Queue {
    due: BTreeSet<(Instant, CheckId)>,
    running: usize,
}

impl Scheduler {
    /// At most `slots` checks over the network run at once; at least two, one of them for the
    /// settled.
    pub fn new(slots: usize) -> Self {
        Self {
            checks: HashMap::default(),
            network: Slots::new(slots),
            scripts: Slots::new(MOST_SCRIPTS),
        }
    }

    pub fn resize(&mut self, slots: usize) {
        self.network.count = slots.max(2);
    }

    /// Sets when a check runs next. A running one keeps running; its outcome sets the next start.
    pub fn plan(&mut self, id: CheckId, queued: Queued, due: Instant) {
        if matches!(self.checks.get(&id), Some((_, Status::Running))) {
            return;
        }
        self.remove(id);
        self.queue(queued).due.insert((due, id));
        self.checks.insert(id, (queued, Status::Waiting(due)));
    }

    /// Forgets a check; true when it was running and should be stopped. Its slot is free at once.
    pub fn remove(&mut self, id: CheckId) -> bool {
        match self.checks.remove(&id) {
            None => false,
            Some((queued, Status::Waiting(due))) => {
                self.queue(queued).due.remove(&(due, id));
                false
            }
            Some((queued, Status::Running)) => {
                let queue = self.queue(queued);
                queue.running = queue.running.saturating_sub(1);
                true
            }
        }
    }

    /// The check that runs next, if one is due and a slot is free, with the time it was due. It
    /// holds its slot until [`Self::finish`] or [`Self::remove`].
    pub fn start(&mut self, now: Instant) -> Option<(CheckId, Instant)> {
        let (due, id) = self.head().filter(|&(due, _)| due <= now)?;
        let (queued, status) = self.checks.get_mut(&id)?;
        *status = Status::Running;
        let queued = *queued;
        let queue = self.queue(queued);
        queue.due.remove(&(due, id));
        queue.running += 1;
        Some((id, due))
    }

    /// Frees the slot of a check that ran; false when it was not running.
    pub fn finish(&mut self, id: CheckId) -> bool {
        matches!(self.checks.get(&id), Some((_, Status::Running))) && self.remove(id)
    }

    /// When a check can next be started; `None` while every slot it may use is taken, since an
    /// outcome comes first then.
    pub fn wake(&self) -> Option<Instant> {
        self.head().map(|(due, _)| due)
    }

    pub fn count(&self) -> usize {
        self.checks.len()
    }

    pub fn running(&self) -> usize {
        self.network.running() + self.scripts.running()
    }

    /// The longest overdue among those that may take a slot.
    fn head(&self) -> Option<(Instant, CheckId)> {
        earlier(self.network.head(), self.scripts.head())
    }

    fn queue(&mut self, (lane, class): Queued) -> &mut Queue {
        let slots = match lane {
            Lane::Network => &mut self.network,
            Lane::Scripts => &mut self.scripts,
        };
        match class {
            Class::Settled => &mut slots.settled,
            Class::Troubled => &mut slots.troubled,
        }
    }
}

impl Slots {
    fn new(count: usize) -> Self {
        Self { count: count.max(2), settled: Queue::default(), troubled: Queue::default() }
    }

    fn running(&self) -> usize {
        self.settled.running + self.troubled.running
    }

    fn head(&self) -> Option<(Instant, CheckId)> {
        if self.running() >= self.count {
            return None;
        }
        let settled = self.settled.due.first().copied();
        if self.troubled.running >= self.count / 2 {
            return settled;
        }
        earlier(settled, self.troubled.due.first().copied())
    }
}

fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant(Duration::from_secs(seconds))
    }

    #[test]
    fn the_longest_overdue_starts_first_and_never_twice() {
        let mut scheduler = Scheduler::new(8);
        scheduler.plan(CheckId(1), (Lane::Network, Class::Settled), at(2));
        scheduler.plan(CheckId(2), (Lane::Network, Class::Troubled), at(1));
        assert_eq!(scheduler.start(at(0)), None);
        assert_eq!(scheduler.start(at(3)), Some((CheckId(2), at(1))));
        scheduler.plan(CheckId(2), (Lane::Network, Class::Troubled), at(0));
        assert_eq!(scheduler.start(at(3)), Some((CheckId(1), at(2))));
        assert_eq!(scheduler.start(at(9)), None);
    }

    #[test]
    fn an_outage_takes_half_of_the_slots_at_most() {
        let mut scheduler = Scheduler::new(4);
        for id in 0..10 {
            scheduler.plan(CheckId(id), (Lane::Network, Class::Troubled), at(0));
        }
        scheduler.plan(CheckId(99), (Lane::Network, Class::Settled), at(5));
        let started: Vec<_> = std::iter::from_fn(|| scheduler.start(at(5))).map(|s| s.0).collect();
        assert_eq!(started, [CheckId(0), CheckId(1), CheckId(99)]);
        assert_eq!(scheduler.wake(), None);
        assert!(scheduler.finish(CheckId(0)));
        assert_eq!(scheduler.start(at(5)), Some((CheckId(2), at(0))));
    }

    #[test]
    fn a_check_removed_while_running_gives_its_slot_back() {
        let mut scheduler = Scheduler::new(2);
        scheduler.plan(CheckId(1), (Lane::Network, Class::Settled), at(0));
        scheduler.plan(CheckId(2), (Lane::Network, Class::Settled), at(0));
        scheduler.plan(CheckId(3), (Lane::Network, Class::Settled), at(0));
        while scheduler.start(at(0)).is_some() {}
        assert_eq!(scheduler.running(), 2);
        assert!(scheduler.remove(CheckId(1)));
        assert!(!scheduler.finish(CheckId(1)), "its outcome comes too late");
        assert_eq!(scheduler.start(at(0)), Some((CheckId(3), at(0))));
    }

    #[test]
    fn scripts_have_slots_of_their_own() {
        let mut scheduler = Scheduler::new(2);
        for id in 0..20 {
            scheduler.plan(CheckId(id), (Lane::Scripts, Class::Settled), at(0));
            scheduler.plan(CheckId(100 + id), (Lane::Network, Class::Settled), at(1));
        }
        let mut started = Vec::new();
        while let Some((id, _)) = scheduler.start(at(1)) {
            started.push(id.0);
        }
        assert_eq!(started, [0, 1, 2, 3, 4, 5, 6, 7, 100, 101]);
        assert_eq!(scheduler.wake(), None);
        assert!(scheduler.finish(CheckId(3)));
        assert_eq!(scheduler.start(at(1)), Some((CheckId(8), at(0))));
        assert_eq!(scheduler.start(at(1)), None);
    }

    proptest! {
        #[test]
        fn bounds_hold_and_nothing_due_is_forgotten(
            slots in 2usize..8,
            steps in proptest::collection::vec((0u8..4, 0u64..12, any::<bool>(), 0u64..20), 1..200),
        ) {
            let mut scheduler = Scheduler::new(slots);
            let mut known = std::collections::BTreeMap::new();
            for (what, id, troubled, time) in steps {
                let id = CheckId(id);
                let class = if troubled { Class::Troubled } else { Class::Settled };
                match what {
                    0 => {
                        scheduler.plan(id, (Lane::Network, class), at(time));
                        known.entry(id).or_insert(false);
                    }
                    1 => {
                        let running = known.remove(&id).unwrap_or(false);
                        prop_assert_eq!(scheduler.remove(id), running);
                    }
                    2 => if let Some((id, due)) = scheduler.start(at(time)) {
                        prop_assert!(due <= at(time));
                        prop_assert_eq!(known.insert(id, true), Some(false));
                    },
                    _ => {
                        let running = known.get(&id) == Some(&true);
                        prop_assert_eq!(scheduler.finish(id), running);
                        if running { known.remove(&id); }
                    }
                }
                prop_assert!(scheduler.running() <= slots);
                prop_assert!(scheduler.network.troubled.running <= slots / 2);
                prop_assert_eq!(scheduler.running(), known.values().filter(|&&r| r).count());
            }
        }
    }
}
