//! The door of the folder: scans `zones_dir` once, then watches it on one plain thread that
//! carries the kernel's word to the tracker and hands on the news in batches.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing::debug;

use crate::model::origin::Origin;
use crate::model::time::Now;
use crate::sources::Change;
use crate::sources::files::io_pool::{self, Perform};
use crate::sources::files::notices;
use crate::sources::files::options::Options;
use crate::sources::files::protocol::Event;
use crate::sources::files::scan::Scanner;
use crate::sources::files::watches::{Flags, Notice, Watches};
use crate::sources::files::zone::Cause;

/// Notices that wait while a batch is read and parsed; what comes above is found by a re-scan.
const QUEUE: usize = 4096;

/// Why the first scan failed. Nothing less than this does: other complaints are diagnostics.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error(
        "cannot read the zones directory {path}: create it, or choose another with --zones \
             DIR"
    )]
    ZonesDir { path: PathBuf, source: io::Error },
}

/// Everything below `zones_dir`, as last seen.
#[derive(Debug)]
pub struct FileSource {
    scanner: Scanner,
}

/// Scans everything once. The changes tell of all there is: each zone, its zone.toml, its other
/// files by the octets of their paths; at last that this was all.
/// What a disk does not answer within seconds is told later.
pub fn load(options: Options, now: Now) -> Result<(FileSource, Vec<Change>), ScanError> {
    load_with(options, Arc::new(io_pool::perform), now)
}

/// As [`load`], with another way to list and to read.
pub(crate) fn load_with(
    options: Options,
    perform: Arc<Perform>,
    now: Now,
) -> Result<(FileSource, Vec<Change>), ScanError> {
    let path = options.zones_dir.clone();
    fs::read_dir(&path).map_err(|source| ScanError::ZonesDir { path, source })?;
    let mut scanner = Scanner::new(options, perform, now);
    scanner.settle(now);
    let mut changes = scanner.changes(now.mono);
    changes.push(Change::Synced(Origin::Files));
    Ok((FileSource { scanner }, changes))
}

impl FileSource {
    /// Starts the thread that watches. When this returns, the watches are in place and what
    /// changed since [`load`] has been noticed.
    pub fn watch(
        self,
        clock: impl Fn() -> Now + Send + 'static,
        emit: impl FnMut(Vec<Change>) + Send + 'static,
    ) -> io::Result<WatchHandle> {
        self.watch_with_queue(QUEUE, clock, emit)
    }

    /// As [`Self::watch`], with another bound on waiting notices.
    pub(crate) fn watch_with_queue(
        self,
        queue: usize,
        clock: impl Fn() -> Now + Send + 'static,
        mut emit: impl FnMut(Vec<Change>) + Send + 'static,
    ) -> io::Result<WatchHandle> {
        let (sender, inbox) = sync_channel(queue);
        let flags = Arc::new(Flags::default());
        let mut scanner = self.scanner;
        scanner.watches = Some(Watches::new(sender.clone(), Arc::clone(&flags)));
        let now = clock();
        scanner.tracker.event(Event::Root(Cause::Rescan), now.mono);
        scanner.settle(now);
        scanner.pool.wake(sender.clone());
        let mut watcher = Thread { scanner, inbox, flags: Arc::clone(&flags) };
        let thread = thread::Builder::new()
            .name("files".to_owned())
            .spawn(move || watcher.run(&clock, &mut emit))?;
        Ok(WatchHandle { sender, flags, thread })
    }
}

struct Thread {
    scanner: Scanner,
    inbox: Receiver<Notice>,
    flags: Arc<Flags>,
}

impl Thread {
    fn run(&mut self, clock: &dyn Fn() -> Now, emit: &mut dyn FnMut(Vec<Change>)) {
        while !self.flags.stop.load(Ordering::SeqCst) {
            let now = clock();
            self.scanner.work(now);
            if self.scanner.is_ripe(now.mono) {
                let changes = self.scanner.changes(now.mono);
                if !changes.is_empty() {
                    emit(changes);
                }
            }
            // A clock that stands still between two readings must not make this loop spin.
            let now = clock().mono;
            let wait = self.scanner.wake(now).since(now);
            let first = match self.inbox.recv_timeout(wait.max(Duration::from_millis(1))) {
                Ok(notice) => Some(notice),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.listen(first, clock());
        }
    }

    fn listen(&mut self, first: Option<Notice>, now: Now) {
        let Scanner { tracker, watches: Some(watches), .. } = &mut self.scanner else { return };
        // As many as fit the queue: a writer that never rests cannot keep us from working.
        for notice in first.into_iter().chain(self.inbox.try_iter().take(QUEUE)) {
            let Notice::Path(told) = notice else { continue };
            for event in notices::events(&told, watches) {
                tracker.event(event, now.mono);
            }
        }
        if self.flags.overflow.swap(false, Ordering::SeqCst) {
            debug!("file change events were lost, scanning all files");
            watches.forget_all();
            tracker.event(Event::Lost, now.mono);
        }
        if self.flags.rescan.swap(false, Ordering::SeqCst) {
            tracker.event(Event::Root(Cause::Rescan), now.mono);
        }
    }
}

/// What [`FileSource::watch`] returns: the way to speak to the thread, and to end it.
#[derive(Debug)]
pub struct WatchHandle {
    sender: SyncSender<Notice>,
    flags: Arc<Flags>,
    thread: JoinHandle<()>,
}

impl WatchHandle {
    /// Lists everything, whatever the kernel told.
    pub fn rescan(&self) {
        self.flags.rescan.store(true, Ordering::SeqCst);
        self.nudge();
    }

    pub fn stop(&self) {
        self.flags.stop.store(true, Ordering::SeqCst);
        self.nudge();
    }

    /// Stops the thread and waits for its end; `Err` when it panicked.
    pub fn join(self) -> thread::Result<()> {
        self.stop();
        self.thread.join()
    }

    /// Wakes the thread; tests that moved its clock do.
    pub(crate) fn nudge(&self) {
        // A full queue will be looked at anyway.
        let _ = self.sender.try_send(Notice::Nudge);
    }
}
