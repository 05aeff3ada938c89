//! `[[service]]` → [`ServiceDefinition`], and the keys that a service and an instance share.

use std::collections::{BTreeMap, HashSet};

use crate::config::zone_toml;
use crate::model::definition::{Placed, ServiceDefinition};
use crate::model::name::Label;
use crate::model::service::Tag;
use crate::sources::files::native::instance::Context;
use crate::sources::files::native::{check, instance};
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// More answers than any transport can carry.
const MOST_ANSWERS: i64 = 65_535;
/// RFC 1035 section 3.3: a character string of a TXT record has its length in one octet.
const MAX_TXT: usize = 255;

/// Reads a service with its checks and instances.
pub(super) fn read(mut reader: Reader<'_>) -> Option<ServiceDefinition> {
    let name = name(&mut reader);
    let port = port(&mut reader);
    let tags = tags(&mut reader);
    let meta = meta(&mut reader);
    let (ttl, min_ttl) = zone_toml::ttls(&mut reader);
    let when_unhealthy = reader.choice("when_unhealthy", &zone_toml::WHEN_UNHEALTHY);
    let max_answers = reader.integer("max_answers", 0..=MOST_ANSWERS);
    let checks = check::read_all(&mut reader, "[[service.check]]");
    let instances = reader.tables("instance", "an instance", "[[service.instance]]");
    let context = Context {
        service: name.as_ref().map(|name| &name.value),
        port: port.as_ref().map(|port| port.value).or(meant(&reader)),
    };
    let (instances, scripts): (Vec<_>, Vec<_>) =
        instances.into_iter().filter_map(|r| instance::read(r, &context)).unzip();
    let script = checks.iter().map(check::Written::script).chain(scripts).flatten().next();
    for check in &checks {
        // The first instance that it does not fit says enough.
        instances.iter().all(|instance| check.fits(reader.report, instance, context.port));
    }
    reader.require("name", "write name = \"…\"");
    reader.finish();
    Some(ServiceDefinition {
        name: name?,
        port,
        tags,
        meta,
        ttl,
        min_ttl,
        when_unhealthy,
        max_answers,
        checks: checks.into_iter().map(|check| check.definition).collect(),
        instances: instances.into(),
        script,
        aliases: Box::default(),
    })
}

/// What stands for a port that is written wrongly: the file is refused for it, and the checks are
/// not to complain of a missing port as well.
fn meant(reader: &Reader<'_>) -> Option<u16> {
    (reader.has("port") || reader.misspelt("port")).then_some(1)
}

fn name(reader: &mut Reader<'_>) -> Option<Placed<Label>> {
    let text = reader.string("name")?;
    let name = label(reader.report, &text, "service name")?;
    // The computed names of addresses live below it.
    if name.as_str() == "addr" {
        let message = "\"addr\" is no service name: the names of addresses stand there";
        reader.report.error(text.span, message, "choose another name");
        return None;
    }
    Some(Placed::new(name, text.span))
}

/// A label, or what DNS cannot carry about it.
pub(super) fn label(report: &Report, text: &Placed<&str>, what: &str) -> Option<Label> {
    match Label::parse(text.value) {
        Ok(label) => Some(label),
        Err(error) => {
            let message = format!("{:?} is no {what}", text.value);
            report.error(text.span.clone(), message, error.to_string());
            None
        }
    }
}

/// `port`, never 0.
pub(super) fn port(reader: &mut Reader<'_>) -> Option<Placed<u16>> {
    reader.integer("port", 1..=65_535)
}

/// `tags`, each once.
pub(super) fn tags(reader: &mut Reader<'_>) -> Vec<Tag> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for text in reader.strings("tags").unwrap_or_default() {
        let error = match Tag::parse(text.value) {
            Ok(tag) => {
                if seen.insert(tag.clone()) {
                    tags.push(tag);
                }
                continue;
            }
            Err(error) => error.to_string(),
        };
        reader.report.error(text.span, format!("{:?} is no tag", text.value), error);
    }
    tags
}

/// `meta`: one TXT string a pair.
pub(super) fn meta(reader: &mut Reader<'_>) -> Option<Placed<BTreeMap<String, String>>> {
    let pairs = reader.string_table("meta")?;
    let span = reader.place_of("meta");
    let mut meta = BTreeMap::new();
    for (key, value) in pairs {
        let octets = key.text.len() + 1 + value.value.len();
        if key.text.is_empty() || key.text.contains('=') {
            let message = format!("{:?} is no key of \"meta\"", key.text);
            let label = "TXT carries key=value: the key is not empty and has no '='";
            reader.report.error(key.span.clone(), message, label);
        } else if octets > MAX_TXT {
            let message = format!("{:?} makes a TXT string of {octets} octets", key.text);
            let label = format!("key=value has at most {MAX_TXT} octets");
            reader.report.error(value.span, message, label);
        } else {
            meta.insert(key.text.clone(), value.value.to_owned());
        }
    }
    Some(Placed::new(meta, span))
}
