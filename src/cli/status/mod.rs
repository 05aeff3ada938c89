//! `livezone status`: asks a running server what it serves, and why not the rest.

mod table;

use anyhow::anyhow;
use clap::Args;

use crate::cli::client::{At, Client, Request};
use crate::cli::output::say;
use crate::cli::settings::Environment;
use crate::cli::{Failure, Verdict};
use crate::diagnostic::nearest;
use crate::engine::report::{ServiceReport, ServicesReport};
use crate::model::text::printable_json;

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone status                          all services
  livezone status web                      the services called web, in any zone
  livezone status web.service.internal --json
  livezone status --http 127.0.0.1:8501    ask another server

The server's address comes from --http, else from LIVEZONE_HTTP, else from [http] listen in the
configuration file, else it is 127.0.0.1:8500.";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Show only this service: web, or web.service.internal
    service: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<Verdict, Failure> {
    let client = Client::find(&arguments.at, environment)?;
    let mut report = ask(&client)?;
    if let Some(wanted) = &arguments.service {
        report.services =
            select(report.services, wanted).map_err(|error| Failure::new(Verdict::Bad, error))?;
        let shown: Vec<_> = report.services.iter().map(table::full).collect();
        report.orders.retain(|order| shown.contains(&order.service));
    }
    let text = if arguments.json { json(&report)? } else { table::render(&report) };
    say(&text);
    Ok(Verdict::Good)
}

/// How one instance stands, as a table; nothing when it is not registered.
pub(super) fn of_instance(client: &Client, service: &str, id: &str) -> Result<String, Failure> {
    let mut report = ask(client)?;
    report.services = select(report.services, service).unwrap_or_default();
    for service in &mut report.services {
        service.instances.retain(|instance| instance.id == id);
    }
    report.services.retain(|service| !service.instances.is_empty());
    report.sources.clear();
    report.orders.clear();
    Ok(if report.services.is_empty() { String::new() } else { table::render(&report) })
}

fn ask(client: &Client) -> Result<ServicesReport, Failure> {
    let request = Request { path: &["livezone", "services"], ..Request::default() };
    serde_json::from_str(&client.get(&request)?).map_err(|error| client.strange(error))
}

fn json(report: &ServicesReport) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report);
    text.map(|text| printable_json(&text).into_owned() + "\n")
        .map_err(|error| Failure::new(Verdict::Bad, error))
}

/// The services of this name, with or without its zone.
fn select(services: Vec<ServiceReport>, wanted: &str) -> anyhow::Result<Vec<ServiceReport>> {
    let wanted = wanted.trim_end_matches('.').to_ascii_lowercase();
    let is_it = |service: &ServiceReport| service.name == wanted || table::full(service) == wanted;
    let names: Vec<_> = services.iter().flat_map(|s| [s.name.clone(), table::full(s)]).collect();
    let found: Vec<_> = services.into_iter().filter(is_it).collect();
    if found.is_empty() {
        let advice = match nearest(&wanted, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean {name:?}?"),
            None => "`livezone status` lists all services".to_owned(),
        };
        return Err(anyhow!("no service {wanted:?} is registered; {advice}"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> ServiceReport {
        let (name, zone) = (name.to_owned(), "service.internal".to_owned());
        ServiceReport { name, zone, instances: Vec::new() }
    }

    #[test]
    fn a_service_is_named_with_or_without_its_zone() {
        for wanted in ["web", "WEB", "web.service.internal", "web.service.internal."] {
            let found = select(vec![service("api"), service("web")], wanted).unwrap();
            assert_eq!(found, [service("web")], "{wanted}");
        }
        let error = select(vec![service("web")], "wbe").unwrap_err();
        assert_eq!(error.to_string(), "no service \"wbe\" is registered; did you mean \"web\"?");
    }
}
