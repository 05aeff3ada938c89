//! Finds the addresses of an external instance's host, anew for each run, as the system does.
//!
//! A name is resolved as it stands in the alias that clients get: the hosts file first, then the
//! system's resolver with a final dot, so that no search list makes it one of our own names.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task;
use tokio::time::{Instant, timeout};

use crate::health::checks::fault;
use crate::model::health::Outcome;
use crate::model::name::Name;

/// So many names are resolved at once: each takes a thread, and a resolver that hangs keeps it for
/// half a minute.
const THREADS: usize = 32;

/// A run that fails tries so many addresses at most; the system's resolver puts the best first.
const MOST_ADDRESSES: usize = 4;

const HOSTS_FILE: &str = "/etc/hosts";

type LookUp = fn(&str, u16) -> io::Result<Vec<SocketAddr>>;

/// Resolves names on a bounded number of threads. A clone shares them.
#[derive(Clone, Debug)]
pub(super) struct Resolver {
    threads: Arc<Semaphore>,
    look_up: LookUp,
}

impl Default for Resolver {
    fn default() -> Self {
        Self { threads: Arc::new(Semaphore::new(THREADS)), look_up }
    }
}

#[derive(Debug)]
pub(super) struct Resolved {
    /// At least one.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) took: Duration,
}

impl Resolver {
    /// The addresses of `name`, or what it means that there are none within `limit`. The wait for a
    /// thread is nobody's lateness: it does not count.
    pub(super) async fn resolve(
        &self,
        name: &Name,
        port: u16,
        limit: Duration,
    ) -> Result<Resolved, Outcome> {
        let host = name.to_host();
        let late =
            |what: &str| fault::ours(format!("{host}: {what} within {}", fault::shown(limit)));
        let permit = timeout(limit, Arc::clone(&self.threads).acquire_owned())
            .await
            .map_err(|_| late("no resolver thread became free"))?
            .map_err(|_| fault::ours("livezone is stopping"))?;
        let start = Instant::now();
        let (look_up, asked) = (self.look_up, host.clone());
        let thread = task::spawn_blocking(move || {
            let found = look_up(&asked, port);
            // Given back by the thread, not by the run: a run may end long before its thread.
            drop(permit);
            found
        });
        let found = timeout(limit, thread)
            .await
            .map_err(|_| late("the resolver did not answer"))?
            .map_err(|_| fault::ours(format!("{host}: resolver thread failed (internal error)")))?;
        let addresses = judge(&host, found)?;
        Ok(Resolved { addresses, took: start.elapsed() })
    }
}

fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    // A machine without the file has no hosts of its own.
    let file = fs::read(HOSTS_FILE).unwrap_or_default();
    let listed = listed(&String::from_utf8_lossy(&file), host);
    if !listed.is_empty() {
        return Ok(listed.into_iter().map(|address| SocketAddr::new(address, port)).collect());
    }
    Ok((format!("{host}."), port).to_socket_addrs()?.collect())
}

/// The addresses of `host` in the text of a hosts file.
fn listed(text: &str, host: &str) -> Vec<IpAddr> {
    let line = |line: &str| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    };
    text.lines().filter_map(line).collect()
}

/// | the resolver | evidence |
/// |---|---|
/// | gave addresses that can be connected to | they are |
/// | gave none, or said that there is no such name, or none with an address | of failure |
/// | anything else: could not ask, was not answered, was refused | none |
fn judge(host: &str, found: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>, Outcome> {
    let found = found.map_err(|error| {
        let words = words(&error);
        let reason = format!("{host}: {}", words.to_lowercase());
        if NO_SUCH_NAME.contains(&&*words) { fault::theirs(reason) } else { fault::ours(reason) }
    })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        let ip = address.ip().to_canonical();
        if !ip.is_unspecified() && !ip.is_multicast() && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(fault::theirs(format!("{host}: no usable address")));
    }
    addresses.truncate(MOST_ADDRESSES);
    Ok(addresses)
}

/// What C libraries say of a name that does not exist or has no address: glibc's two, musl's two.
/// The standard library passes on the words, not the number; no locale is ever set here.
const NO_SUCH_NAME: [&str; 4] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "Name has no usable address",
];

