//! What is counted of connections, those of DNS and those of HTTP.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    Client,
    /// No message began in time, or of HTTP was no request's head whole.
    Idle,
    Message,
    Unread,
    Malformed,
    Queries,
    Requests,
    Limit,
    Stop,
}

impl Closed {
    pub(super) const DNS: &[Self] = &[
        Self::Client,
        Self::Idle,
        Self::Message,
        Self::Unread,
        Self::Malformed,
        Self::Queries,
        Self::Limit,
        Self::Stop,
    ];
    pub(super) const HTTP: &[Self] = &[
        Self::Client,
        Self::Idle,
        Self::Unread,
        Self::Malformed,
        Self::Requests,
        Self::Limit,
        Self::Stop,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Idle => "idle",
            Self::Message => "message",
            Self::Unread => "unread",
            Self::Malformed => "malformed",
            Self::Queries => "queries",
            Self::Requests => "requests",
            Self::Limit => "limit",
            Self::Stop => "stop",
        }
    }
}

/// Both families of one transport; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    open: Gauge,
    closed: Family<[(&'static str, &'static str); 1], Counter>,
}

impl Connections {
    pub fn opened(&self) {
        self.open.inc();
    }

    pub fn gone(&self) {
        self.open.dec();
    }

    pub fn closed(&self, why: Closed) {
        self.closed.get_or_create(&[("reason", why.word())]).inc();
    }

    /// Every reason at zero: a family without samples is not shown.
    pub(super) fn with(reasons: &[Closed]) -> Self {
        let this = Self::default();
        for why in reasons {
            drop(this.closed.get_or_create(&[("reason", why.word())]));
        }
        this
    }

    /// Registers them under these names, what is open first.
    pub(super) fn register(&self, to: &mut Registry, [open, closed]: [&str; 2], of: &str) {
        to.register(open, format!("{of} connections open"), self.open.clone());
        to.register(closed, format!("{of} connections closed, by reason"), self.closed.clone());
    }
}
