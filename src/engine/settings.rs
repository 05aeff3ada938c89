//! What the configuration says to the engine.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::model::check::{Policy, Scripts, Sources};
use crate::snapshot::Rules;

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
        }
    }

    /// Where checks ask from.
    pub(super) fn sources(&self) -> Sources {
        Sources::of(&self.source)
    }
}
