//! What is counted of connections, those of DNS and those of HTTP.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// By the client, or on the way.
    Client,
    /// No message began in time, or of HTTP was no request's head whole.
    Idle,
    /// A message was not whole in time.
    Message,
    /// An answer was not taken in time.
    Unread,
    /// What came was no query, or no request.
    Malformed,
    /// It had asked as much as one connection may.
    Queries,
    /// The same of HTTP.
    Requests,
    /// Another took its place.
    Limit,
    /// The server ends.
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

    /// The label.
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
    /// A connection was accepted.
    pub fn opened(&self) {
        self.open.inc();
    }

    /// A connection is gone.
    pub fn gone(&self) {
        self.open.dec();
    }

    /// Why a connection is going.
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
