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
use crate::sources::files::master;
use crate::sources::files::master::Includes;
use crate::sources::{consul, native};

#[derive(Clone, Debug)]
pub struct Host {
    /// Of a zone's name server where zone.toml names none.
    pub ns_addresses: Vec<IpAddr>,
    /// Of Consul definitions that name none; `None` refuses these.
    pub node: Option<IpAddr>,
}

impl Host {
    pub fn new(config: &Config) -> Self {
        Self {
            ns_addresses: default_ns_addresses(&config.dns.listen),
            node: config.consul.node_address.or_else(consul::node::address),
        }
    }
}

/// What a file's meaning depends on besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub apex: &'a Name,
    pub host: &'a Host,
    pub includes: &'a Includes,
}

pub fn parse(
    kind: Kind,
    (path, text): (Arc<Path>, Arc<str>),
    context: Context<'_>,
) -> (Content, Vec<Diagnostic>) {
    let Context { apex, host, includes } = context;
    match kind {
        Kind::ZoneToml => {
            let (zone, diagnostics) = zone_toml::parse(path, text, apex, &host.ns_addresses);
            (zone.map_or(kind.refused(), Content::Settings), diagnostics)
        }
        Kind::Services => services(native::parse(path, text)),
        Kind::Consul => services(consul::parse(path, text, host.node)),
        Kind::Master => {
            let (records, diagnostics) = master::parse(apex, path, &text, includes);
            let content = records.map(|records| Content::Records(Arc::new(records)));
            (content.unwrap_or(kind.refused()), diagnostics)
        }
        // The source keeps it for those that include it.
        Kind::Included => (kind.refused(), Vec::new()),
    }
}

fn services(
    (document, diagnostics): (Option<Document>, Vec<Diagnostic>),
) -> (Content, Vec<Diagnostic>) {
    let content = document.map(|document| Content::Services(Arc::new(document)));
    (content.unwrap_or(Content::Refused), diagnostics)
}
