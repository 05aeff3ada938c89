//! Tells the supervisor that started us how we are: the datagrams of `sd_notify(3)`.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tracing::warn;

use crate::metrics::Metrics;
use crate::model::health::Condition;

/// A supervisor that does not read must not hold us up for long.
const PATIENCE: Duration = Duration::from_secs(1);
/// What comes after `shutdown_grace`: the listeners finish what they have read.
const AFTER_GRACE: Duration = Duration::from_secs(10);

/// Why the supervisor that the environment names cannot be told anything.
#[derive(Debug, thiserror::Error)]
#[error("cannot use NOTIFY_SOCKET={}: set it to an absolute path or @NAME, or unset it", name.display())]
pub struct SupervisorError {
    pub name: OsString,
    pub source: io::Error,
}

/// Who started us and wants to know how we are; by default nobody.
#[derive(Debug, Default)]
pub struct Supervisor {
    line: Option<Line>,
    watchdog: Option<Duration>,
    /// Whether it was told that we are ready. Before that it waits for nothing else.
    told_ready: AtomicBool,
}

#[derive(Debug)]
struct Line {
    socket: UnixDatagram,
    /// Each datagram names it: a supervisor may make its socket anew while we run.
    address: SocketAddr,
}

impl Supervisor {
    /// What `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` say to the process `pid`. Without
    /// the first there is nobody to tell.
    pub fn of(
        environment: &dyn Fn(&str) -> Option<OsString>,
        pid: u32,
    ) -> Result<Self, SupervisorError> {
        let Some(name) = environment("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
            return Ok(Self::default());
        };
        let line = Line::to(&name).map_err(|source| SupervisorError { name, source })?;
        let number = |name| environment(name)?.to_str()?.parse::<u64>().ok();
        // The variables are inherited: another process may be meant.
        let ours = number("WATCHDOG_PID").is_none_or(|meant| meant == u64::from(pid));
        // Half of it is waited for, so it has two halves.
        let watchdog = number("WATCHDOG_USEC").filter(|&usec| ours && usec > 1);
        let watchdog = watchdog.map(Duration::from_micros);
        Ok(Self { line: Some(line), watchdog, told_ready: AtomicBool::new(false) })
    }

    /// How long it goes without hearing from us before it believes us dead.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// No service waits for its first outcomes any more.
    pub(super) fn ready(&self, status: &str) {
        self.told_ready.store(true, Ordering::Relaxed);
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Everything is read again, beginning `at` that time of the machine's monotonic clock.
    pub(super) fn reloading(&self, at: Duration) {
        if self.told_ready.load(Ordering::Relaxed) {
            let usec = at.as_micros();
            self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={usec}\nSTATUS=reloading"));
        }
    }

    /// Everything was read again. One that waits for our start takes `READY=1` for its end.
    pub(super) fn reloaded(&self, status: &str) {
        if self.told_ready.load(Ordering::Relaxed) {
            self.ready(status);
        }
    }

    /// We drain for `grace` and then end; its own patience may be shorter.
    pub(super) fn stopping(&self, grace: Duration) {
        let usec = grace.saturating_add(AFTER_GRACE).as_micros();
        self.tell(&format!(
            "STOPPING=1\nEXTEND_TIMEOUT_USEC={usec}\nSTATUS=draining for {grace:?}"
        ));
    }

    pub(super) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    pub(super) fn status(&self, status: &str) {
        self.tell(&format!("STATUS={status}"));
    }

    fn tell(&self, message: &str) {
        let Some(Line { socket, address }) = &self.line else { return };
        if let Err(error) = socket.send_to_addr(message.as_bytes(), address) {
            warn!(%error, "cannot notify the service manager");
        }
    }
}

impl Line {
    fn to(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().split_first() {
            // An abstract socket, which has no place in the file system.
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            Some((b'/', _)) => SocketAddr::from_pathname(name)?,
            _ => return Err(io::ErrorKind::Unsupported.into()),
        };
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { socket, address })
    }
}