/// The C library's words without those that the standard library puts before them.
fn words(error: &io::Error) -> String {
    // The C library's are for people; the system's come with a number.
    let words = error.get_ref().map_or_else(|| fault::words(error), ToString::to_string);
    words.rsplit_once(": ").map_or(words.clone(), |(_, last)| last.to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::thread;

    use super::*;
    use crate::model::health::Finding;

    const PATIENCE: Duration = Duration::from_secs(5);
    const SHORT: Duration = Duration::from_millis(50);

    fn with(threads: usize, look_up: LookUp) -> Resolver {
        Resolver { threads: Arc::new(Semaphore::new(threads)), look_up }
    }

    fn name(text: &str) -> Name {
        Name::parse_host(text).unwrap()
    }

    fn said(words: &str) -> Outcome {
        let error = io::Error::other(format!("failed to lookup address information: {words}"));
        judge("db.example", Err(error)).unwrap_err()
    }

    #[test]
    fn a_name_that_does_not_exist_or_has_no_address_is_a_failure() {
        for words in NO_SUCH_NAME {
            assert_eq!(said(words).finding, Finding::Fail, "{words}");
        }
        assert_eq!(&*said(NO_SUCH_NAME[0]).reason, "db.example: name or service not known");
        assert_eq!(judge("db.example", Ok(Vec::new())).unwrap_err().finding, Finding::Fail);
    }

    #[test]
    fn a_resolver_that_could_not_say_is_no_evidence() {
        for words in [
            "Temporary failure in name resolution",
            "Non-recoverable failure in name resolution",
            "Memory allocation failure",
            "Try again",
            "anything else",
        ] {
            assert_eq!(said(words).finding, Finding::Nothing, "{words}");
        }
        let no_file = io::Error::from_raw_os_error(nix::errno::Errno::EMFILE as i32);
        let outcome = judge("db.example", Err(no_file)).unwrap_err();
        assert_eq!(outcome.finding, Finding::Nothing);
        assert_eq!(&*outcome.reason, "db.example: too many open files (local error)");
    }

    #[test]
    fn what_nobody_can_connect_to_is_left_out_and_the_rest_is_bounded() {
        let at = |last| SocketAddr::from(([192, 0, 2, last], 80));
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 80));
        let found = judge("db.example", Ok(vec![nowhere, at(1), at(1), at(2)])).unwrap();
        assert_eq!(found, [at(1), at(2)]);
        assert_eq!(judge("db.example", Ok(vec![nowhere])).unwrap_err().finding, Finding::Fail);
        let many = judge("db.example", Ok((0..50).map(at).collect())).unwrap();
        assert_eq!(many, [at(0), at(1), at(2), at(3)]);
    }

    #[test]
    fn a_hosts_file_is_read_as_the_system_reads_it() {
        let text = "# 192.0.2.9 db\n192.0.2.1\tDB.example db # other\n::1 localhost db\nbad db\n";
        let addresses = |host| listed(text, host).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(addresses("db"), ["192.0.2.1", "::1"]);
        assert_eq!(addresses("db.EXAMPLE"), ["192.0.2.1"]);
        assert_eq!(addresses("other"), Vec::<String>::new());
    }

    #[tokio::test]
    async fn the_systems_own_hosts_are_found() {
        let found = Resolver::default().resolve(&name("localhost"), 80, PATIENCE).await.unwrap();
        assert!(found.addresses.iter().all(|a| a.ip().is_loopback() && a.port() == 80));
    }

    #[tokio::test]
    async fn a_resolver_that_hangs_is_no_evidence_and_keeps_no_more_threads_than_it_has() {
        let resolver = with(1, |_, _| {
            thread::sleep(Duration::from_millis(300));
            Ok(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 80))])
        });
        let hung = resolver.resolve(&name("db.example"), 80, SHORT).await.unwrap_err();
        assert_eq!(hung.finding, Finding::Nothing, "{hung:?}");
        assert!(hung.reason.contains("did not answer within 50ms"), "{hung:?}");
        let waited = resolver.resolve(&name("db.example"), 80, SHORT).await.unwrap_err();
        assert!(waited.reason.contains("no resolver thread became free"), "{waited:?}");
        assert_eq!(waited.finding, Finding::Nothing);
        // A thread that ends is free again, and the wait for it was not the next run's.
        let found = resolver.resolve(&name("db.example"), 80, PATIENCE).await.unwrap();
        assert!(found.took < Duration::from_secs(1), "{found:?}");
    }

    #[tokio::test]
    async fn a_resolver_that_panics_is_no_evidence() {
        let resolver = with(1, |_, _| panic!("a test's own"));
        let outcome = resolver.resolve(&name("db.example"), 80, PATIENCE).await.unwrap_err();
        assert_eq!(outcome.finding, Finding::Nothing);
        assert_eq!(resolver.threads.available_permits(), 1);
    }
}
