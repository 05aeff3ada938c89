//! `[http]`: where the API listens, the names it answers to, and how many may be connected.

use std::net::{IpAddr, SocketAddr};

use crate::config::{ConnectionLimits, HTTP_PORT, MAX_CONNECTIONS, address, loopback};
use crate::model::definition::Placed;
use crate::model::name::Name;
use crate::model::networks::Networks;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// `[http]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The whole API; `None` turns it off.
    pub listen: Option<SocketAddr>,
    /// Lets `listen` be beyond loopback, without TLS and tokens.
    pub insecure: bool,
    /// A second address with `/health/*` and `/metrics` alone.
    pub observe: Option<SocketAddr>,
    /// Names that may stand in Host, beside literal addresses and localhost.
    pub hosts: Vec<Name>,
    pub connections: ConnectionLimits,
    /// Where checks registered over HTTP may connect besides their instance's own address.
    pub check_networks: Networks,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: Some(loopback(HTTP_PORT)),
            insecure: false,
            observe: None,
            hosts: Vec::new(),
            connections: ConnectionLimits { max: 12_000, max_per_client: 2000 },
            check_networks: Networks::default(),
        }
    }
}

/// What the table says, over `default`.
pub(super) fn read(mut reader: Reader<'_>, default: Http) -> Http {
    let limits = default.connections;
    let http = Http {
        listen: optional_socket(&mut reader, "listen", default.listen),
        insecure: reader.boolean("insecure").map_or(default.insecure, |placed| placed.value),
        observe: optional_socket(&mut reader, "observe", default.observe),
        hosts: hosts(&mut reader).unwrap_or(default.hosts),
        connections: ConnectionLimits {
            max: reader.integer("max", 1..=MAX_CONNECTIONS).map_or(limits.max, |p| p.value),
            max_per_client: reader
                .integer("max_per_client", 1..=MAX_CONNECTIONS)
                .map_or(limits.max_per_client, |p| p.value),
        },
        check_networks: address::networks(&mut reader, "check_networks")
            .unwrap_or(default.check_networks),
    };
    reader.finish();
    http
}

/// The socket at `key`; an empty text is none.
fn optional_socket(
    reader: &mut Reader<'_>,
    key: &'static str,
    default: Option<SocketAddr>,
) -> Option<SocketAddr> {
    match reader.string(key) {
        None => default,
        Some(text) if text.value.is_empty() => None,
        Some(text) => address::socket(reader.report, &text, HTTP_PORT),
    }
}

fn hosts(reader: &mut Reader<'_>) -> Option<Vec<Name>> {
    let texts = reader.strings("hosts")?;
    Some(texts.iter().filter_map(|text| host(reader.report, text)).collect())
}

/// A name as a client writes it into a URL, without the port.
fn host(report: &Report, text: &Placed<&str>) -> Option<Name> {
    let written = text.value;
    let error = |message: String, label: String| report.error(text.span.clone(), message, label);
    let bare = written.trim_matches(['[', ']']);
    if bare.parse::<IpAddr>().is_ok() || written.parse::<SocketAddr>().is_ok() {
        let message = format!("{written:?} is an address, but \"hosts\" can have only names");
        error(message, "remove it: addresses are always accepted".to_owned());
        return None;
    }
    let is_port = |port: &str| port.bytes().all(|octet| octet.is_ascii_digit());
    if let Some((name, _)) = written.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        let message = format!("{written:?} has a port, but \"hosts\" can have only names");
        error(message, format!("write \"{name}\": any port is accepted"));
        return None;
    }
    let name = Name::parse_host(written);
    if name.is_err() {
        let message = format!("invalid host name {written:?}");
        error(message, "write a full name, like \"livezone.example.com\"".to_owned());
    }
    name.ok()
}
