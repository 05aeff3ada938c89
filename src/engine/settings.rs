//! What the configuration says to the engine.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::consul::Consul;
use crate::config::{Config, default_ns_addresses, zone_toml};
use crate::model::check::{Policy, Scripts, Sources};
use crate::model::consul_names::ConsulNames;
use crate::model::name::Label;
use crate::model::zone::ZoneSettings;
use crate::snapshot::Rules;
use crate::sources::consul::api::targets::Targets;
use crate::sources::consul::node;

/// See the module.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The defaults of every check.
    pub policy: Policy,
    /// How long a start waits for first outcomes.
    pub first_round: Duration,
    /// How many checks may run at once.
    pub max_in_flight: usize,
    /// Addresses to check from, at most one a family.
    pub source: Vec<IpAddr>,
    /// Whether files may have commands run.
    pub scripts: Scripts,
    /// What the configuration says of answering.
    pub rules: Rules,
    pub registering: Registering,
}

/// Of what is registered over HTTP.
#[derive(Clone, Debug)]
pub struct Registering {
    /// Where it goes, with the defaults of a zone without a zone.toml.
    pub zone: ZoneSettings,
    /// The address of services that name none.
    pub node: Option<IpAddr>,
    pub targets: Targets,
    /// The zone that shows the same services under Consul's own names.
    pub domain: Option<Domain>,
}

/// `[consul] domain`, with the defaults of a zone without a zone.toml.
#[derive(Clone, Debug)]
pub struct Domain {
    pub settings: ZoneSettings,
    pub names: Arc<ConsulNames>,
}

impl Registering {
    /// The same on a host of this address.
    #[must_use]
    pub fn at(mut self, node: Option<IpAddr>) -> Self {
        self.node = node;
        if let Some(domain) = &mut self.domain {
            Arc::make_mut(&mut domain.names).address = node;
        }
        self
    }

    pub fn of(config: &Config) -> Self {
        let is_loopback = |ip: IpAddr| ip.to_canonical().is_loopback();
        let name_servers = default_ns_addresses(&config.dns.listen);
        let domain = config.consul.domain.as_ref().map(|domain| Domain {
            settings: zone_toml::defaults(domain, &name_servers),
            names: Arc::new(names(&config.consul)),
        });
        Self {
            domain,
            zone: zone_toml::defaults(&config.consul.zone, &name_servers),
            node: None,
            targets: Targets {
                networks: config.http.check_networks.clone(),
                loopback: config.http.listen.is_some_and(|address| is_loopback(address.ip())),
            },
        }
        .at(config.consul.node_address)
    }
}

fn names(consul: &Consul) -> ConsulNames {
    ConsulNames {
        datacenter: Label::parse(&consul.datacenter).ok(),
        node: node::name_of(&consul.node).to_ascii_lowercase(),
        address: consul.node_address,
    }
}

impl Settings {
    /// What a configuration says.
    pub fn of(config: &Config) -> Self {
        Self {
            policy: config.health.policy.clone(),
            first_round: config.health.first_round,
            max_in_flight: config.health.max_in_flight,
            source: config.health.source.clone(),
            scripts: config.health.scripts,
            rules: Rules {
                access: config.dns.access.clone(),
                udp_max_size: config.dns.udp_max_size,
                rrl: config.rrl.clone(),
                cookies: Arc::new(config.cookies.clone()),
                tcp: config.dns.tcp,
            },
            registering: Registering::of(config),
        }
    }

    /// Where checks ask from.
    pub(super) fn sources(&self) -> Sources {
        Sources::of(&self.source)
    }
}
