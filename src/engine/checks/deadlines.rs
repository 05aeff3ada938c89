//! When something follows from a check without an outcome: a heartbeat is late, or its target has
//! been unfit for too long.

use std::collections::BTreeSet;

use crate::health::scheduler::CheckId;
use crate::model::time::Instant;

/// See the module. A check stands here once at most, and perhaps too early: most heartbeats only
/// put off what is looked at anew when its time has come.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, CheckId)>);

impl Deadlines {
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(due, _)| *due)
    }

    /// Has the check looked at when `wanted` has come, or before; `armed` is when it will be.
    pub(super) fn arm(
        &mut self,
        id: CheckId,
        armed: &mut Option<Instant>,
        wanted: Option<Instant>,
    ) {
        let Some(wanted) = wanted else { return };
        if armed.is_some_and(|armed| armed <= wanted) {
            return;
        }
        self.disarm(id, *armed);
        self.0.insert((wanted, id));
        *armed = Some(wanted);
    }

    pub(super) fn disarm(&mut self, id: CheckId, armed: Option<Instant>) {
        if let Some(armed) = armed {
            self.0.remove(&(armed, id));
        }
    }

    /// One whose time has come, which is armed no more.
    pub(super) fn pop(&mut self, now: Instant) -> Option<CheckId> {
        let first = self.0.first().copied().filter(|(due, _)| *due <= now)?;
        self.0.remove(&first);
        Some(first.1)
    }
}
