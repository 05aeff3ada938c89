//! What all threads count, and how the server's process stands.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Complaints that are kept in words.
const KEPT: usize = 20;

/// Counters, and the sign to end.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    wrong: Mutex<Vec<String>>,
    stop: AtomicBool,
    /// In microseconds: how long an instance had been dead when it was last served.
    dead: AtomicU64,
}

impl Tally {
    pub(crate) fn add(&self, what: &'static str, count: u64) {
        *self.counts.lock().unwrap().entry(what).or_default() += count;
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.counts.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    pub(crate) fn wrong(&self, complaint: String) {
        let mut wrong = self.wrong.lock().unwrap();
        if wrong.len() < KEPT {
            println!("WRONG: {complaint}");
            wrong.push(complaint);
        }
        drop(wrong);
        self.add("wrong", 1);
    }

    pub(crate) fn complaints(&self) -> Vec<String> {
        self.wrong.lock().unwrap().clone()
    }

    pub(crate) fn served_dead(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.dead.fetch_max(micros, Ordering::Relaxed);
    }

    pub(crate) fn longest_dead(&self) -> Duration {
        Duration::from_micros(self.dead.load(Ordering::Relaxed))
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// All counters on one line.
    pub(crate) fn line(&self) -> String {
        let counts = self.counts.lock().unwrap();
        counts.iter().map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
    }
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// Memory of its own in KiB: the program's pages in the page cache come and go with what else
    /// the machine does.
    pub(crate) rss: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: usize,
}

impl Gauge {
    /// `None` when there is no such process.
    pub(crate) fn of(process: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Some(Self {
            rss: field("RssAnon:")?,
            threads: field("Threads:")?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count(),
        })
    }
}

/// Datagrams that the kernel has dropped at full receive buffers of this machine's IPv4 sockets
/// on a local port.
pub(crate) fn dropped_datagrams(port: u16) -> u64 {
    let table = fs::read_to_string("/proc/net/udp").unwrap();
    let of_port = |line: &&str| {
        let local = line.split_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(&format!(":{port:04X}")))
    };
    let drops = |line: &str| line.split_whitespace().last().and_then(|n| n.parse::<u64>().ok());
    table.lines().filter(of_port).filter_map(drops).sum()
}
