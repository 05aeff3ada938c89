//! Services and instances as the catalogue holds them: merged, every default applied.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::check::{Check, CheckTarget, Kind, Policy, Protocol, Question, Subject};
use crate::model::name::{Label, LabelError, Name};
use crate::model::zone::{TtlSetting, WhenUnhealthy};

/// The TTL of `"auto"` for a service without checks.
const UNCHECKED_TTL: Duration = Duration::from_secs(5);

/// A service's name in its zone: what a registration and a question agree on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceKey {
    pub zone: Name,
    pub name: Label,
}

impl fmt::Display for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.zone)
    }
}

/// What a question may name in front of a service; see the table of names.
const MOST_TAG_LABELS: usize = 4;

/// Why a text is no tag that a question can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    #[error(transparent)]
    Label(#[from] LabelError),
    #[error("a tag can have at most {MOST_TAG_LABELS} labels")]
    Labels,
}

/// A tag. What DNS can carry is labels joined by dots, folded, and stands in front of the service's
/// name; a label may begin with an underscore (`_sip._udp`). Any other text is kept as it is, and no question ever matches it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    text: Arc<str>,
    is_name: bool,
}

impl Tag {
    /// A tag that has a name in DNS: checks each label and folds the text.
    pub fn parse(text: &str) -> Result<Self, TagError> {
        for label in text.split('.') {
            Label::check_underscored(label)?;
        }
        if text.split('.').count() > MOST_TAG_LABELS {
            return Err(TagError::Labels);
        }
        Ok(Self { text: text.to_ascii_lowercase().into(), is_name: true })
    }

    /// Any text, for registrations that are not made for DNS alone.
    pub fn keep(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self { text: text.into(), is_name: false })
    }

    /// The text; folded when it is a name.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn is_name(&self) -> bool {
        self.is_name
    }
}

impl std::borrow::Borrow<str> for Tag {
    fn borrow(&self) -> &str {
        &self.text
    }
}

/// Of the text alone, as a table that is asked with a text needs it.
impl Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

/// What an instance is called within its service. A label, folded, is a name in DNS too; any other
/// text is kept as it is and has no name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceId {
    Name(Label),
    /// No question ever matches it. Boxed: it is rare, and every id would take more room.
    Text(Box<Arc<str>>),
}

impl InstanceId {
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        Label::parse(text).map(Self::Name)
    }

    /// Any text, for registrations that are not made for DNS alone.
    pub fn keep(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| Self::Text(Box::new(text.into())))
    }

    /// The text; folded when it is a name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(label) => label.as_str(),
            Self::Text(text) => text,
        }
    }

    pub fn name(&self) -> Option<&Label> {
        match self {
            Self::Name(label) => Some(label),
            Self::Text(_) => None,
        }
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
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

#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub key: ServiceKey,
    pub meta: BTreeMap<String, String>,
    /// TTL in seconds while all is settled.
    pub ttl: u32,
    /// TTL in seconds while an instance in the answer is suspect.
    pub min_ttl: u32,
    /// What to answer when nothing is eligible.
    pub when_unhealthy: WhenUnhealthy,
    pub only_passing: bool,
    /// At most so many A, AAAA or SRV records an answer; 0 is no limit.
    pub max_answers: usize,
    /// In the order registered: files by byte order of path, then as written.
    pub instances: Box<[Instance]>,
}

impl Service {
    /// The longest that a death takes to be seen: an interval, and every failure a timeout.
    pub fn detection(&self) -> Duration {
        let policies = self.instances.iter().flat_map(|i| &*i.checks).map(|c| &*c.policy);
        policies.map(Policy::detection).max().unwrap_or_default()
    }
}

/// Where an instance is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// The commonest: at one address.
    Address(IpAddr),
    /// At several; see [`Location::at`].
    Addresses(Arc<[IpAddr]>),
    /// A host that others look after: the instance is external, and answered as an alias.
    Host(Name),
}

impl Location {
    pub fn at(addresses: Vec<IpAddr>) -> Self {
        match addresses[..] {
            [address] => Self::Address(address),
            _ => Self::Addresses(addresses.into()),
        }
    }

    /// The addresses; an external instance has none of its own.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Address(address) => std::slice::from_ref(address),
            Self::Addresses(addresses) => addresses,
            Self::Host(_) => &[],
        }
    }

    pub fn host(&self) -> Option<&Name> {
        match self {
            Self::Address(_) | Self::Addresses(_) => None,
            Self::Host(host) => Some(host),
        }
    }

    /// The same without addresses that stand there again.
    #[must_use]
    pub fn each_once(&self) -> Self {
        let Self::Addresses(addresses) = self else { return self.clone() };
        let mut each: Vec<IpAddr> = Vec::with_capacity(addresses.len());
        for &address in &**addresses {
            if !each.contains(&address) {
                each.push(address);
            }
        }
        if each.len() == addresses.len() { self.clone() } else { Self::at(each) }
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
    Address(IpAddr),
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

#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub id: InstanceId,
    /// Where it is reached.
    pub location: Location,
    /// Where it listens; without one it has no SRV record.
    pub port: Option<u16>,
    /// The service's and its own, each once, sorted.
    pub tags: Arc<[Tag]>,
    pub weights: Weights,
    /// SRV priority; lower is preferred.
    pub priority: u16,
    /// Its own TXT records, where it has any.
    pub meta: Option<Arc<BTreeMap<String, String>>>,
    pub checks: Arc<[Check]>,
}