/// What `systemctl status` shows of us.
pub(super) fn status(metrics: &Metrics) -> String {
    let counts = Condition::ALL.map(|condition| (metrics.instances(condition), condition.word()));
    let present = counts.into_iter().filter(|(count, _)| *count > 0);
    let instances: Vec<_> = present.map(|(count, word)| format!("{count} {word}")).collect();
    let instances = if instances.is_empty() { "none".to_owned() } else { instances.join(", ") };
    format!("services: {}; instances: {instances}", metrics.services())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the supervisor of these variables hears in the end.
    fn heard(socket: &UnixDatagram) -> Vec<String> {
        socket.set_nonblocking(true).unwrap();
        let mut buffer = [0; 1000];
        let next = || socket.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec());
        std::iter::from_fn(next).map(|octets| String::from_utf8(octets).unwrap()).collect()
    }

    fn supervisor(pairs: &[(&str, &OsStr)]) -> Result<Supervisor, SupervisorError> {
        let environment = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Supervisor::of(&environment, 7)
    }

    #[test]
    fn a_socket_of_either_kind_hears_every_message() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("livezone test {}", path.display());
        let hidden = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&hidden).unwrap();
        let at_name = OsString::from(format!("@{name}"));
        for (socket, name) in [(by_path, path.as_os_str()), (by_name, &at_name)] {
            let supervisor = supervisor(&[("NOTIFY_SOCKET", name)]).unwrap();
            supervisor.ready("all is well");
            supervisor.reloading(Duration::from_micros(1_234_567));
            supervisor.reloaded("still");
            supervisor.alive();
            supervisor.status("so");
            supervisor.stopping(Duration::from_secs(5));
            let expected = [
                "READY=1\nSTATUS=all is well",
                "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reloading",
                "READY=1\nSTATUS=still",
                "WATCHDOG=1",
                "STATUS=so",
                "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\nSTATUS=draining for 5s",
            ];
            assert_eq!(heard(&socket), expected);
        }
    }

    #[test]
    fn a_reload_before_the_first_round_is_over_does_not_end_the_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let supervisor = supervisor(&[("NOTIFY_SOCKET", path.as_os_str())]).unwrap();
        supervisor.reloading(Duration::ZERO);
        supervisor.reloaded("early");
        assert_eq!(heard(&socket), Vec::<String>::new());
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let period = |variables: &[(&str, &str)]| {
            let socket = [("NOTIFY_SOCKET", OsStr::new("/run/notify"))];
            let others = variables.iter().map(|(name, value)| (*name, OsStr::new(*value)));
            supervisor(&socket.into_iter().chain(others).collect::<Vec<_>>()).unwrap().watchdog()
        };
        let minute = Some(Duration::from_secs(60));
        assert_eq!(period(&[("WATCHDOG_USEC", "60000000")]), minute);
        assert_eq!(period(&[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "7")]), minute);
        assert_eq!(period(&[("WATCHDOG_USEC", "60000000"), ("WATCHDOG_PID", "8")]), None);
        for nothing in ["", "0", "1", "soon"] {
            assert_eq!(period(&[("WATCHDOG_USEC", nothing)]), None, "{nothing}");
        }
        assert_eq!(period(&[]), None);
    }

    #[test]
    fn without_a_supervisor_nobody_is_told_and_one_that_cannot_be_reached_is_named() {
        let nobody = supervisor(&[("WATCHDOG_USEC", OsStr::new("60000000"))]).unwrap();
        assert!(nobody.line.is_none() && nobody.watchdog().is_none());
        nobody.ready("all is well");
        let error = supervisor(&[("NOTIFY_SOCKET", OsStr::new("vsock:2:1"))]).unwrap_err();
        assert!(error.to_string().contains("NOTIFY_SOCKET=vsock:2:1"), "{error}");
    }

    #[test]
    fn the_line_for_people_counts_services_and_instances_by_state() {
        let metrics = Metrics::new("0");
        assert_eq!(status(&metrics), "services: 0; instances: none");
        metrics.set_services(2);
        metrics.set_instances(Condition::Passing, 3);
        metrics.set_instances(Condition::Critical, 1);
        assert_eq!(status(&metrics), "services: 2; instances: 3 passing, 1 critical");
    }
}
