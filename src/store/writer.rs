//! The store's thread: all batches that wait become one transaction, and are answered once it is
//! durable.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::model::time::{Clock, Instant};
use crate::store::database::{Database, DatabaseError};
use crate::store::export::Exporter;
use crate::store::orders::Orders;
use crate::store::registrations::{Batch, Durability, Message, Op, StoreError, Table};

/// The engine has one batch of each durability in flight, and one list of orders.
pub(super) const QUEUE: usize = 256;
/// How long a batch waits that is wanted soon. It holds the heartbeats of a second already.
const SOON: Duration = Duration::from_millis(100);

pub(super) struct Writer {
    pub(super) path: PathBuf,
    /// `None` after a failure, until it could be opened again.
    pub(super) database: Option<Database>,
    /// Whether there is a file: one that vanishes is not replaced by an empty one.
    pub(super) existed: bool,
    /// What the file must hold before anything else is written to it, later ops winning.
    pub(super) owed: Vec<Op>,
    pub(super) orders: Orders,
    pub(super) exporter: Exporter,
    pub(super) clock: Clock,
    pub(super) waiting: Vec<Batch>,
    pub(super) due: Option<Instant>,
}

impl Writer {
    /// Until nobody sends any more.
    pub(super) fn run(mut self, queue: &Receiver<Message>) {
        loop {
            let first = match [self.due, self.exporter.due()].into_iter().flatten().min() {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => queue.recv_timeout(due.since((self.clock)().mono)),
            };
            let first = match first {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let now = (self.clock)().mono;
            for message in first.into_iter().chain(queue.try_iter()).take(QUEUE) {
                self.take(message, now);
            }
            if self.due.is_some_and(|due| due <= now) {
                self.commit(now);
            }
            self.exporter.tick(now, self.database.as_ref());
        }
        self.commit((self.clock)().mono);
        self.exporter.finish(self.database.as_ref());
    }

    fn take(&mut self, message: Message, now: Instant) {
        match message {
            Message::Commit(batch) => {
                let due = match batch.durability {
                    Durability::Now => now,
                    Durability::Soon => now + SOON,
                };
                self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
                self.waiting.push(batch);
            }
            Message::Orders(lines, done) => {
                let replaced = self.orders.replace(&lines);
                let why = |(path, error): (_, std::io::Error)| (path, error.to_string());
                done(replaced.map_err(why).map_err(|(path, why)| StoreError::Write { path, why }));
            }
        }
    }

    fn commit(&mut self, now: Instant) {
        self.due = None;
        let waiting = std::mem::take(&mut self.waiting);
        let ops: Vec<&Op> = waiting.iter().flat_map(|batch| &batch.ops).collect();
        let result = if ops.is_empty() { Ok(()) } else { self.write(&ops) };
        if result.is_ok() && ops.iter().any(|op| op.table() != Table::Beats) {
            self.exporter.changed(now);
        }
        for batch in waiting {
            (batch.done)(result.clone());
        }
    }

    /// All of it, or nothing now or later.
    fn write(&mut self, ops: &[&Op]) -> Result<(), StoreError> {
        let mut undo = Vec::new();
        let written = self.ready().and_then(|database| database.apply(ops, &mut undo));
        let Err(error) = written else { return Ok(()) };
        if self.database.take().is_some() {
            undo.reverse();
            self.owed = undo;
            // The file may hold what was refused: not for longer than it must. What stands in the
            // way is told to whoever writes next.
            let _ = self.ready();
        }
        Err(StoreError::Write { path: self.path.clone(), why: error.to_string() })
    }

    /// The database, opened again if need be, with nothing owed to it.
    fn ready(&mut self) -> Result<&Database, DatabaseError> {
        let database = match self.database.take() {
            Some(database) => database,
            None => self.reopen()?,
        };
        Ok(self.database.insert(database))
    }

    fn reopen(&mut self) -> Result<Database, DatabaseError> {
        let database = match Database::open(&self.path) {
            Err(DatabaseError::Missing) if !self.existed => Database::create(&self.path)?,
            opened => opened?,
        };
        self.existed = true;
        if !database.is_as_after(&self.owed)? {
            database.apply(&self.owed.iter().collect::<Vec<_>>(), &mut Vec::new())?;
        }
        self.owed.clear();
        Ok(database)
    }
}
