//! The services of the soak, and what is known of each instance at a moment.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// From start to start of a check that passes.
const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_millis(500);
const FAST_INTERVAL: Duration = Duration::from_millis(200);

/// The promise of the README: the interval, three timeouts and two fast intervals at worst.
pub(crate) const DETECTION: Duration = INTERVAL
    .saturating_add(TIMEOUT.saturating_mul(3))
    .saturating_add(FAST_INTERVAL.saturating_mul(2));

/// Two successes in a row, each an interval after the last run's end, which may be a timeout.
pub(crate) const RECOVERY: Duration =
    INTERVAL.saturating_mul(2).saturating_add(TIMEOUT.saturating_mul(3));

/// A changed file is served within 100 ms of being complete.
pub(crate) const PUBLICATION: Duration = Duration::from_millis(100);

/// What two cores with other work may add before an answer counts as wrong.
pub(crate) const SLACK: Duration = Duration::from_secs(3);

const INSTANCES: usize = 3;

/// How its backend is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Http,
    Tcp,
}

/// A fact, and since when it is one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    pub(crate) holds: bool,
    pub(crate) since: Instant,
}

impl Since {
    fn new(holds: bool, since: Instant) -> Self {
        Self { holds, since }
    }

    fn set(&mut self, holds: bool, now: Instant) {
        if self.holds != holds {
            *self = Self::new(holds, now);
        }
    }

    /// Whether it has been so for longer than `wait` at `moment`.
    pub(crate) fn held(self, holds: bool, wait: Duration, moment: Instant) -> bool {
        self.holds == holds && self.since + wait < moment
    }
}

/// What is known of an instance.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Knowledge {
    /// Its backend does what the check wants.
    pub(crate) fit: Since,
    /// A file names it.
    pub(crate) registered: Since,
}

impl Knowledge {
    /// Whether an answer to a question of that moment must hold it.
    pub(crate) fn must_be_served(&self, asked: Instant) -> bool {
        let registered = self.registered.held(true, PUBLICATION + RECOVERY + SLACK, asked);
        registered && self.fit.held(true, RECOVERY + SLACK, asked)
    }

    /// Whether no answer to a question of that moment may hold it.
    pub(crate) fn must_not_be_served(&self, asked: Instant) -> bool {
        let gone = self.registered.held(false, PUBLICATION + SLACK, asked);
        gone || self.fit.held(false, DETECTION + SLACK, asked)
    }

    /// For how long its backend has been dead.
    pub(crate) fn dead_for(&self, asked: Instant) -> Duration {
        let dead = asked.saturating_duration_since(self.fit.since);
        if self.fit.holds { Duration::ZERO } else { dead }
    }
}

/// One instance: its address is nobody else's.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) address: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) known: Mutex<Knowledge>,
}

impl Instance {
    pub(crate) fn known(&self) -> Knowledge {
        *self.known.lock().unwrap()
    }

    pub(crate) fn set_fit(&self, fit: bool, now: Instant) {
        self.known.lock().unwrap().fit.set(fit, now);
    }

    pub(crate) fn set_registered(&self, registered: bool, now: Instant) {
        self.known.lock().unwrap().registered.set(registered, now);
    }
}

/// One service: its file is its own.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) instances: Vec<Instance>,
    /// A file names it.
    pub(crate) registered: Mutex<Since>,
}

impl Service {
    /// Number `n`, with the ports of its backends.
    pub(crate) fn new(n: u8, ports: &[u16], now: Instant) -> Self {
        let known = Knowledge { fit: Since::new(true, now), registered: Since::new(true, now) };
        let instance = |(i, port): (u8, &u16)| Instance {
            id: format!("s{n}-{i}"),
            address: address(n, i),
            port: *port,
            known: Mutex::new(known),
        };
        Self {
            name: format!("s{n}"),
            kind: if n.is_multiple_of(2) { Kind::Http } else { Kind::Tcp },
            instances: (0..).zip(ports).map(instance).collect(),
            registered: Mutex::new(Since::new(true, now)),
        }
    }

    pub(crate) fn registered(&self) -> Since {
        *self.registered.lock().unwrap()
    }

    pub(crate) fn set_registered(&self, registered: bool, now: Instant) {
        self.registered.lock().unwrap().set(registered, now);
    }

    /// Its file, with the instances that are registered.
    pub(crate) fn text(&self) -> String {
        let check = match self.kind {
            Kind::Http => "http = \"/\"",
            Kind::Tcp => "tcp = true",
        };
        let mut text = format!(
            "[[service]]\nname = \"{0}\"\nmeta = {{ name = \"{0}\" }}\n[[service.check]]\n{check}\n",
            self.name
        );
        for (key, time) in
            [("interval", INTERVAL), ("timeout", TIMEOUT), ("fast_interval", FAST_INTERVAL)]
        {
            writeln!(text, "{key} = \"{}ms\"", time.as_millis()).unwrap();
        }
        for (n, instance) in self.instances.iter().enumerate() {
            let Instance { id, address, port, .. } = instance;
            if instance.known().registered.holds {
                let head = "[[service.instance]]";
                writeln!(text, "{head}\nid = \"{id}\"\naddress = \"{address}\"").unwrap();
                writeln!(text, "port = {port}\ntags = [\"t{n}\"]").unwrap();
            }
        }
        text
    }
}

/// Of instance `i` of service `n`.
fn address(n: u8, i: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, 10, n, i + 1)
}

/// The addresses of a service's backends.
pub(crate) fn addresses(n: u8) -> [Ipv4Addr; INSTANCES] {
    [0, 1, 2].map(|i| address(n, i))
}
