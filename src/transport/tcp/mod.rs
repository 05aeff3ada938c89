//! Connections (RFC 7766): messages with a length before each.
//!
//! A task for each listener accepts; each connection is a task of its own that lives no longer than
//! its limits allow. All share their seats, whose table is locked when a connection begins and ends.

pub mod accept;
mod alarm;
mod batch;
mod connection;
mod inbox;
pub mod seats;
pub mod table;
#[cfg(test)]
mod tests;
pub mod trouble;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Tcp;
use crate::metrics::Metrics;
use crate::metrics::dns::{Transport, WorkerCells};
use crate::model::time::Instant;
use crate::transport::respond::Context;
use crate::transport::tcp::seats::Seats;
use crate::transport::tcp::trouble::Trouble;

/// What a connection may use, beside what is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For answers to be taken by a client that may not be reading.
    pub write: Duration,
    /// Messages of one connection, so that clients are spread anew over servers now and then.
    pub queries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { write: Duration::from_secs(5), queries: 10_000 }
    }
}

pub struct Shared {
    context: Arc<Context>,
    limits: Limits,
    seats: Arc<Seats>,
    cells: Arc<WorkerCells>,
    /// Set before the end: clients are asked to go.
    draining: CancellationToken,
    trouble: Mutex<Trouble>,
}

impl Shared {
    /// Answers by `context`. Once `draining`, clients are told not to stay.
    pub fn new(
        context: Arc<Context>,
        limits: Limits,
        metrics: &Metrics,
        draining: CancellationToken,
    ) -> Self {
        Self {
            seats: Arc::new(Seats::new(Arc::clone(&context.clock), metrics.tcp())),
            context,
            limits,
            cells: metrics.worker(Transport::Tcp),
            draining,
            trouble: Mutex::new(Trouble::new()),
        }
    }

    /// How long a client is told that it may be idle; 0 asks it to close (RFC 7828 section 3.4).
    fn offered_idle(&self, rules: Tcp) -> Duration {
        if self.draining.is_cancelled() { Duration::ZERO } else { rules.idle }
    }

    fn now(&self) -> Instant {
        (self.context.clock)().mono
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A trouble that a panic left is whole: nothing in between can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
