//! One definition of a service → [`ServiceDefinition`] with one instance.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use crate::config::address;
use crate::model::definition::{InstanceDefinition, Placed, ServiceDefinition};
use crate::model::name::{HostError, Label, Name};
use crate::model::service::{InstanceId, Location, Tag, Weights};
use crate::sources::consul::keys::{CHECK, SERVICE, WEIGHTS, one_or_many, says, value};
use crate::sources::consul::{File, checks, id_of, only, text};
use crate::sources::native::instance::weights;
use crate::syntax::reader::Reader;
use crate::syntax::tree::{Tree, Value};

/// RFC 1035 section 3.3: a character string of a TXT record has its length in one octet.
const MAX_TXT: usize = 255;

/// Reads a service; `alone` are its checks that stand outside of it. `None` when it is refused.
pub(super) fn read(file: &mut File<'_>, table: &Tree, alone: &[Tree]) -> Option<ServiceDefinition> {
    file.note_unused(SERVICE.unused_in(table));
    let said = only(table, |key| SERVICE.knows(key));
    let mut reader = Reader::document(file.report, &said, SERVICE.what);
    let name = reader.string("name");
    reader.string("id");
    let port = reader.integer("port", 1..=65_535).map(|port| port.value);
    let meta = meta(&mut reader);
    let location = location(file, &mut reader);
    file.address_is_written = reader.has("address");
    let tags = tags(file, &mut reader);
    let own: Vec<Tree> = ["check", "checks"]
        .into_iter()
        .filter_map(|key| value(&said, key))
        .flat_map(one_or_many)
        .filter_map(|tree| CHECK.read(file.report, tree))
        .collect();
    let Some(name) = name else {
        // A name of another type has been told of, and a misspelt one.
        let told = value(&said, "name").is_some() || SERVICE.has_unknown(table);
        if !told && !file.report.is_broken() {
            file.report.error(reader.place, "a service needs \"name\"", "write name = \"…\"");
        }
        return None;
    };
    let name = label(file, name);
    let id = id(file, &said)?;
    let instance = InstanceDefinition {
        id: id.value,
        id_span: id.span.into(),
        location: location.unwrap_or(Location::at(Vec::new())),
        port,
        tags: tags.into(),
        weights: weights_of(file, &said),
        priority: 0,
        meta: (!meta.is_empty()).then(|| meta.into()),
        checks: Box::default(),
    };
    let checks = checks::read(file, (&own, alone), &instance).ok().map(Vec::into_boxed_slice);
    instance.location.endpoints().next()?;
    let instances = Box::new([InstanceDefinition { checks: checks?, ..instance }]);
    let commands = own.iter().chain(alone).filter_map(|table| value(table, "args"));
    let script = commands.filter(|args| says(&args.value)).map(|args| args.span.clone()).next();
    let aliases = own.iter().chain(alone).filter_map(|table| text(table, "alias_service"));
    Some(ServiceDefinition {
        name: name?,
        port: None,
        tags: Vec::new(),
        meta: None,
        ttl: None,
        min_ttl: None,
        when_unhealthy: None,
        max_answers: None,
        checks: Vec::new(),
        instances,
        script,
        aliases: aliases.map(|of| Placed::new(of.value.into(), of.span)).collect(),
    })
}

/// A name that DNS cannot carry refuses the service: nobody could ask for it.
fn label(file: &File<'_>, name: Placed<&str>) -> Option<Placed<Label>> {
    let why = match Label::parse(name.value) {
        Ok(label) if label.as_str() == "addr" => {
            "\"addr\" is reserved for address names: choose another name".to_owned()
        }
        Ok(label) => return Some(Placed::new(label, name.span)),
        Err(error) => error.to_string(),
    };
    let message = format!("invalid service name {:?}: this service is refused", name.value);
    file.report.refusal(name.span, message, why);
    None
}

fn id(file: &mut File<'_>, said: &Tree) -> Option<Placed<InstanceId>> {
    let written = id_of(said)?;
    let id = InstanceId::keep(written.value);
    // Of an id left out, the name has been complained of.
    if id.name().is_none() && text(said, "id").is_some() {
        file.unnamed.ids += 1;
        file.unnamed.see(&written.span);
    }
    Some(Placed::new(id, written.span))
}

/// The address or the host name, else this host's address. Where there is none of them the service
/// is refused.
fn location(file: &File<'_>, reader: &mut Reader<'_>) -> Option<Location> {
    let at = Location::Address;
    let Some(written) = reader.string("address") else {
        // One of another type has been told of.
        if file.node.is_none() && !reader.has("address") {
            let message = "this service has no address, and this host has no address on a \
                           default route";
            let label = "write address = \"10.0.1.50\", or set [consul] node_address in \
                         livezone.toml";
            file.report.refusal(reader.place.clone(), message, label);
        }
        return file.node.filter(|_| !reader.has("address")).map(at);
    };
    if written.value.parse::<IpAddr>().is_ok() {
        return address::host(file.report, &written).map(at);
    }
    match Name::parse_host(written.value) {
        Ok(host) => Some(Location::Host(host)),
        Err(error) => {
            let what = "is not an address or a host name: this service is refused";
            let message = format!("{:?} {what}", written.value);
            let label = match error {
                HostError::Name(error) if !written.value.contains(':') => error.to_string(),
                HostError::Name(_) | HostError::Digits => without_port(written.value),
            };
            file.report.refusal(written.span, message, label);
            None
        }
    }
}

/// What to write for a text that is no address and no host name.
fn without_port(text: &str) -> String {
    match text.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && !host.contains("://") => {
            format!("write {host:?}, and the port as \"port\": {port}")
        }
        Some(_) if text.contains("://") => "write only the host of the URL".to_owned(),
        Some(_) | None => "write an IP address or a host name".to_owned(),
    }
}

fn tags(file: &mut File<'_>, reader: &mut Reader<'_>) -> Vec<Tag> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for text in reader.strings("tags").unwrap_or_default() {
        let tag = Tag::keep(text.value);
        if !seen.insert(tag.clone()) {
            continue;
        }
        if !tag.is_name() {
            file.unnamed.tags += 1;
            file.unnamed.see(&text.span);
        }
        tags.push(tag);
    }
    tags
}

/// A pair that no TXT string can carry is left out, with a warning.
fn meta(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut meta = BTreeMap::new();
    for (key, value) in reader.string_table("meta").unwrap_or_default() {
        let octets = key.text.len() + 1 + value.value.len();
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if key.text.is_empty() || !key.text.chars().all(legal) {
            let message = format!("invalid \"meta\" key {:?}", key.text);
            let label = "use letters, digits, '-' and '_'";
            reader.report.error(key.span.clone(), message, label);
        } else if octets > MAX_TXT {
            let message = format!("the TXT string of {:?} would have {octets} octets", key.text);
            let label = format!("it is left out: key=value can have at most {MAX_TXT} octets");
            reader.report.warning(value.span, message, label);
        } else {
            meta.insert(key.text.clone(), value.value.to_owned());
        }
    }
    meta
}

fn weights_of(file: &File<'_>, said: &Tree) -> Weights {
    let Value::Table(entries) = &said.value else { return Weights::default() };
    let own = entries.iter().filter(|(key, _)| key.text == "weights");
    let canonical = own.filter_map(|(key, tree)| {
        let table = match tree.value {
            Value::Table(_) => WEIGHTS.read(file.report, tree)?,
            _ => tree.clone(),
        };
        Some((key.clone(), table))
    });
    let table = Tree { span: said.span.clone(), value: Value::Table(canonical.collect()) };
    weights(&mut Reader::document(file.report, &table, SERVICE.what))
}
