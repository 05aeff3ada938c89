//! Who is connected, and who is closed for another's sake.
//!
//! HTTP shares this: a connection whose request is not answered yet is busy, and goes only where no
//! other can (see `Seat::busy`). Of DNS none is.
//!
//! At a limit the connection goes that has been longest without progress: an answer written, or its
//! own beginning. For those that are idle that is the longest idle one. Being busy is no merit: half
//! a message, or an answer that is not read, takes a place just as silence does, and a client
//! that could hold places so would push out all that are honestly idle. The newest is never the one
//! to go, so that a flood of stuck connections cannot keep others out.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::ConnectionLimits;

/// When a connection last made progress, in nanoseconds of the monotonic clock; itself writes it.
pub type Progress = Arc<AtomicU64>;

/// By time of progress, then by number. The times are those known last: they are looked up again
/// when they matter, so that an answer costs no more than one store, and a look costs no more than
/// the logarithm for each connection that has made progress since the look before.
type Queue = BTreeSet<(u64, u64)>;

#[derive(Debug)]
pub struct Table<H> {
    entries: HashMap<u64, Entry<H>>,
    all: Queue,
    clients: HashMap<IpAddr, Queue>,
    last_number: u64,
}

#[derive(Debug)]
struct Entry<H> {
    client: IpAddr,
    progress: Progress,
    known: u64,
    handle: H,
}

/// Whose limit a connection counts to: one network of IPv6 is one client's.
pub fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl<H> Table<H> {
    pub(super) fn new() -> Self {
        Self { entries: HashMap::new(), all: Queue::new(), clients: HashMap::new(), last_number: 0 }
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.last_number = self.last_number.saturating_add(1);
        self.last_number
    }

    /// Takes in a connection; `make_room` comes before.
    pub(super) fn insert(&mut self, number: u64, client: IpAddr, progress: Progress, handle: H) {
        let known = progress.load(Ordering::Relaxed);
        self.all.insert((known, number));
        self.clients.entry(client).or_default().insert((known, number));
        self.entries.insert(number, Entry { client, progress, known, handle });
    }

    /// Takes out a connection that has ended, if it is there still.
    pub(super) fn remove(&mut self, number: u64) -> Option<H> {
        let Entry { client, known, handle, .. } = self.entries.remove(&number)?;
        self.all.remove(&(known, number));
        if let Some(queue) = self.clients.get_mut(&client) {
            queue.remove(&(known, number));
            if queue.is_empty() {
                self.clients.remove(&client);
            }
        }
        Some(handle)
    }

    /// Takes out connections until one more of `client` keeps within the limits; gives what ends
    /// them.
    pub(super) fn make_room(&mut self, client: IpAddr, limits: ConnectionLimits) -> Vec<H> {
        let mut closed = Vec::new();
        while self.clients.get(&client).map_or(0, Queue::len) >= limits.max_per_client.max(1) {
            let longest = self.longest(|table| table.clients.get(&client));
            closed.extend(longest.and_then(|number| self.remove(number)));
        }
        while self.entries.len() >= limits.max.max(1) {
            let longest = self.longest(|table| Some(&table.all));
            closed.extend(longest.and_then(|number| self.remove(number)));
        }
        closed
    }

    /// The number of the one that is longest without progress in a queue.
    fn longest(&mut self, queue: impl Fn(&Self) -> Option<&Queue>) -> Option<u64> {
        loop {
            let &(known, number) = queue(self)?.first()?;
            let entry = self.entries.get_mut(&number)?;
            if entry.progress.load(Ordering::Relaxed) == known {
                return Some(number);
            }
            self.moved(number);
        }
    }

    /// Looks up the progress of a connection. Who has gone back in time must be told of at once: the
    /// place in the queues is found wrong only from its front.
    pub(super) fn moved(&mut self, number: u64) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        let now = entry.progress.load(Ordering::Relaxed);
        let known = std::mem::replace(&mut entry.known, now);
        let of_client = self.clients.get_mut(&entry.client);
        for queue in [Some(&mut self.all), of_client].into_iter().flatten() {
            queue.remove(&(known, number));
            queue.insert((now, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits { max: 4, max_per_client: 2 };

    fn host(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Takes in a connection of `from`, named `handle`, as the listener does; gives who had to go.
    fn accept(
        table: &mut Table<&'static str>,
        (from, handle, now): (u8, &'static str, u64),
    ) -> (Vec<&'static str>, Progress) {
        let closed = table.make_room(host(from), LIMITS);
        let (number, progress) = (table.draw(), Arc::new(AtomicU64::new(now)));
        table.insert(number, host(from), Arc::clone(&progress), handle);
        (closed, progress)
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| client(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn a_client_at_its_limit_loses_its_own_and_the_longest_without_progress() {
        let mut table = Table::new();
        accept(&mut table, (9, "another's", 0));
        let (_, first) = accept(&mut table, (1, "first", 1));
        accept(&mut table, (1, "second", 2));
        first.store(3, Ordering::Relaxed);
        assert_eq!(accept(&mut table, (1, "third", 4)).0, ["second"]);
        assert_eq!(accept(&mut table, (1, "fourth", 5)).0, ["first"]);
        assert_eq!(table.entries.len(), 3);
    }

    #[test]
    fn at_the_limit_of_all_those_who_never_made_progress_go_before_those_who_did() {
        let mut table = Table::new();
        let (_, idle) = accept(&mut table, (1, "idle", 0));
        accept(&mut table, (2, "stuck", 1));
        accept(&mut table, (2, "stuck too", 2));
        accept(&mut table, (3, "young", 7));
        idle.store(5, Ordering::Relaxed);
        assert_eq!(accept(&mut table, (4, "next", 8)).0, ["stuck"]);
        assert_eq!(accept(&mut table, (5, "next", 9)).0, ["stuck too"]);
        assert_eq!(accept(&mut table, (6, "next", 9)).0, ["idle"]);
        assert_eq!(accept(&mut table, (7, "next", 9)).0, ["young"], "never the newest");
    }

    #[test]
    fn who_has_ended_counts_no_more_and_leaves_nothing() {
        let mut table = Table::new();
        for _ in 0..3 {
            let number = table.draw();
            let progress = Arc::new(AtomicU64::new(number));
            table.insert(number, host(1), Arc::clone(&progress), "ended");
            progress.store(100, Ordering::Relaxed);
            assert_eq!(table.remove(number), Some("ended"));
            assert_eq!(table.remove(number), None);
        }
        assert!(table.entries.is_empty() && table.all.is_empty() && table.clients.is_empty());
        assert_eq!(accept(&mut table, (1, "one", 0)).0, Vec::<&str>::new());
    }

    #[test]
    fn lower_limits_after_a_reload_close_as_many_as_they_must() {
        let mut table = Table::new();
        for (host, name) in [(1, "a"), (2, "b"), (3, "c"), (4, "d")] {
            accept(&mut table, (host, name, host.into()));
        }
        let (two, none) =
            (ConnectionLimits { max: 2, ..LIMITS }, ConnectionLimits { max: 0, max_per_client: 0 });
        assert_eq!(table.make_room(host(5), two), ["a", "b", "c"]);
        assert_eq!(table.make_room(host(4), none), ["d"]);
    }
}
