//! `[consul]`: where services registered over HTTP go, and what this server says of itself to
//! Consul's clients.

use std::net::IpAddr;

use crate::config::address;
use crate::model::definition::Placed;
use crate::model::name::Name;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// `[consul]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consul {
    pub zone: Name,
    /// The zone that shows the same services under Consul's own names; `None` is no such zone.
    pub domain: Option<Name>,
    pub datacenter: String,
    /// Empty is the host's name.
    pub node: String,
    /// The address of definitions that name none; `None` is this host's on its default route.
    pub node_address: Option<IpAddr>,
}

impl Default for Consul {
    fn default() -> Self {
        Self {
            zone: Name::parse("service.internal").expect("it is a name"),
            domain: None,
            datacenter: "dc1".to_owned(),
            node: String::new(),
            node_address: None,
        }
    }
}

/// What the table says, over `default`.
pub(super) fn read(mut reader: Reader<'_>, default: Consul) -> Consul {
    let address = reader.string("node_address").filter(|text| !text.value.is_empty());
    let zone = zone(&mut reader).unwrap_or(default.zone);
    let consul = Consul {
        domain: domain(&mut reader, &zone),
        zone,
        datacenter: reader
            .string("datacenter")
            .and_then(|text| word(reader.report, "datacenter", &text))
            .filter(|word| !word.is_empty())
            .unwrap_or(default.datacenter),
        node: reader
            .string("node")
            .and_then(|text| word(reader.report, "node", &text))
            .unwrap_or(default.node),
        node_address: address.and_then(|text| address::host(reader.report, &text)),
    };
    reader.finish();
    consul
}

fn zone(reader: &mut Reader<'_>) -> Option<Name> {
    let text = reader.string("zone")?;
    match Name::parse(text.value) {
        Ok(name) if name.parent().is_some() => Some(name),
        _ => {
            let message = format!("invalid zone {:?}", text.value);
            let label = "write a full name, like \"service.internal\"";
            reader.report.error(text.span.clone(), message, label);
            None
        }
    }
}

/// A zone below or above the other's would take names from it.
fn domain(reader: &mut Reader<'_>, zone: &Name) -> Option<Name> {
    let text = reader.string("domain").filter(|text| !text.value.is_empty())?;
    let wrong = match Name::parse(text.value) {
        Ok(name) if name.parent().is_some() => {
            let apart = name.below(zone).is_none() && zone.below(&name).is_none();
            if apart {
                return Some(name);
            }
            format!("domain {:?} overlaps zone {:?}", text.value, zone.to_string())
        }
        _ => format!("invalid domain {:?}", text.value),
    };
    reader.report.error(text.span.clone(), wrong, "write a zone of its own, like \"consul\"");
    None
}

/// Consul's rule for both: they stand in names, in paths and in JSON.
fn word(report: &Report, key: &str, text: &Placed<&str>) -> Option<String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if text.value.chars().all(legal) {
        return Some(text.value.to_owned());
    }
    let message = format!("invalid {key} {:?}", text.value);
    report.error(text.span.clone(), message, "use letters, digits, '-', '_' and '.'");
    None
}
