//! Addresses in files: those that can be answered with, and those to listen on.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;

use crate::model::definition::Placed;
use crate::model::networks::Networks;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// An address that a client or a check can connect to.
pub fn host(report: &Report, text: &Placed<&str>) -> Option<IpAddr> {
    let error = |message: String, label: String| report.error(text.span.clone(), message, label);
    let written = text.value;
    let Ok(address) = written.parse::<IpAddr>() else {
        error(format!("invalid address {written:?}"), no_address(written));
        return None;
    };
    let wanted = "write the address that clients connect to".to_owned();
    let canonical = address.to_canonical();
    let kind = if canonical.is_unspecified() {
        "the unspecified address"
    } else if canonical.is_multicast() {
        "a multicast address"
    } else if canonical == IpAddr::V4(Ipv4Addr::BROADCAST) {
        "the broadcast address"
    } else if matches!(canonical, IpAddr::V6(v6) if v6.is_unicast_link_local()) {
        "a link-local address, which means nothing without an interface"
    } else if canonical != address {
        error(
            format!("{written} is an IPv4-mapped IPv6 address"),
            format!("write \"{canonical}\""),
        );
        return None;
    } else {
        return Some(address);
    };
    error(format!("{written} is {kind}: clients cannot connect to it"), wanted);
    None
}

fn no_address(text: &str) -> String {
    if let Ok(socket) = text.parse::<SocketAddr>() {
        return format!("write \"{}\", and put the port in `port`", socket.ip());
    }
    if let Ok(net) = text.parse::<IpNet>() {
        return format!("write one address, like \"{}\"", net.addr());
    }
    "write an IPv4 or IPv6 address, or a list of them".to_owned()
}

/// Several of these, each once.
pub fn hosts(report: &Report, texts: &[Placed<&str>]) -> Vec<IpAddr> {
    let (mut addresses, mut seen) = (Vec::with_capacity(texts.len()), HashSet::new());
    for text in texts {
        let Some(address) = host(report, text) else { continue };
        if seen.insert(address) {
            addresses.push(address);
        } else {
            report.error(text.span.clone(), format!("{address} is listed twice"), "remove it");
        }
    }
    addresses
}

pub fn socket(report: &Report, text: &Placed<&str>, port: u16) -> Option<SocketAddr> {
    if let Ok(socket) = text.value.parse() {
        return Some(socket);
    }
    let label = match text.value.parse::<IpAddr>() {
        Ok(address) => format!("add the port: \"{}\"", SocketAddr::new(address, port)),
        Err(_) if text.value.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok()) => {
            format!(
                "write \"[::]{0}\" for all addresses, or \"127.0.0.1{0}\" for this host only",
                text.value
            )
        }
        Err(_) => format!("write an address and a port, like \"127.0.0.1:{port}\""),
    };
    report.error(text.span.clone(), format!("invalid listen address {:?}", text.value), label);
    None
}

/// A list of networks, if the key is there; a bare address is a network of one.
pub fn networks(reader: &mut Reader<'_>, key: &'static str) -> Option<Networks> {
    let texts = reader.strings(key)?;
    Some(texts.iter().filter_map(|text| network(reader.report, text)).collect())
}

fn network(report: &Report, text: &Placed<&str>) -> Option<IpNet> {
    let alone = || text.value.parse::<IpAddr>().ok().map(IpNet::from);
    let Some(network) = text.value.parse().ok().or_else(alone) else {
        report.error(
            text.span.clone(),
            format!("invalid network {:?}", text.value),
            "write an address and a prefix length, like \"10.0.0.0/8\" or \"2001:db8::/32\"",
        );
        return None;
    };
    if network.trunc() != network {
        report.error(
            text.span.clone(),
            format!("{network} has host bits set"),
            format!("did you mean \"{}\"?", network.trunc()),
        );
        return None;
    }
    Some(network)
}
