//! The configuration, checked, with every default of livezone.toml; and how both it and zone.toml
//! are read.

pub mod address;
pub mod consul;
pub mod cookies;
pub mod http;
pub mod livezone_toml;
pub mod policy;
pub mod rrl;
pub mod zone_toml;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::consul::Consul;
use crate::config::cookies::Cookies;
use crate::config::http::Http;
use crate::config::rrl::Rrl;
use crate::model::check::{Policy, Scripts};
use crate::model::networks::Networks;

/// What livezone.toml says, defaults applied. Flags and the environment are written over it, then
/// [`Config::check`] is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What survives a restart; relative to the working directory.
    pub state_dir: PathBuf,
    /// The zones' folders; relative to the working directory.
    pub zones_dir: PathBuf,
    /// How long DNS goes on answering after SIGTERM.
    pub shutdown_grace: Duration,
    /// `[dns]`
    pub dns: Dns,
    /// `[rrl]`
    pub rrl: Rrl,
    /// `[cookies]`
    pub cookies: Cookies,
    /// `[http]`
    pub http: Http,
    /// `[health]`
    pub health: Health,
    /// `[consul]`
    pub consul: Consul,
    /// `[log]`
    pub log: Log,
}

/// `[dns]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dns {
    /// UDP and TCP on each; at least one, each once.
    pub listen: Vec<SocketAddr>,
    /// UDP workers; 0 is one a core.
    pub workers: usize,
    pub udp_max_size: u16,
    /// Answers of one length to one asker leave together (`UDP_SEGMENT`) where the system can.
    pub udp_segmentation: bool,
    /// Who may ask.
    pub access: Access,
    /// `[dns.tcp]`
    pub tcp: Tcp,
}

/// `[dns.tcp]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp {
    /// From the last answer to the next message's first octet (RFC 7766 section 6.2.3).
    pub idle: Duration,
    /// From a message's first octet to its last: a resolver sends it at once.
    pub message: Duration,
    /// Connections of all clients, at least one.
    pub max: usize,
    /// Connections of one IPv4 address or IPv6 /64, at least one.
    pub max_per_client: usize,
}

/// How many connections there may be, at least one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    pub max: usize,
    /// Of one IPv4 address or IPv6 /64.
    pub max_per_client: usize,
}

impl Tcp {
    /// How many there may be.
    pub fn connections(self) -> ConnectionLimits {
        ConnectionLimits { max: self.max, max_per_client: self.max_per_client }
    }
}

impl Default for Tcp {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10),
            message: Duration::from_secs(2),
            max: 1000,
            max_per_client: 20,
        }
    }
}

/// Networks that may ask and that may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Empty is everybody.
    pub allow: Networks,
    /// Beats `allow`.
    pub deny: Networks,
}

impl Access {
    /// Whether `client` may ask. An IPv4 client of an IPv6 socket is an IPv4 client.
    pub fn permits(&self, client: IpAddr) -> bool {
        !self.deny.contains(client) && (self.allow.is_empty() || self.allow.contains(client))
    }
}

/// `[health]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub policy: Policy,
    /// How long a start waits for first outcomes.
    pub first_round: Duration,
    pub max_in_flight: usize,
    /// Addresses to check from, at most one a family.
    pub source: Vec<IpAddr>,
    /// Whether local files may have commands run.
    pub scripts: Scripts,
}

/// `[log]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// How important a line of the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl LogLevel {
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

const DNS_PORT: u16 = 8600;
const HTTP_PORT: u16 = 8500;
/// More than any system lets one process have open.
const MAX_CONNECTIONS: i64 = 1_000_000;