/// There are very many of them: what grows here grows by megabytes.
const _: () = assert!(size_of::<Instance>() <= 104);

impl Instance {
    /// Whether it carries `tag` (folded).
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t.as_str() == tag)
    }

    /// What `check` asks when it is run against `endpoint` for `service`; `None` when nothing is
    /// run, or when neither the check nor the instance names the port to connect to.
    pub fn question(
        &self,
        service: &ServiceKey,
        check: &Check,
        endpoint: &Endpoint,
    ) -> Option<Question> {
        let protocol = match &*check.kind {
            Kind::Http(http) => Protocol::Http(Arc::clone(http)),
            Kind::Tcp(tcp) => Protocol::Tcp(tcp.clone()),
            Kind::Grpc(grpc) => Protocol::Grpc(grpc.clone()),
            Kind::Script(script) => {
                let subject = Subject {
                    service: service.name.as_str().into(),
                    instance: self.id.as_str().into(),
                    address: endpoint.to_string().into(),
                    port: self.port,
                };
                return Some(Question::Script(script.clone(), subject));
            }
            Kind::Alias(_) | Kind::Ttl(_) => return None,
        };
        let elsewhere = match &protocol {
            Protocol::Http(http) => http.connect.map(CheckTarget::Address),
            Protocol::Tcp(_) | Protocol::Grpc(_) => None,
        };
        let own = || {
            let port = check.kind.port().or(self.port)?;
            Some(match endpoint {
                Endpoint::Address(address) => CheckTarget::Address(SocketAddr::new(*address, port)),
                Endpoint::Host(name) => CheckTarget::Host { name: name.clone(), port },
            })
        };
        Some(Question::Network(protocol, elsewhere.or_else(own)?))
    }
}

/// The TTL in whole seconds while all is settled: `"auto"` is the smallest over the checks of what
/// [`Check::settled_for`] says; 5 s without checks.
pub fn settled_ttl<'a>(
    setting: TtlSetting,
    min_ttl: Duration,
    checks: impl Iterator<Item = &'a Check>,
) -> u32 {
    let ttl = match setting {
        TtlSetting::Fixed(ttl) => ttl,
        TtlSetting::Auto => {
            checks.map(|check| check.settled_for(min_ttl)).min().unwrap_or(UNCHECKED_TTL)
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
    use crate::model::check::TcpCheck;

    #[test]
    fn auto_ttl_is_one_second_by_default_and_five_without_checks() {
        let check = |kind: Kind, policy: Policy| Check {
            id: "c".into(),
            kind: Arc::new(kind),
            policy: Arc::new(policy),
            initial: None,
        };
        let tcp = || Kind::Tcp(TcpCheck { port: None, tls: None });
        let auto =
            |checks: &[Check]| settled_ttl(TtlSetting::Auto, Duration::from_secs(1), checks.iter());
        let quick = check(tcp(), Policy::default());
        assert_eq!(auto(std::slice::from_ref(&quick)), 1);
        assert_eq!(auto(&[]), 5);
        let slow = Policy { fast_interval: Duration::from_secs(2), ..Policy::default() };
        let slow = check(tcp(), slow);
        assert_eq!((auto(std::slice::from_ref(&slow)), auto(&[slow, quick])), (5, 1));
        let told = |seconds| check(Kind::Ttl(Duration::from_secs(seconds)), Policy::default());
        assert_eq!([1, 9, 15, 60].map(|seconds| auto(&[told(seconds)])), [1, 3, 5, 5]);
    }

    #[test]
    fn a_tag_or_id_that_dns_cannot_carry_keeps_its_text_and_has_no_name() {
        let tag = Tag::keep("traefik.http.routers.Web.rule=Host(`a.example`)");
        assert!(!tag.is_name() && tag.as_str().contains("Web.rule"));
        let long = "_".to_owned() + &"x".repeat(63);
        let none = ["a.b.c.d.e", "_", "__x", "_-x", "x_", "_a..b", &long];
        assert!(none.iter().all(|text| !Tag::keep(text).is_name()));
        assert!(Tag::keep("_SIP._udp").is_name());
        assert!(Tag::keep("V1.Web").is_name() && Tag::keep("V1.Web").as_str() == "v1.web");
        let id = InstanceId::keep("_nomad-task-5f3-Web-http");
        assert_eq!((id.name(), id.as_str()), (None, "_nomad-task-5f3-Web-http"));
        assert_eq!(InstanceId::keep("Web-1"), InstanceId::parse("web-1").unwrap());
    }

    #[test]
    fn ttls_are_rounded_down() {
        assert_eq!(ttl_seconds(Duration::from_millis(1999)), 1);
        assert_eq!(ttl_seconds(Duration::from_secs(u64::MAX)), 0x7fff_ffff);
    }
}
