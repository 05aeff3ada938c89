//! What one thread, or one connection, keeps between messages.

use std::net::IpAddr;
use std::sync::Arc;

use crate::metrics::dns::WorkerCells;
use crate::metrics::limited::{Action, Class};
use crate::model::time::{Clock, Instant};
use crate::snapshot::Rules;
use crate::transport::limits::{Guard, Limiter};

#[derive(Debug)]
pub struct Worker {
    /// For the order of answers.
    pub rng: fastrand::Rng,
    pub cells: Arc<WorkerCells>,
    /// Limits of answers, where senders are not proved.
    pub guard: Option<Guard>,
}

impl Worker {
    /// A worker with a seed of its own, and without limits.
    pub fn new(cells: Arc<WorkerCells>) -> Self {
        Self { rng: fastrand::Rng::new(), cells, guard: None }
    }

    /// The same for all who send datagrams, that shares these limits.
    pub fn limited(cells: Arc<WorkerCells>, limiter: Arc<Limiter>) -> Self {
        Self { guard: Some(Guard::new(limiter)), ..Self::new(cells) }
    }

    /// Says what is left to say of a flood that is over; for when no messages come.
    pub fn rest(&mut self, clock: &Clock) {
        if let Some(guard) = &mut self.guard {
            guard.rest(clock);
        }
    }

    /// For an answer that nothing limits.
    #[inline]
    pub(super) fn pass(&mut self, now: Instant) {
        if let Some(guard) = &mut self.guard {
            guard.pass(now);
        }
    }

    /// What is to be done, and was counted, with an answer of this class instead of just sending
    /// it.
    pub(super) fn limit(
        &mut self,
        (client, now): (IpAddr, Instant),
        rules: &Rules,
        class: Class,
    ) -> Option<Action> {
        let guard = self.guard.as_mut()?;
        let action = guard.limit(&rules.rrl, client, class, now)?;
        self.cells.limited(class, action);
        Some(action)
    }
}
