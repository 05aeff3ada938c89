//! Registrations in livezone's own TOML → [`Document`].

pub(super) mod asked;
pub(super) mod check;
pub(super) mod grpc;
pub(super) mod http;
pub(super) mod instance;
mod location;
pub(super) mod script;
mod service;
mod shared;
pub(super) mod tcp;
mod tls;
mod ttl;
pub(super) mod url;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::Label;
use crate::model::service::InstanceId;
use crate::sources::conceal::{conceal, conceal_in};
use crate::sources::size;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;
use crate::syntax::toml;

/// `None` when an error is among the diagnostics. Reads the PEM files that checks name, too.
pub fn parse(path: Arc<Path>, text: Arc<str>) -> (Option<Document>, Vec<Diagnostic>) {
    let report = Report::new(Arc::clone(&path), Arc::clone(&text));
    let tree = toml::parse(&report);
    let mut reader = Reader::document(&report, &tree, "a registration file");
    let services = reader.tables("service", "a service", "[[service]]");
    let services: Vec<_> = services.into_iter().filter_map(service::read).collect();
    reader.finish();
    if !report.is_broken() {
        each_id_once(&report, &services);
    }
    size::check(&report, &services);
    let shown = conceal(text);
    let document = Document::new(path, Arc::clone(&shown), services);
    let (document, mut diagnostics) = report.finish(Some(document));
    conceal_in(&mut diagnostics, &shown);
    (document, diagnostics)
}

/// An id is one instance of a service, in however many blocks the service is written.
fn each_id_once(report: &Report, services: &[ServiceDefinition]) {
    let mut seen: HashMap<(&Label, &InstanceId), Range<usize>> = HashMap::new();
    for service in services {
        for instance in &service.instances {
            let (name, id) = (&service.name.value, &instance.id);
            let Some(first) = seen.insert((name, id), instance.id_span.octets()) else { continue };
            let line = report.line_number(first.start);
            report.error(
                instance.id_span.octets(),
                format!("service \"{name}\" already has an instance \"{id}\""),
                format!("the first one is on line {line}; give this one another id"),
            );
            seen.insert((name, id), first);
        }
    }
}

#[cfg(test)]
mod tests;
