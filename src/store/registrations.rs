//! What was registered over HTTP and ordered, as it is kept: batches of operations go to the store's
//! thread, which says when they are safe.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::thread::JoinHandle;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Services,
    Checks,
    Beats,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// `value` is JSON.
    Put {
        table: Table,
        key: Arc<str>,
        value: Arc<str>,
    },
    Remove {
        table: Table,
        key: Arc<str>,
    },
}

impl Table {
    pub(super) const ALL: [Self; 3] = [Self::Services, Self::Checks, Self::Beats];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Checks => "checks",
            Self::Beats => "beats",
        }
    }
}

impl Op {
    pub(super) fn new(table: Table, key: &str, value: Option<&str>) -> Self {
        let key = key.into();
        match value {
            Some(value) => Self::Put { table, key, value: value.into() },
            None => Self::Remove { table, key },
        }
    }

    pub(super) fn table(&self) -> Table {
        match self {
            Self::Put { table, .. } | Self::Remove { table, .. } => *table,
        }
    }

    pub(super) fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Remove { key, .. } => key,
        }
    }

    pub(super) fn value(&self) -> Option<&str> {
        match self {
            Self::Put { value, .. } => Some(value),
            Self::Remove { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Now,
    /// Together with the next batch that is wanted now, or alone a little later.
    Soon,
}

/// Called once, on the thread of the store, or on the caller's where the answer is known at once.
/// It must not block.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

pub struct Batch {
    pub ops: Vec<Op>,
    pub durability: Durability,
    pub done: Done,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ops, durability) = (&self.ops, self.durability);
        let mut shown = f.debug_struct("Batch");
        shown.field("ops", ops).field("durability", &durability).finish_non_exhaustive()
    }
}

/// In the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    pub services: Vec<(String, String)>,
    pub checks: Vec<(String, String)>,
    pub beats: Vec<(String, String)>,
}

impl Records {
    pub(super) fn of(&self, table: Table) -> &[(String, String)] {
        match table {
            Table::Services => &self.services,
            Table::Checks => &self.checks,
            Table::Beats => &self.beats,
        }
    }

    pub(super) fn of_mut(&mut self, table: Table) -> &mut Vec<(String, String)> {
        match table {
            Table::Services => &mut self.services,
            Table::Checks => &mut self.checks,
            Table::Beats => &mut self.beats,
        }
    }
}

#[derive(Debug, Default)]
pub struct Opened {
    pub store: Store,
    pub records: Records,
    /// As given to [`Store::orders`] last.
    pub orders: Vec<String>,
    pub problems: Vec<Problem>,
}

/// Why a batch or a list of orders was not kept, in words.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no usable state directory: registrations and orders cannot be saved")]
    NoDirectory,
    #[error("cannot save to {path}: {why}")]
    Write { path: PathBuf, why: String },
    #[error("too many batches wait for the store")]
    Busy,
    #[error("the store has ended")]
    Ended,
}

/// What stood in the way at the start: for the log. None of it is a reason not to start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error(
        "the registrations in {path} cannot be used ({why}): the file was renamed to {aside}; start \
         once with --recover-store to load the last export"
    )]
    Damaged { path: PathBuf, why: String, aside: PathBuf },
    #[error("{unreadable} records in {path} cannot be read: they stay there and are not served")]
    Unreadable { path: PathBuf, unreadable: usize },
    #[error(
        "{path} is missing, but its export is there: start once with --recover-store to load it"
    )]
    Lost { path: PathBuf },
    #[error("loaded {records} registrations from {path}, which was renamed to {aside}")]
    Recovered { path: PathBuf, records: usize, aside: PathBuf },
    #[error("there is no export to recover registrations from")]
    NothingToRecover,
    #[error("{path} is damaged ({damaged} lines): it was renamed to {aside}")]
    OrdersDamaged { path: PathBuf, aside: PathBuf, damaged: usize },
    #[error("{lost} lines of orders are damaged in both copies")]
    OrdersLost { lost: usize },
    #[error("cannot read {path}: {why}")]
    Read { path: PathBuf, why: String },
    #[error("cannot write {path}: {why}")]
    Write { path: PathBuf, why: String },
    #[error("cannot start the thread of the store: {why}")]
    Thread { why: String },
}

pub(super) enum Message {
    Commit(Batch),
    Orders(Vec<String>, Done),
}

/// The way to the thread. Dropping it has what waits written, and waits for that.
#[derive(Debug, Default)]
pub struct Store {
    /// `None` where nothing can be kept.
    thread: Option<(SyncSender<Message>, JoinHandle<()>)>,
}

impl Store {
    pub(super) fn new(queue: SyncSender<Message>, thread: JoinHandle<()>) -> Self {
        Self { thread: Some((queue, thread)) }
    }

    /// Never blocks. Batches take effect in the order of the calls.
    pub fn commit(&self, batch: Batch) {
        self.send(Message::Commit(batch));
    }

    /// Replaces all orders, each a line of text without line ends.
    pub fn orders(&self, lines: Vec<String>, done: Done) {
        self.send(Message::Orders(lines, done));
    }

    fn send(&self, message: Message) {
        let Some((queue, _)) = &self.thread else {
            return message.refuse(StoreError::NoDirectory);
        };
        match queue.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => message.refuse(StoreError::Busy),
            Err(TrySendError::Disconnected(message)) => message.refuse(StoreError::Ended),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some((queue, thread)) = self.thread.take() {
            drop(queue);
            // Its panic has been logged.
            let _ = thread.join();
        }
    }
}

impl Message {
    fn refuse(self, error: StoreError) {
        match self {
            Self::Commit(Batch { done, .. }) | Self::Orders(_, done) => done(Err(error)),
        }
    }
}
