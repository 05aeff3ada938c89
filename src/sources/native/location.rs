//! `address`: one address or several, or the host name of an external instance.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::config::address;
use crate::model::definition::Placed;
use crate::model::name::{HostError, Name};
use crate::model::service::Location;
use crate::sources::native::url;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;
use crate::syntax::tree::Value;

/// Reads `address`; `None` when nothing that it says can be used.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Location> {
    let (_, tree) = reader.entry("address")?;
    let texts = reader.string_or_strings("address")?;
    let texts = match (&tree.value, &texts[..]) {
        (Value::List(_), []) => {
            let place = reader.place_of("address");
            reader.report.error(place, "\"address\" is empty", "write \"10.0.1.50\"");
            return None;
        }
        (Value::List(_), _) => without_hosts(reader.report, texts),
        (_, [text]) if !is_meant_as_address(text.value) => return host(reader.report, text),
        _ => texts,
    };
    let addresses = address::hosts(reader.report, &texts);
    (!addresses.is_empty()).then(|| Location::at(addresses))
}

/// Whether a text is an address, or so near to one that it is no host name.
fn is_meant_as_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
        || text.parse::<SocketAddr>().is_ok()
        || text.parse::<IpNet>().is_ok()
        || text.matches(':').nth(1).is_some() && !text.contains("://")
        || Name::parse_host(text) == Err(HostError::Digits)
}

fn host(report: &Report, text: &Placed<&str>) -> Option<Location> {
    let written = text.value;
    let error = match Name::parse_host(written) {
        Ok(name) => return Some(Location::Host(name)),
        Err(error) => error,
    };
    let label = match written.rsplit_once(':') {
        Some((host, port)) if Name::parse_host(host).is_ok() && url::number(port).is_ok() => {
            format!("write {host:?}, and put the port in `port`")
        }
        _ if written.contains("://") => "write only the host of the URL".to_owned(),
        _ => error.to_string(),
    };
    report.error(text.span.clone(), format!("invalid address or host name {written:?}"), label);
    None
}

/// The texts of a list that may be addresses. An alias has one target (RFC 2181 section 10.1), and
/// nothing beside it.
fn without_hosts<'t>(report: &Report, texts: Vec<Placed<&'t str>>) -> Vec<Placed<&'t str>> {
    let (addresses, hosts): (Vec<_>, Vec<_>) =
        texts.into_iter().partition(|text| Name::parse_host(text.value).is_err());
    for host in hosts {
        let label = format!("write another instance with address = {:?}", host.value);
        let message =
            format!("{:?} is a host name, but a list can have only IP addresses", host.value);
        report.error(host.span, message, label);
    }
    addresses
}
