//! The way to a stream that somebody else reads, or does not: lines wait in a bounded queue, and one
//! thread writes them. Nobody else ever waits; lines that find no room are lost and counted.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;

/// Octets that wait at most, beside as many that are being written: some ten thousand lines.
const MOST: usize = 1 << 20;
/// How long the end waits for the lines that are left.
const PATIENCE: Duration = Duration::from_secs(1);
/// Until a stream that does not block is tried again.
const PAUSE: Duration = Duration::from_millis(20);

/// The thread that writes. Dropping it ends it, and waits a second at most for what is left.
#[derive(Debug)]
pub struct Writer(Lines);

/// Takes whole lines, at once and without waiting.
#[derive(Clone, Debug)]
pub struct Lines(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is something to do.
    work: Condvar,
    ended: Condvar,
    lost: Counter,
    most: usize,
}

#[derive(Debug, Default)]
struct Queue {
    octets: Vec<u8>,
    /// Lost lines of which nobody has been told.
    untold: u64,
    closed: bool,
    ended: bool,
}

/// A second handle on a standard stream: writing through the library's own would hold its lock, and so
/// hold up everybody else who uses it.
pub fn stream(of: &impl AsFd) -> io::Result<std::fs::File> {
    of.as_fd().try_clone_to_owned().map(std::fs::File::from)
}

impl Writer {
    /// Starts the thread. `lost` counts lines that were not written; `resumed` is told how many those
    /// were since the last time, once the stream takes lines again.
    pub fn start(
        to: impl Write + Send + 'static,
        lost: Counter,
        resumed: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        Self::bounded(MOST, to, lost, resumed)
    }

    fn bounded(
        most: usize,
        to: impl Write + Send + 'static,
        lost: Counter,
        resumed: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let (queue, work, ended) = (Mutex::default(), Condvar::new(), Condvar::new());
        let shared = Arc::new(Shared { queue, work, ended, lost, most });
        let ours = Arc::clone(&shared);
        let thread = thread::Builder::new().name("log".to_owned());
        thread.spawn(move || ours.write_all(to, &resumed))?;
        Ok(Self(Lines(shared)))
    }

    pub fn lines(&self) -> Lines {
        self.0.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let Lines(shared) = &self.0;
        let mut queue = shared.queue();
        queue.closed = true;
        shared.work.notify_one();
        // A write that nobody reads ends with the process.
        let runs = |queue: &mut Queue| !queue.ended;
        drop(shared.ended.wait_timeout_while(queue, PATIENCE, runs));
    }
}

impl Lines {
    /// Takes all of `lines`, or loses all of them.
    pub fn put(&self, lines: &[u8]) {
        let Self(shared) = self;
        let mut queue = shared.queue();
        let has_room = !queue.ended
            && shared.most.checked_sub(queue.octets.len()).is_some_and(|room| lines.len() <= room)
            && queue.octets.try_reserve(lines.len()).is_ok();
        if has_room {
            let was_empty = queue.octets.is_empty();
            queue.octets.extend_from_slice(lines);
            drop(queue);
            if was_empty {
                shared.work.notify_one();
            }
        } else {
            shared.lose(&mut queue, lines);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    /// Held for as long as a line takes to be copied, and never while one is written.
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lose(&self, queue: &mut Queue, lines: &[u8]) {
        let ends = lines.split(|&octet| octet == b'\n').skip(1).count();
        let count = u64::try_from(ends).unwrap_or(u64::MAX).max(1);
        queue.untold = queue.untold.saturating_add(count);
        self.lost.inc_by(count);
    }

    /// The thread: writes what is there until the queue is closed and empty.
    fn write_all(&self, mut to: impl Write, resumed: &dyn Fn(u64)) {
        let mut lines = Vec::new();
        let mut flows = true;
        while let Some(lost) = self.next(&mut lines, flows) {
            if lost > 0 {
                // The queue is empty now: this line finds room.
                resumed(lost);
            }
            let left = write(&mut to, &lines);
            flows = left.is_empty();
            if !flows {
                self.lose(&mut self.queue(), left);
            }
            lines.clear();
        }
        self.queue().ended = true;
        self.ended.notify_all();
    }

    /// Waits for lines, takes them all, and says how many to tell of were lost behind them. As long
    /// as nothing `flows` nobody is told: that line would be lost as well. `None` at the end.
    fn next(&self, lines: &mut Vec<u8>, flows: bool) -> Option<u64> {
        let has_nothing = |queue: &Queue| queue.octets.is_empty() && !(flows && queue.untold > 0);
        let is_idle = |queue: &mut Queue| has_nothing(queue) && !queue.closed;
        let waited = self.work.wait_while(self.queue(), is_idle);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        if has_nothing(&queue) {
            return None;
        }
        std::mem::swap(lines, &mut queue.octets);
        Some(if flows { std::mem::take(&mut queue.untold) } else { 0 })
    }
}

/// Writes all of `lines`, however long it takes; what an error left of them.
fn write<'l>(to: &mut impl Write, lines: &'l [u8]) -> &'l [u8] {
    let mut left = lines;
    while !left.is_empty() {
        match to.write(left) {
            Ok(0) => break,
            Ok(written) => left = left.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Somebody who shares the stream has made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(_) => break,
        }
    }
    left
}

#[cfg(test)]
mod tests;
