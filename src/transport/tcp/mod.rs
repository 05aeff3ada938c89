//! Connections (RFC 7766): messages with a length before each.
//!
//! A task for each listener accepts; each connection is a task of its own that lives no longer than
//! its limits allow. All share one table, which is locked when a connection begins and ends.

pub mod accept;
mod alarm;
mod batch;
mod connection;
mod inbox;
mod table;
#[cfg(test)]
mod tests;
pub mod trouble;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::config::Tcp;
use crate::metrics::Metrics;
use crate::metrics::dns::{Transport, WorkerCells};
use crate::metrics::tcp::Closed;
use crate::model::time::Instant;
use crate::transport::respond::Context;
use crate::transport::tcp::table::{Progress, Table};
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

/// What all connections of all listeners share.
pub struct Shared {
    context: Arc<Context>,
    limits: Limits,
    metrics: Metrics,
    cells: Arc<WorkerCells>,
    /// Set before the end: clients are asked to go.
    draining: CancellationToken,
    table: Mutex<Table<AbortHandle>>,
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
            context,
            limits,
            metrics: metrics.clone(),
            cells: metrics.worker(Transport::Tcp),
            draining,
            table: Mutex::new(Table::new()),
            trouble: Mutex::new(Trouble::new()),
        }
    }

    /// How long a client is told that it may be idle; 0 asks it to close (RFC 7828 section 3.4).
    fn offered_idle(&self, rules: Tcp) -> Duration {
        if self.draining.is_cancelled() { Duration::ZERO } else { rules.idle }
    }

    /// The monotonic clock.
    fn now(&self) -> Instant {
        (self.context.clock)().mono
    }

    /// A number for one more connection.
    fn seat(self: &Arc<Self>) -> Seat {
        let progress = Arc::new(AtomicU64::new(nanoseconds(self.now())));
        self.metrics.tcp_opened();
        Seat { number: lock(&self.table).draw(), progress, shared: Arc::clone(self) }
    }

    /// Puts a new connection into the table: `begin` starts it, those that must go for it end.
    fn admit(&self, client: IpAddr, seat: Seat, begin: impl FnOnce(Seat) -> AbortHandle) {
        let (number, progress) = (seat.number, Arc::clone(&seat.progress));
        let rules = self.context.current.load().rules.tcp;
        let mut table = lock(&self.table);
        let closed = table.make_room(client, rules);
        // Under the lock: a connection that ends at once must find itself in the table.
        let handle = begin(seat);
        table.insert(number, client, progress, handle);
        drop(table);
        for handle in closed {
            handle.abort();
            self.metrics.tcp_closed(Closed::Limit);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A connection's place in the table, until it is dropped.
struct Seat {
    number: u64,
    progress: Progress,
    shared: Arc<Shared>,
}

impl Seat {
    /// Answers were written.
    fn progressed(&self, now: Instant) {
        self.progress.store(nanoseconds(now), Ordering::Relaxed);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.shared.table).remove(self.number);
        self.shared.metrics.tcp_gone();
    }
}

fn nanoseconds(now: Instant) -> u64 {
    u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX)
}

/// A table or a trouble that a panic left is whole: nothing in between can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
