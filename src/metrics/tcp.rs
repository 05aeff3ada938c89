//! What is counted of DNS connections.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// By the client, or on the way.
    Client,
    /// No message began in time.
    Idle,
    /// A message was not whole in time.
    Message,
    /// An answer was not taken in time.
    Unread,
    /// What came was no query.
    Malformed,
    /// It had asked as much as one connection may.
    Queries,
    /// Another took its place.
    Limit,
    /// The server ends.
    Stop,
}

impl Closed {
    const ALL: [Self; 8] = [
        Self::Client,
        Self::Idle,
        Self::Message,
        Self::Unread,
        Self::Malformed,
        Self::Queries,
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
            Self::Limit => "limit",
            Self::Stop => "stop",
        }
    }
}

/// Both families.
#[derive(Debug, Default)]
pub(super) struct TcpFamilies {
    pub(super) connections: Gauge,
    pub(super) closed: Family<[(&'static str, &'static str); 1], Counter>,
}

impl TcpFamilies {
    /// Registers them with every reason at zero: a family without samples is not shown.
    pub(super) fn register(&self, to: &mut Registry) {
        for why in Closed::ALL {
            drop(self.closed.get_or_create(&[("reason", why.word())]));
        }
        to.register("dns_tcp_connections", "DNS connections open", self.connections.clone());
        to.register("dns_tcp_closed", "DNS connections closed, by reason", self.closed.clone());
    }
}
