//! What is asked of an instance, how often, and what counts as an answer.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::model::health::Verdict;
use crate::model::name::Name;

/// Of `ttl = "auto"` where only heartbeats can change an answer.
const MOST_OF_HEARTBEATS: Duration = Duration::from_secs(5);

/// How the state of a target is found out. Shared by all the instances it is run against.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// An HTTP/1.1 exchange on a connection of its own.
    Http(Arc<HttpCheck>),
    Tcp(TcpCheck),
    Grpc(GrpcCheck),
    Script(ScriptCheck),
    /// Nothing is asked: another instance's state is taken over.
    Alias(AliasCheck),
    /// Nothing is asked: the instance tells, at least once in this time.
    Ttl(Duration),
}

impl Kind {
    pub fn word(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Grpc(_) => "grpc",
            Self::Script(_) => "script",
            Self::Alias(_) => "alias",
            Self::Ttl(_) => "ttl",
        }
    }

    /// The id, folded, of the instances whose state it takes over.
    pub fn followed(&self) -> Option<&Arc<str>> {
        match self {
            Self::Alias(alias) => Some(&alias.instance),
            Self::Http(_) | Self::Tcp(_) | Self::Grpc(_) | Self::Script(_) | Self::Ttl(_) => None,
        }
    }

    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Http(http) => http.port,
            Self::Tcp(tcp) => tcp.port,
            Self::Grpc(grpc) => grpc.port,
            Self::Script(_) | Self::Alias(_) | Self::Ttl(_) => None,
        }
    }
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
    /// In the order written; a `Host` among them wins over `host`.
    pub headers: Headers,
    pub body: String,
    /// The statuses that pass; `None` is 200–299, with 429 a warning.
    pub expect_status: Option<StatusSet>,
    /// What the first 64 KiB of the answer's body must match. Without it the body is not read.
    pub expect_body: Option<Pattern>,
    /// Where to connect instead of the instance (`connect = "url"`).
    pub connect: Option<SocketAddr>,
}

/// Names and values of header lines. The values may be secrets: they stand in no log and no panic
/// message.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    /// Whether one has this name, in any case.
    pub fn have(&self, wanted: &str) -> bool {
        self.0.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(name, _)| (name, "…"))).finish()
    }
}

/// `tcp = …`.
#[derive(Clone, Debug, PartialEq)]
pub struct TcpCheck {
    /// The port; `None` is the instance's.
    pub port: Option<u16>,
    /// `tcp_use_tls`: the handshake must succeed too.
    pub tls: Option<Arc<TlsOptions>>,
}

/// `grpc = …`: `grpc.health.v1.Health/Check` over HTTP/2.
#[derive(Clone, Debug, PartialEq)]
pub struct GrpcCheck {
    /// `grpc_use_tls`.
    pub tls: Option<Arc<TlsOptions>>,
    /// The `:authority` as `host:port`; `None` is the target's own address and port.
    pub authority: Option<Arc<str>>,
    /// The port; `None` is the instance's.
    pub port: Option<u16>,
    /// The service asked about; the empty string is the server as a whole.
    pub service: Arc<str>,
}

/// `args = …`. No shell has a part in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptCheck {
    pub program: Arc<str>,
    pub arguments: Arc<[String]>,
}

/// `alias_service = …` of Consul definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasCheck {
    /// The id, folded, of an instance of any service in the same zone.
    pub instance: Arc<str>,
}

impl AliasCheck {
    /// Follows the instance called `id`, in any case.
    pub fn of(id: &str) -> Self {
        Self { instance: id.to_ascii_lowercase().into() }
    }
}

/// `[health] script_checks`: whether local files may have commands run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scripts {
    #[default]
    Refused,
    Allowed,
}

/// How a TLS server is verified, and who we are to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsOptions {
    pub skip_verify: bool,
    /// SNI and the name in the certificate; `None` is the URL's host, else the address.
    pub server_name: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub client: Option<ClientFiles>,
}

/// A client certificate (`tls_cert_file`) and its key (`tls_key_file`), both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientFiles {
    pub cert: PathBuf,
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
    /// After so long without being fit the instance is deregistered; one of a file is served by no
    /// policy from then on, until it is fit again.
    pub deregister_after: Option<Duration>,
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
            deregister_after: None,
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
    pub id: Arc<str>,
    /// How it asks.
    pub kind: Arc<Kind>,
    /// When, and how many outcomes decide.
    pub policy: Arc<Policy>,
    /// The verdict to start from (`status`); `None` is unknown.
    pub initial: Option<Verdict>,
}

impl Check {
    /// How long an answer may be kept that this check can make wrong: its part of `ttl = "auto"`.
    pub fn settled_for(&self, min_ttl: Duration) -> Duration {
        match &*self.kind {
            Kind::Ttl(ttl) => (*ttl / 3).min(MOST_OF_HEARTBEATS).max(min_ttl),
            Kind::Http(_) | Kind::Tcp(_) | Kind::Grpc(_) | Kind::Script(_) | Kind::Alias(_) => {
                self.policy.confirmation().saturating_add(min_ttl)
            }
        }
    }
}

/// One run of one check against one address or host: all that the rim needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub question: Question,
    pub policy: Arc<Policy>,
    /// Where it asks from. A script's own connections are its own affair.
    pub sources: Sources,
}

/// What is asked, and of whom. A check of the same question goes on where the old one was.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    Network(Protocol, CheckTarget),
    /// Of a command that is told whom it is about.
    Script(ScriptCheck, Subject),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Protocol {
    Http(Arc<HttpCheck>),
    Tcp(TcpCheck),
    Grpc(GrpcCheck),
}

impl Question {
    /// Every word, for metrics that show all families from the start.
    pub const WORDS: [&'static str; 4] = ["http", "tcp", "grpc", "script"];

    pub fn word(&self) -> &'static str {
        match self {
            Self::Network(Protocol::Http(_), _) => "http",
            Self::Network(Protocol::Tcp(_), _) => "tcp",
            Self::Network(Protocol::Grpc(_), _) => "grpc",
            Self::Script(..) => "script",
        }
    }
}

/// Where a check connects to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckTarget {
    /// Here, and nowhere else.
    Address(SocketAddr),
    /// To the host of this name, which is resolved anew for each run.
    Host {
        /// Never a name of a zone that we serve: `registry` sees to it.
        name: Name,
        port: u16,
    },
}

impl CheckTarget {
    /// What stands in a `Host` header that the check does not set.
    pub fn authority(&self) -> String {
        match self {
            // Not the target's own text, which would hold a scope after an IPv6 address.
            Self::Address(address) => SocketAddr::new(address.ip(), address.port()).to_string(),
            Self::Host { name, port } => format!("{}:{port}", name.to_host()),
        }
    }
}

/// Whom a script is about, as its environment says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// `LIVEZONE_SERVICE`
    pub service: Arc<str>,
    /// `LIVEZONE_INSTANCE`
    pub instance: Arc<str>,
    /// `LIVEZONE_ADDRESS`; of an external instance the host name.
    pub address: Arc<str>,
    /// `LIVEZONE_PORT`, not set for an instance without one.
    pub port: Option<u16>,
}

/// The addresses to connect from (`[health] source`); `None` is the system's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    pub v4: Option<Ipv4Addr>,
    pub v6: Option<Ipv6Addr>,
}

impl Sources {
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
