//! `[[service]]` → [`ServiceDefinition`].

use crate::config::zone_toml;
use crate::model::definition::{Placed, ServiceDefinition};
use crate::model::name::Label;
use crate::sources::native::instance::Context;
use crate::sources::native::shared::{label, meta, port, tags};
use crate::sources::native::{check, instance};
use crate::syntax::reader::Reader;

const MOST_ANSWERS: i64 = 65_535;
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
        let message = "invalid service name \"addr\": it is reserved for address names";
        reader.report.error(text.span, message, "choose another name");
        return None;
    }
    Some(Placed::new(name, text.span))
}
