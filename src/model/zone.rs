//! A zone's settings, every default applied.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::name::Name;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TtlSetting {
    /// The longest that health allows: see [`crate::model::service::settled_ttl`].
    Auto,
    Fixed(Duration),
}

/// What to answer when no instance is eligible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WhenUnhealthy {
    Empty,
    /// Those that left within one detection time of the last to leave.
    LastHealthy,
    All,
}

/// `zone.toml`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneSettings {
    pub apex: Name,
    /// Of services that name none.
    pub ttl: TtlSetting,
    /// Of answers that hold a suspect instance.
    pub min_ttl: Duration,
    pub negative_ttl: Duration,
    pub nameservers: Vec<Name>,
    pub hostmaster: Name,
    pub only_passing: bool,
    /// Of services that name none.
    pub when_unhealthy: WhenUnhealthy,
    /// Addresses of names in the zone that are no services, absolute.
    pub static_addresses: Vec<(Name, Vec<IpAddr>)>,
}

impl ZoneSettings {
    /// A zone without a zone.toml. The name server `ns1` has no addresses yet: they are the
    /// listeners', which the configuration knows.
    pub fn new(apex: Name) -> Self {
        let below = |label| apex.child(label).unwrap_or_else(|_| apex.clone());
        Self {
            ttl: TtlSetting::Auto,
            min_ttl: Duration::from_secs(1),
            negative_ttl: Duration::from_secs(3),
            nameservers: vec![below("ns1")],
            hostmaster: below("hostmaster"),
            only_passing: false,
            when_unhealthy: WhenUnhealthy::Empty,
            static_addresses: Vec::new(),
            apex,
        }
    }
}
