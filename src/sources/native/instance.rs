//! `[[service.instance]]` → [`InstanceDefinition`].

use std::ops::Range;
use std::sync::Arc;

use crate::model::definition::{InstanceDefinition, Placed};
use crate::model::name::{Label, LabelError};
use crate::model::service::{InstanceId, Location, Weights};
use crate::sources::native::shared::{label, meta, port, tags};
use crate::sources::native::{check, location};
use crate::syntax::reader::Reader;

#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// `None` when the service has no good name.
    pub(super) service: Option<&'a Label>,
    pub(super) port: Option<u16>,
}

/// Reads an instance, and where it has a command run.
pub(super) fn read(
    mut reader: Reader<'_>,
    context: &Context<'_>,
) -> Option<(InstanceDefinition, Option<Range<usize>>)> {
    let report = reader.report;
    let id = reader.string("id");
    let location = location::read(&mut reader);
    let own_port = port(&mut reader).map(|port| port.value);
    let tags = tags(&mut reader).into();
    let weights = weights(&mut reader);
    let priority = reader.integer("priority", 0..=65_535).map_or(0, |placed| placed.value);
    let meta = meta(&mut reader).map(|placed| placed.value).filter(|meta| !meta.is_empty());
    let checks = check::read_all(&mut reader, "[[service.instance.check]]");
    reader.require("address", "write address = \"10.0.1.50\"");
    let port = own_port.or(context.port);
    let id = match id {
        Some(text) => {
            let id = label(reader.report, &text, "instance id");
            id.map(|id| Placed::new(InstanceId::Name(id), text.span))
        }
        None => derived(&mut reader, context, location.as_ref(), port),
    };
    let port_is_written = reader.has("port") || reader.misspelt("port");
    reader.finish();
    let Placed { value: id, span: id_span } = id?;
    let instance = InstanceDefinition {
        id,
        id_span: id_span.into(),
        location: location?,
        port: own_port,
        tags,
        weights,
        priority,
        meta: meta.map(Arc::new),
        checks: checks.iter().map(|check| check.definition.clone()).collect(),
    };
    if port_is_written && own_port.is_none() {
        return None;
    }
    for check in &checks {
        check.fits(report, &instance, context.port);
    }
    Some((instance, checks.iter().find_map(check::Written::script)))
}

/// `<service>-<address with dashes>[-<port>]`, of the first address or of the host name.
fn derived(
    reader: &mut Reader<'_>,
    context: &Context<'_>,
    location: Option<&Location>,
    port: Option<u16>,
) -> Option<Placed<InstanceId>> {
    let (service, endpoint) = (context.service?, location?.endpoints().next()?);
    if reader.has("id") || reader.misspelt("id") {
        return None;
    }
    let port = port.map(|port| format!("-{port}")).unwrap_or_default();
    let text = format!("{service}-{}{port}", endpoint.to_string().replace(['.', ':'], "-"));
    match Label::parse(&text) {
        Ok(id) => Some(Placed::new(InstanceId::Name(id), reader.place.clone())),
        Err(error) => {
            let why = match error {
                LabelError::Long(octets) => format!("it would have {octets} characters"),
                LabelError::Empty | LabelError::Character(_) | LabelError::Edge => {
                    format!("it would be {text:?}")
                }
            };
            let label = format!("{why}: write id = \"…\"");
            reader.report.error(
                reader.place.clone(),
                "cannot derive an id for this instance",
                label,
            );
            None
        }
    }
}

/// `weights`, 1 and 1 where they are left out.
pub(in crate::sources) fn weights(reader: &mut Reader<'_>) -> Weights {
    let default = Weights::default();
    let Some(mut table) = reader.table("weights", "\"weights\"") else { return default };
    let weights = Weights {
        passing: table.integer("passing", 1..=65_535).map_or(default.passing, |p| p.value),
        warning: table.integer("warning", 0..=65_535).map_or(default.warning, |p| p.value),
    };
    table.finish();
    weights
}
