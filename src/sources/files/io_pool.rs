//! Threads that list and read, so that a disk that hangs holds up nothing but what lies on it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::model::time::Now;
use crate::sources::files::disk::{self, RootSurvey, ZoneSurvey};
use crate::sources::files::file::Reading;
use crate::sources::files::protocol::Task;
use crate::sources::files::watches::Notice;

/// A thread that had nothing to do for this long ends: a start needs more of them than a day.
const IDLE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task: Task,
    pub(crate) path: PathBuf,
    pub(crate) began: Now,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Root(RootSurvey),
    Zone(io::Result<ZoneSurvey>),
    File(Reading),
}

/// Does what is ordered; tests give one that hangs.
pub(crate) type Perform = dyn Fn(&Order) -> Outcome + Send + Sync;

pub(crate) fn perform(order: &Order) -> Outcome {
    match &order.task {
        Task::ListRoot(_) => Outcome::Root(disk::survey_root(&order.path)),
        Task::ListZone(..) => Outcome::Zone(disk::survey_zone(&order.path)),
        Task::Read(..) => Outcome::File(disk::read(&order.path)),
    }
}

/// Threads made when they are needed and ended when they are not; their number is bounded by the tracker, which keeps so many
/// tasks in flight at most. They are never waited for: one that hangs ends with the process.
pub(crate) struct IoPool {
    shared: Arc<Shared>,
}

struct Shared {
    perform: Arc<Perform>,
    desk: Mutex<Desk>,
    ordered: Condvar,
    finished: Condvar,
}

#[derive(Default)]
struct Desk {
    orders: VecDeque<Order>,
    done: Vec<(Order, Outcome)>,
    idle: usize,
    waker: Option<SyncSender<Notice>>,
    closed: bool,
}

impl fmt::Debug for IoPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoPool").finish_non_exhaustive()
    }
}

impl IoPool {
    pub(crate) fn new(perform: Arc<Perform>) -> Self {
        let desk = Mutex::new(Desk::default());
        let (ordered, finished) = (Condvar::new(), Condvar::new());
        Self { shared: Arc::new(Shared { perform, desk, ordered, finished }) }
    }

    /// From now on `waker` is told when something is done.
    pub(crate) fn wake(&self, waker: SyncSender<Notice>) {
        self.shared.desk().waker = Some(waker);
    }

    /// Has something done.
    pub(crate) fn give(&self, order: Order) {
        let mut desk = self.shared.desk();
        desk.orders.push_back(order);
        if desk.idle >= desk.orders.len() {
            self.shared.ordered.notify_one();
            return;
        }
        drop(desk);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("disk".to_owned());
        if thread.spawn(move || shared.work()).is_err() {
            // The system has no thread for us: then it is done here, if no other takes it.
            let order = self.shared.desk().orders.pop_back();
            if let Some(order) = order {
                self.shared.finish(order);
            }
        }
    }

    pub(crate) fn done(&self) -> Vec<(Order, Outcome)> {
        std::mem::take(&mut self.shared.desk().done)
    }

    /// Waits until something is done; nothing when `patience` is over before.
    pub(crate) fn wait(&self, patience: Duration) -> Vec<(Order, Outcome)> {
        let nothing = |desk: &mut Desk| desk.done.is_empty();
        let waited = self.shared.finished.wait_timeout_while(self.shared.desk(), patience, nothing);
        let (mut desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut desk.done)
    }
}

impl Drop for IoPool {
    fn drop(&mut self) {
        let mut desk = self.shared.desk();
        desk.closed = true;
        desk.orders.clear();
        self.shared.ordered.notify_all();
    }
}

impl Shared {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(order) = self.next() {
            self.finish(order);
        }
    }

    fn next(&self) -> Option<Order> {
        let mut desk = self.desk();
        desk.idle += 1;
        let empty = |desk: &mut Desk| desk.orders.is_empty() && !desk.closed;
        let waited = self.ordered.wait_timeout_while(desk, IDLE, empty);
        (desk, _) = waited.unwrap_or_else(PoisonError::into_inner);
        desk.idle -= 1;
        desk.orders.pop_front()
    }

    fn finish(&self, order: Order) {
        let outcome = (self.perform)(&order);
        let mut desk = self.desk();
        desk.done.push((order, outcome));
        self.finished.notify_one();
        if let Some(waker) = &desk.waker {
            // A full queue will be looked at anyway.
            let _ = waker.try_send(Notice::Nudge);
        }
    }
}