const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            state_dir: PathBuf::from("state"),
            zones_dir: PathBuf::from("zones"),
            shutdown_grace: Duration::from_secs(5),
            dns: Dns {
                listen: vec![loopback(DNS_PORT)],
                workers: 0,
                udp_max_size: 1232,
                udp_segmentation: true,
                access: Access::default(),
                tcp: Tcp::default(),
            },
            rrl: Rrl::default(),
            cookies: Cookies::default(),
            http: Http::default(),
            health: Health {
                policy: Policy::default(),
                first_round: Duration::from_secs(5),
                max_in_flight: 4096,
                source: Vec::new(),
                scripts: Scripts::Refused,
            },
            consul: Consul::default(),
            log: Log { format: LogFormat::Text, level: LogLevel::Info },
        }
    }
}

/// Why values that are each good cannot be used together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Anybody who reaches the address could register services.
    #[error(
        "http.listen = \"{0}\" opens the whole API to the network without TLS and without \
         authentication: set http.insecure = true (--insecure) to allow it, or listen on \
         127.0.0.1 and set http.observe to this address for health and metrics only"
    )]
    Insecure(SocketAddr),
    #[error("http.observe and http.listen are both \"{0}\": give them different ports")]
    SameAddress(SocketAddr),
    /// Flags left nothing.
    #[error("dns.listen is empty: add an address, like \"127.0.0.1:8600\"")]
    NoDns,
}

impl Config {
    /// What no single value shows; asked once flags and the environment have had their say.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.dns.listen.is_empty() {
            return Err(ConfigError::NoDns);
        }
        let Some(listen) = self.http.listen else { return Ok(()) };
        if !listen.ip().to_canonical().is_loopback() && !self.http.insecure {
            return Err(ConfigError::Insecure(listen));
        }
        if self.http.observe == Some(listen) && listen.port() != 0 {
            return Err(ConfigError::SameAddress(listen));
        }
        Ok(())
    }
}

/// The addresses of a zone's name servers when zone.toml names none: where DNS listens, but for
/// wildcards.
pub fn default_ns_addresses(listen: &[SocketAddr]) -> Vec<IpAddr> {
    let mut addresses = Vec::with_capacity(listen.len());
    for address in listen.iter().map(|socket| socket.ip().to_canonical()) {
        if !address.is_unspecified() && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_beats_allow_and_an_empty_allow_is_everybody() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let net = |text: &str| text.parse::<ipnet::IpNet>().into_iter().collect::<Networks>();
        let open = Access { allow: Networks::default(), deny: net("10.0.0.0/8") };
        assert!(open.permits(ip("192.0.2.1")) && open.permits(ip("2001:db8::1")));
        assert!(!open.permits(ip("10.1.2.3")) && !open.permits(ip("::ffff:10.1.2.3")));
        let closed = Access { allow: net("10.0.0.0/8"), deny: net("10.9.0.0/16") };
        assert!(closed.permits(ip("::ffff:10.1.2.3")) && !closed.permits(ip("10.9.0.1")));
        assert!(!closed.permits(ip("2001:db8::1")));
    }

    #[test]
    fn the_api_beyond_loopback_needs_to_be_wanted() {
        let mut config = Config::default();
        assert_eq!(config.check(), Ok(()));
        let wide: SocketAddr = "0.0.0.0:8500".parse().unwrap();
        config.http.listen = Some(wide);
        assert_eq!(config.check(), Err(ConfigError::Insecure(wide)));
        config.http.insecure = true;
        assert_eq!(config.check(), Ok(()));
        config.http.observe = Some(wide);
        assert_eq!(config.check(), Err(ConfigError::SameAddress(wide)));
        config.http.listen = None;
        assert_eq!(config.check(), Ok(()));
    }

    #[test]
    fn name_servers_have_the_listeners_addresses_but_for_wildcards() {
        let listen =
            ["0.0.0.0:53", "[::]:53", "192.0.2.1:53", "192.0.2.1:5353", "[2001:db8::1]:53"];
        let listen: Vec<SocketAddr> = listen.iter().map(|text| text.parse().unwrap()).collect();
        let wanted = ["192.0.2.1", "2001:db8::1"].map(|text| text.parse::<IpAddr>().unwrap());
        assert_eq!(default_ns_addresses(&listen), wanted);
    }
}
