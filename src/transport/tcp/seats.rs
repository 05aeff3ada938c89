//! Seats: what a listener, of DNS or of HTTP, lets connections take, and gives to others at a limit.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::config::ConnectionLimits;
use crate::metrics::connections::{Closed, Connections};
use crate::model::time::{Clock, Instant};
use crate::transport::tcp::table::{Progress, Table};

/// Set in the progress of a connection that is busy: all that are not come before it. The rest has
/// room for nanoseconds of 292 years.
const BUSY: u64 = 1 << 63;

pub struct Seats {
    clock: Clock,
    counts: Connections,
    table: Mutex<Table<AbortHandle>>,
    /// Seats that are taken, also by connections that are told to end and have not yet.
    taken: AtomicUsize,
    /// Told of each that becomes free.
    freed: Notify,
}

impl Seats {
    /// All free.
    pub fn new(clock: Clock, counts: Connections) -> Self {
        let (table, taken, freed) = (Mutex::new(Table::new()), AtomicUsize::new(0), Notify::new());
        Self { clock, counts, table, taken, freed }
    }

    pub fn take(self: &Arc<Self>) -> Seat {
        let progress = Progress::new(nanoseconds((self.clock)().mono).into());
        self.counts.opened();
        self.taken.fetch_add(1, Ordering::Relaxed);
        Seat { number: lock(&self.table).draw(), progress, seats: Arc::clone(self) }
    }

    /// Puts a new connection into the table: `begin` starts it, those that must go for it end.
    pub fn admit(
        &self,
        client: IpAddr,
        limits: ConnectionLimits,
        seat: Seat,
        begin: impl FnOnce(Seat) -> AbortHandle,
    ) {
        let (number, progress) = (seat.number, Arc::clone(&seat.progress));
        let mut table = lock(&self.table);
        let closed = table.make_room(client, limits);
        // Under the lock: a connection that ends at once must find itself in the table.
        let handle = begin(seat);
        table.insert(number, client, progress, handle);
        drop(table);
        for handle in closed {
            handle.abort();
            self.counts.closed(Closed::Limit);
        }
    }

    /// Waits until no more than `max` seats are taken. Connections that are told to end hold their
    /// descriptors until they have had a turn: a listener that did not wait would be ahead of them.
    pub async fn settled(&self, max: usize) {
        loop {
            // Hears of what becomes free from here on, though it waits only below.
            let freed = self.freed.notified();
            if self.taken.load(Ordering::Relaxed) <= max.max(1) {
                return;
            }
            freed.await;
        }
    }
}

impl fmt::Debug for Seats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seats").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// A connection's, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    number: u64,
    progress: Progress,
    seats: Arc<Seats>,
}

impl Seat {
    pub fn progressed(&self, now: Instant) {
        self.progress.store(nanoseconds(now), Ordering::Relaxed);
    }

    /// From now on an answer is due: others go before this one, however long it takes.
    pub fn busy(&self) {
        self.look(BUSY);
    }

    pub fn idle(&self) {
        self.look(0);
    }

    pub fn closed(&self, why: Closed) {
        self.seats.counts.closed(why);
    }

    fn look(&self, kind: u64) {
        self.progress.store(nanoseconds((self.seats.clock)().mono) | kind, Ordering::Relaxed);
        lock(&self.seats.table).moved(self.number);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.seats.table).remove(self.number);
        self.seats.counts.gone();
        self.seats.taken.fetch_sub(1, Ordering::Relaxed);
        self.seats.freed.notify_waiters();
    }
}

fn nanoseconds(now: Instant) -> u64 {
    u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX) & !BUSY
}

/// A table that a panic left is whole: nothing in between can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
