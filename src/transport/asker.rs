//! Who asks, as far as the message shows: whether the sender is proved, and how much it takes.

use std::net::IpAddr;
use std::time::Duration;

use crate::metrics::dns::Transport;
use crate::metrics::limited::{Action, Class};
use crate::model::time::Instant;
use crate::snapshot::{Rules, Snapshot};
use crate::transport::message::Received;
use crate::transport::worker::Worker;
use crate::wire::options::{Edns, Granted};
use crate::wire::reply::Limits;

pub(super) struct Asker {
    client: IpAddr,
    now: Instant,
    /// The sender is who it says: a valid cookie proves it as a connection does.
    pub(super) is_proved: bool,
    /// How large its answer may be, and what the OPT record of it grants.
    pub(super) limits: Limits,
}

impl Asker {
    /// Who sent `received`, which holds this OPT record.
    pub(super) fn of(received: &Received<'_>, snapshot: &Snapshot, edns: Option<Edns>) -> Self {
        let (rules, client) = (&snapshot.rules, received.peer.ip());
        let options = edns.map(|edns| edns.options).unwrap_or_default();
        let judge = |cookie| rules.cookies.judge(cookie, client, received.now);
        let verdict = options.cookie.and_then(judge);
        let limits = match received.transport {
            Transport::Udp => Limits::udp(edns, rules.udp_max_size),
            Transport::Tcp => Limits::tcp(rules.udp_max_size),
        };
        let granted = Granted {
            cookie: options.cookie.zip(verdict).map(|(cookie, verdict)| verdict.answers(cookie)),
            keepalive: received.idle.filter(|_| options.keepalive).map(tenths),
        };
        Self {
            client,
            now: received.now.mono,
            is_proved: verdict.is_some_and(|verdict| verdict.is_valid),
            limits: limits.granting(granted),
        }
    }

    /// What is to be done with an answer of this class instead of just sending it.
    pub(super) fn limit(&self, worker: &mut Worker, rules: &Rules, class: Class) -> Option<Action> {
        if self.is_proved {
            return None;
        }
        worker.limit((self.client, self.now), rules, class)
    }
}

/// RFC 7828 section 3.1 counts in units of 100 milliseconds.
fn tenths(idle: Duration) -> u16 {
    u16::try_from(idle.as_millis() / 100).unwrap_or(u16::MAX)
}
