//! Services and instances as the catalogue holds them: merged, every default applied.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::check::{Check, Kind, Policy, Target};
use crate::model::name::{Label, LabelError, Name};
use crate::model::zone::{TtlSetting, WhenUnhealthy};

/// The TTL of `"auto"` for a service without checks.
const UNCHECKED_TTL: Duration = Duration::from_secs(5);

/// A service's name in its zone: what a registration and a question agree on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceKey {
    /// The zone's apex.
    pub zone: Name,
    /// The label below it.
    pub name: Label,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.zone)
    }
}

/// A tag: one or more labels joined by dots, folded.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// Checks each label and folds the text.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        for label in text.split('.') {
            Label::parse(label)?;
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Tag {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// SRV weights by verdict, as Consul has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Weights {
    /// While passing; 1 to 65535.
    pub passing: u16,
    /// While warning; 0 to 65535.
    pub warning: u16,
}

impl Default for Weights {
    fn default() -> Self {
        Self { passing: 1, warning: 1 }
    }
}

/// A service of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Its zone and name.
    pub key: ServiceKey,
    /// The TXT records.
    pub meta: BTreeMap<String, String>,
    /// TTL in seconds while all is settled.
    pub ttl: u32,
    /// TTL in seconds while an instance in the answer is suspect.
    pub min_ttl: u32,
    /// What to answer when nothing is eligible.
    pub when_unhealthy: WhenUnhealthy,
    /// Whether a warning takes an instance out.
    pub only_passing: bool,
    /// At most so many A, AAAA or SRV records an answer; 0 is no limit.
    pub max_answers: usize,
    /// In the order registered: files by byte order of path, then as written.
    pub instances: Vec<Instance>,
}

impl Service {
    /// The longest that a death takes to be seen: an interval, and every failure a timeout.
    pub fn detection(&self) -> Duration {
        let policies = self.instances.iter().flat_map(|i| &i.checks).map(|c| &*c.policy);
        policies.map(Policy::detection).max().unwrap_or_default()
    }
}

/// Where an instance is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// At least one, each once.
    Addresses(Vec<IpAddr>),
    /// A host that others look after: the instance is external, and answered as an alias.
    Host(Name),
}

impl Location {
    /// The addresses; an external instance has none of its own.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Addresses(addresses) => addresses,
            Self::Host(_) => &[],
        }
    }

    /// The host of an external instance.
    pub fn host(&self) -> Option<&Name> {
        match self {
            Self::Addresses(_) => None,
            Self::Host(host) => Some(host),
        }
    }

    /// The same without addresses that stand there again.
    #[must_use]
    pub fn each_once(&self) -> Self {
        let mut each: Vec<IpAddr> = Vec::with_capacity(self.addresses().len());
        for &address in self.addresses() {
            if !each.contains(&address) {
                each.push(address);
            }
        }
        match self {
            Self::Addresses(_) => Self::Addresses(each),
            Self::Host(host) => Self::Host(host.clone()),
        }
    }

    /// What is checked and answered one by one: each address, or the host.
    pub fn endpoints(&self) -> impl Iterator<Item = Endpoint> {
        let addresses = self.addresses().iter().copied().map(Endpoint::Address);
        addresses.chain(self.host().cloned().map(Endpoint::Host))
    }
}

/// One address of an instance, or the host of an external one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Answered as A or AAAA.
    Address(IpAddr),
    /// Answered as CNAME or as the target of SRV.
    Host(Name),
}

impl Endpoint {
    /// The address, where there is one.
    pub fn address(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Host(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Host(host) => f.write_str(&host.to_host()),
        }
    }
}

/// An instance of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// Unique within the service; a name in DNS.
    pub id: Label,
    /// Where it is reached.
    pub location: Location,
    /// Where it listens; without one it has no SRV record.
    pub port: Option<u16>,
    /// The service's and its own, each once, sorted.
    pub tags: Vec<Tag>,
    /// SRV weights.
    pub weights: Weights,
    /// SRV priority; lower is preferred.
    pub priority: u16,
    /// Its own TXT records.
    pub meta: BTreeMap<String, String>,
    /// The service's and its own.
    pub checks: Vec<Check>,
    /// Who registered it.
    pub source: Arc<Path>,
}

impl Instance {
    /// Whether it carries `tag` (folded).
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t.as_str() == tag)
    }

    /// Where `check` connects to when it is run against `endpoint`; `None` when neither the check
    /// nor the instance names a port.
    pub fn target(&self, check: &Check, endpoint: &Endpoint) -> Option<Target> {
        let port = match &*check.kind {
            Kind::Http(http) => {
                if let Some(elsewhere) = http.connect {
                    return Some(Target::Address(elsewhere));
                }
                http.port
            }
            Kind::Tcp(tcp) => tcp.port,
        };
        let port = port.or(self.port)?;
        Some(match endpoint {
            Endpoint::Address(address) => Target::Address(SocketAddr::new(*address, port)),
            Endpoint::Host(name) => Target::Host { name: name.clone(), port },
        })
    }
}

/// The TTL in whole seconds while all is settled: `"auto"` is the smallest over the checks of the
/// time that removal takes after the first failure, plus `min_ttl`; 5 s without checks.
pub fn settled_ttl<'a>(
    setting: TtlSetting,
    min_ttl: Duration,
    policies: impl Iterator<Item = &'a Policy>,
) -> u32 {
    let ttl = match setting {
        TtlSetting::Fixed(ttl) => ttl,
        TtlSetting::Auto => {
            policies.map(|p| p.confirmation() + min_ttl).min().unwrap_or(UNCHECKED_TTL)
        }
    };
    ttl_seconds(ttl)
}

/// A TTL rounded down to seconds and kept within 31 bits (RFC 2181 section 8).
pub fn ttl_seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_ttl_is_one_second_by_default_and_five_without_checks() {
        let min = Duration::from_secs(1);
        assert_eq!(settled_ttl(TtlSetting::Auto, min, [&Policy::default()].into_iter()), 1);
        assert_eq!(settled_ttl(TtlSetting::Auto, min, std::iter::empty()), 5);
        let slow = Policy { fast_interval: Duration::from_secs(2), ..Policy::default() };
        assert_eq!(settled_ttl(TtlSetting::Auto, min, [&slow].into_iter()), 5);
        assert_eq!(settled_ttl(TtlSetting::Auto, min, [&slow, &Policy::default()].into_iter()), 1);
    }

    #[test]
    fn ttls_are_rounded_down() {
        assert_eq!(ttl_seconds(Duration::from_millis(1999)), 1);
        assert_eq!(ttl_seconds(Duration::from_secs(u64::MAX)), 0x7fff_ffff);
    }
}
