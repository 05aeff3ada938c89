//! A definition file → the body of a registration for each of its services.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::diagnostic::Diagnostic;
use crate::sources::conceal::{conceal, conceal_in};
use crate::sources::consul::api::body::read_service;
use crate::sources::consul::api::json::to_json;
use crate::sources::consul::keys::{FILE, SERVICE, says};
use crate::sources::consul::{File, as_file};
use crate::syntax::report::Report;
use crate::syntax::tree::{Tree, Value};

const SERVICES: [&str; 2] = ["service", "services"];

/// One body a service, in the file's order; `None` when there is an error. The file is HCL or JSON
/// as in [`crate::sources::consul::parse`].
pub fn bodies(path: Arc<Path>, text: Arc<str>) -> (Option<Vec<Json>>, Vec<Diagnostic>) {
    let report = Report::new(path, Arc::clone(&text));
    let bodies = as_file(&report).map(|tree| read(&report, &tree));
    let (bodies, mut diagnostics) = report.finish(bodies);
    conceal_in(&mut diagnostics, &conceal(text));
    (bodies, diagnostics)
}

fn read(report: &Report, tree: &Tree) -> Vec<Json> {
    let Some(top) = FILE.read(report, tree) else { return Vec::new() };
    if let Value::Table(entries) = &top.value {
        let is_other = |key: &str| !SERVICES.contains(&key);
        for (key, _) in
            entries.iter().filter(|(key, said)| is_other(&key.text) && says(&said.value))
        {
            let label = "write only services into this file, each with its own checks";
            report.error(key.span.clone(), format!("{:?} cannot be registered", key.text), label);
        }
    }
    let services = File::new(report, None, None).tables(&top, SERVICES, &SERVICE);
    if services.is_empty() {
        let label = "write { \"service\": { \"name\": \"web\" } }";
        report.error(tree.span.clone(), "no service in this file", label);
    }
    for service in &services {
        read_service(report, service);
    }
    services.iter().map(to_json).collect()
}
