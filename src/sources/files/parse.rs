//! What the text of a file says, by what the file is for.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, default_ns_addresses, zone_toml};
use crate::diagnostic::Diagnostic;
use crate::model::definition::Document;
use crate::model::name::Name;
use crate::sources::Content;
use crate::sources::files::kind::Kind;
use crate::sources::files::{consul, native};

/// What files leave to the host that reads them.
#[derive(Clone, Debug)]
pub struct Host {
    /// Of a zone's name server where zone.toml names none.
    pub ns_addresses: Vec<IpAddr>,
    /// Of Consul definitions that name none; `None` refuses these.
    pub node: Option<IpAddr>,
}

impl Host {
    /// As configured, else as found out now.
    pub fn new(config: &Config) -> Self {
        Self {
            ns_addresses: default_ns_addresses(&config.dns.listen),
            node: config.consul.node_address.or_else(consul::node::address),
        }
    }
}

/// Parses one file of the zone `apex`.
pub fn parse(
    kind: Kind,
    apex: &Name,
    (path, text): (Arc<Path>, Arc<str>),
    host: &Host,
) -> (Content, Vec<Diagnostic>) {
    match kind {
        Kind::ZoneToml => {
            let (zone, diagnostics) = zone_toml::parse(path, text, apex, &host.ns_addresses);
            (zone.map_or(Content::Refused, Content::Zone), diagnostics)
        }
        Kind::Services => services(native::parse(path, text)),
        Kind::Consul => services(consul::parse(path, text, host.node)),
    }
}

fn services(
    (document, diagnostics): (Option<Document>, Vec<Diagnostic>),
) -> (Content, Vec<Diagnostic>) {
    let content = document.map(|document| Content::Services(Arc::new(document)));
    (content.unwrap_or(Content::Refused), diagnostics)
}
