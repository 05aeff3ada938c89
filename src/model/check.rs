//! What is asked of an instance, how often, and what counts as an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::health::Verdict;
use crate::model::name::Name;

/// How one target is asked. Shared by all the instances it is run against.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// An HTTP/1.1 exchange on a connection of its own.
    Http(Box<HttpCheck>),
    /// A TCP connection, over TLS or not.
    Tcp(TcpCheck),
}

impl Kind {
    /// The key that chooses this kind in files, and its label in metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
        }
    }

    /// Every word, for metrics that show all families from the start.
    pub const WORDS: [&'static str; 2] = ["http", "tcp"];
}

/// `http = …`. The connection goes to the instance's address whatever the URL's host says, but
/// for `connect`.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpCheck {
    /// `Some` for `https`.
    pub tls: Option<Arc<TlsOptions>>,
    /// The `Host` header as `host[:port]`; `None` is the target's own address and port.
    pub host: Option<String>,
    /// The port; `None` is the instance's.
    pub port: Option<u16>,
    /// The path and query, beginning with `/`.
    pub path: String,
    /// The method, upper case.
    pub method: String,
    /// Headers in the order written; a `Host` among them wins over `host`.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: String,
    /// The statuses that pass; `None` is 200–299, with 429 a warning.
    pub expect_status: Option<StatusSet>,
    /// What the first 64 KiB of the answer's body must match. Without it the body is not read.
    pub expect_body: Option<Pattern>,
    /// Where to connect instead of the instance (`connect = "url"`).
    pub connect: Option<SocketAddr>,
}

/// `tcp = …`.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpCheck {
    /// The port; `None` is the instance's.
    pub port: Option<u16>,
    /// `tcp_use_tls`: the handshake must succeed too.
    pub tls: Option<Arc<TlsOptions>>,
}

/// How a TLS server is verified, and who we are to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    /// Any certificate is good.
    pub skip_verify: bool,
    /// SNI and the name in the certificate; `None` is the URL's host, else the address.
    pub server_name: Option<String>,
    /// Trust anchors in PEM instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain in PEM and its key.
    pub client: Option<ClientFiles>,
}

/// A client certificate (`tls_cert_file`) and its key (`tls_key_file`), both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientFiles {
    /// The chain, our own certificate first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// Codes and ranges, as `"200-299,304"` says them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet(pub Vec<(u16, u16)>);

impl StatusSet {
    /// Whether one of the ranges holds `status`.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|&(low, high)| (low..=high).contains(&status))
    }
}

/// A regular expression that equals another when its text does.
#[derive(Clone, Debug)]
pub struct Pattern(pub regex::bytes::Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// The thresholds and times of one check, every default applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// From start to start while settled.
    pub interval: Duration,
    /// One run's length; at most `interval`.
    pub timeout: Duration,
    /// From the end of a run to the next start while suspect or recovering; at most `interval`.
    pub fast_interval: Duration,
    /// Failures that take a passing target out; as many successes in a row clear the counter.
    pub failures_before_critical: u32,
    /// Failures from which a served target is shown as warning; at most the one above.
    pub failures_before_warning: u32,
    /// Successes in a row that bring a critical target back; 1 for the very first outcome.
    pub success_before_passing: u32,
    /// HTTP statuses that count as all the failures at once.
    pub immediate_status: Vec<u16>,
}

impl Default for Policy {
    /// The defaults of `[health]`.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(2),
            fast_interval: Duration::from_millis(250),
            failures_before_critical: 3,
            failures_before_warning: 3,
            success_before_passing: 2,
            immediate_status: Vec::new(),
        }
    }
}

impl Policy {
    /// The time from the first failed outcome to the last that removes, when each fails at once:
    /// D2 of the TTL rule.
    pub fn confirmation(&self) -> Duration {
        self.fast_interval.saturating_mul(self.failures_before_critical.saturating_sub(1))
    }

    /// The longest from a death to its removal: a whole interval, then every failure a timeout.
    pub fn detection(&self) -> Duration {
        let timeouts = self.timeout.saturating_mul(self.failures_before_critical);
        self.interval.saturating_add(timeouts).saturating_add(self.confirmation())
    }
}

/// A check of one instance, every default applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Unique among the instance's checks.
    pub id: Arc<str>,
    /// How it asks.
    pub kind: Arc<Kind>,
    /// When, and how many outcomes decide.
    pub policy: Arc<Policy>,
    /// The verdict to start from (`status`); `None` is unknown.
    pub initial: Option<Verdict>,
}

/// One run of one check against one address or host: all that the rim needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// How it asks.
    pub kind: Arc<Kind>,
    /// Where the connection goes.
    pub target: Target,
    /// Times and statuses.
    pub policy: Arc<Policy>,
    /// Where it asks from.
    pub sources: Sources,
}

/// Where a check connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Here, and nowhere else.
    Address(SocketAddr),
    /// To the host of this name, which is resolved anew for each run.
    Host {
        /// Never a name of a zone that we serve: `registry` sees to it.
        name: Name,
        /// The check's or the instance's.
        port: u16,
    },
}

impl Target {
    /// What stands in a `Host` header that the check does not set.
    pub fn authority(&self) -> String {
        match self {
            // Not the target's own text, which would hold a scope after an IPv6 address.
            Self::Address(address) => SocketAddr::new(address.ip(), address.port()).to_string(),
            Self::Host { name, port } => format!("{}:{port}", name.to_host()),
        }
    }
}

/// The addresses to connect from (`[health] source`); `None` is the system's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "one a family")]
pub struct Sources {
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

impl Sources {
    /// The first of each family.
    pub fn of(addresses: &[IpAddr]) -> Self {
        let mut sources = Self::default();
        for address in addresses {
            match address {
                IpAddr::V4(v4) => sources.v4 = sources.v4.or(Some(*v4)),
                IpAddr::V6(v6) => sources.v6 = sources.v6.or(Some(*v6)),
            }
        }
        sources
    }

    /// The one to reach `target` from.
    pub fn for_target(self, target: IpAddr) -> Option<IpAddr> {
        match target {
            IpAddr::V4(_) => self.v4.map(IpAddr::V4),
            IpAddr::V6(_) => self.v6.map(IpAddr::V6),
        }
    }
}
