//! What is registered over HTTP → [`Document`], by the reader of definition files.

pub mod body;
pub mod file;
mod json;
pub mod targets;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::model::agent::{AgentCheck, AgentService};
use crate::model::check::Kind;
use crate::model::definition::{Document, Placed, ServiceDefinition};
use crate::model::health::Verdict;
use crate::model::zone::TtlSetting;
use crate::sources::consul::File;
use crate::sources::consul::api::json::{table, text};
use crate::sources::consul::api::targets::Targets;
use crate::syntax::duration;
use crate::syntax::report::Report;
use crate::syntax::tree::{Tree, Value};

/// The keys of `Meta` that set what Consul has no key for.
const TTL: &str = "livezone-ttl";
const MIN_TTL: &str = "livezone-min-ttl";
const PRIORITY: &str = "livezone-priority";

/// What the catalogue is told of a service, and warnings for the log; an error says why it cannot
/// be taken. `node` is the address of services that name none.
pub fn document(
    service: &AgentService,
    node: Option<IpAddr>,
    targets: &Targets,
) -> Result<(Arc<Document>, Vec<String>), String> {
    let path: Arc<Path> = Path::new(&format!("api:{}", service.id)).into();
    let report = Report::new(Arc::clone(&path), Arc::default());
    let mut file = File::new(&report, node, Some(targets));
    let mut services = file.read(&table(vec![("service", tree(service))]));
    file.warn();
    let (_, diagnostics) = report.finish(Some(()));
    if let Some(words) = first_error(&diagnostics) {
        return Err(words);
    }
    for definition in &mut services {
        connects_where_it_may(definition, targets)?;
        set_ours(definition, service)?;
    }
    let words = |diagnostic: &Diagnostic| diagnostic.message.clone();
    let warnings = diagnostics.iter().map(words).collect();
    Ok((Arc::new(Document::new(path, Arc::default(), services)), warnings))
}

/// The words of the first error, without a place: nobody has the text.
fn first_error(diagnostics: &[Diagnostic]) -> Option<String> {
    let error = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error)?;
    let Diagnostic { message, label, .. } = error;
    Some(if label.is_empty() { message.clone() } else { format!("{message}; {label}") })
}

fn tree(service: &AgentService) -> Tree {
    let number = |number: u16| json::tree(Value::Integer(number.into()));
    let list = |items: Vec<Tree>| json::tree(Value::List(items));
    let meta = service.meta.iter().map(|(key, value)| (&**key, text(value)));
    let weights = service.weights;
    table(vec![
        ("id", text(&service.id)),
        ("name", text(&service.name)),
        ("address", text(&service.address)),
        ("port", number(service.port)),
        ("tags", list(service.tags.iter().map(|tag| text(tag)).collect())),
        ("meta", table(meta.collect())),
        (
            "weights",
            table(vec![("passing", number(weights.passing)), ("warning", number(weights.warning))]),
        ),
        ("checks", list(service.checks.iter().map(check_tree).collect())),
    ])
}

fn check_tree(check: &AgentCheck) -> Tree {
    let status = match check.status {
        Some(Verdict::Passing) => "passing",
        Some(Verdict::Warning) => "warning",
        Some(Verdict::Critical) | None => "critical",
    };
    let own = [("id", text(&check.id)), ("name", text(&check.name)), ("status", text(status))];
    let said = check.definition.iter().map(|(key, value)| (&**key, json::from_json(value)));
    table(own.into_iter().chain(said).collect())
}

/// A registration cannot have this server connect to what its sender cannot reach.
fn connects_where_it_may(service: &ServiceDefinition, targets: &Targets) -> Result<(), String> {
    for instance in &service.instances {
        let connects = |kind: &Kind| match kind {
            Kind::Http(http) => http.connect.is_none(),
            Kind::Tcp(_) | Kind::Grpc(_) => true,
            Kind::Script(_) | Kind::Alias(_) | Kind::Ttl(_) => false,
        };
        if !instance.checks.iter().any(|check| connects(&check.kind)) {
            continue;
        }
        for own in instance.location.addresses() {
            if let Some(why) = targets.refusal_of_own(*own) {
                return Err(format!("Invalid check: checks cannot connect to {own}: {why}"));
            }
        }
    }
    Ok(())
}

/// What `Meta` sets of ours.
fn set_ours(definition: &mut ServiceDefinition, service: &AgentService) -> Result<(), String> {
    let said = |key: &str| service.meta.get(key).map(String::as_str);
    let invalid = |key: &str, value: &str, write: &str| {
        format!("Invalid Service Meta: {key} is {value:?}: write {write}")
    };
    let like = "a duration, like \"5s\"";
    if let Some(value) = said(TTL) {
        let ttl = match value {
            "auto" => Some(TtlSetting::Auto),
            value => duration::parse(value).map(TtlSetting::Fixed),
        };
        let ttl = ttl.ok_or_else(|| invalid(TTL, value, like))?;
        definition.ttl = Some(Placed::new(ttl, 0..0));
    }
    if let Some(value) = said(MIN_TTL) {
        let ttl = duration::parse(value).ok_or_else(|| invalid(MIN_TTL, value, like))?;
        definition.min_ttl = Some(Placed::new(ttl, 0..0));
    }
    if let Some(value) = said(PRIORITY) {
        let number = "a number from 0 to 65535";
        let priority = value.parse().map_err(|_| invalid(PRIORITY, value, number))?;
        for instance in &mut definition.instances {
            instance.priority = priority;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
