//! `livezone status`: asks a running server what it serves, and why not the rest.

mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use reqwest::StatusCode;

use crate::cli::output::say;
use crate::cli::settings::{self, Environment, Listen, Overrides};
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

const HTTP: &str =
    "The server's HTTP address and port, such as 127.0.0.1:8500 [env: LIVEZONE_HTTP]";

/// The server answers from what it has published, and waits for nothing.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Show only this service: web, or web.service.internal
    service: Option<String>,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
    #[arg(long, value_name = "ADDR", help = HTTP)]
    http: Option<String>,
    #[arg(long, value_name = "FILE", help = settings::CONFIG)]
    config: Option<std::path::PathBuf>,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<Verdict, Failure> {
    let server = find(arguments, environment)?;
    let mut report = ask(&server).map_err(|error| Failure::new(Verdict::Unreachable, error))?;
    if let Some(wanted) = &arguments.service {
        report.services =
            select(report.services, wanted).map_err(|error| Failure::new(Verdict::Bad, error))?;
    }
    let text = if arguments.json { json(&report)? } else { table::render(&report) };
    say(&text);
    Ok(Verdict::Good)
}

fn json(report: &ServicesReport) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(report);
    text.map(|text| printable_json(&text).into_owned() + "\n")
        .map_err(|error| Failure::new(Verdict::Bad, error))
}

/// Where the server is, as host:port.
fn find(arguments: &Arguments, environment: &Environment) -> Result<String, Failure> {
    let named = |text: &String| text.rsplit_once(':').is_some_and(|(host, _)| !host.is_empty());
    if let Some(http) = &arguments.http {
        if !named(http) {
            let error = anyhow!("invalid --http {http:?}: write host:port, like 127.0.0.1:8500");
            return Err(Failure::new(Verdict::Usage, error));
        }
        return Ok(http.clone());
    }
    // The variable may name a host, which an address to listen on may not.
    let variable = environment("LIVEZONE_HTTP").and_then(|value| value.into_string().ok());
    if let Some(http) = variable.filter(named) {
        return Ok(reachable(&http));
    }
    let config = arguments.config.clone();
    let flags = Overrides { config, zones: None, state: None, listen: Listen::default() };
    let Some(listen) = settings::load(&flags, environment)?.config.http.listen else {
        let error = anyhow!(
            "the configuration turns the HTTP API off: give the address of a \
                             server with --http ADDR"
        );
        return Err(Failure::new(Verdict::Unreachable, error));
    };
    Ok(reachable(&listen.to_string()))
}

/// Who listens on every address listens on loopback.
fn reachable(listen: &str) -> String {
    match listen.parse::<SocketAddr>() {
        Ok(mut socket) if socket.ip().is_unspecified() => {
            socket.set_ip(match socket.ip() {
                IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            });
            socket.to_string()
        }
        Ok(_) | Err(_) => listen.to_owned(),
    }
}

fn ask(server: &str) -> anyhow::Result<ServicesReport> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // A proxy knows nothing of this host's loopback.
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let url = format!("http://{server}/v1/livezone/services");
        let answer = client.get(url).send().await.with_context(|| {
            format!(
                "cannot reach livezone at {server}: check that `livezone serve` is running and \
                 listens there, or give another address with --http ADDR"
            )
        })?;
        if answer.status() == StatusCode::MISDIRECTED_REQUEST {
            return Err(anyhow!(
                "livezone at {server} does not accept this name: give its address with --http, or \
                 add the name to [http] hosts in its livezone.toml and send SIGHUP"
            ));
        }
        let answer =
            answer.error_for_status().with_context(|| format!("{server} returned an error"))?;
        answer.json().await.with_context(|| {
            format!(
                "cannot read the response of {server}: check \
                                                     that it is a livezone server"
            )
        })
    })
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
    use std::ffi::OsString;

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

    #[test]
    fn a_server_is_found_by_flag_then_environment_and_a_wildcard_is_loopback() {
        let mut arguments = Arguments {
            service: None,
            json: false,
            http: Some("livezone:8500".to_owned()),
            config: None,
        };
        let environment =
            |name: &str| (name == "LIVEZONE_HTTP").then(|| OsString::from("0.0.0.0:8501"));
        assert_eq!(find(&arguments, &environment).unwrap(), "livezone:8500");
        arguments.http = None;
        assert_eq!(find(&arguments, &environment).unwrap(), "127.0.0.1:8501");
        arguments.http = Some("8500".to_owned());
        assert_eq!(find(&arguments, &environment).unwrap_err().verdict, Verdict::Usage);
        assert_eq!(reachable("[::]:8500"), "[::1]:8500");
    }

    #[test]
    fn a_server_that_is_not_known_by_that_name_is_told_of_with_what_to_do() {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            assert!(stream.read(&mut [0; 1024]).unwrap() > 0);
            let answer = b"HTTP/1.1 421 Misdirected Request\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(answer).unwrap();
        });
        let error = ask(&server).unwrap_err().to_string();
        thread.join().unwrap();
        assert!(error.contains(&server) && error.contains("[http] hosts"), "{error}");
    }

    #[test]
    fn a_server_that_turned_http_off_cannot_be_reached() {
        let arguments = Arguments { service: None, json: false, http: None, config: None };
        let environment = |name: &str| (name == "LIVEZONE_HTTP").then(OsString::new);
        let failure = find(&arguments, &environment).unwrap_err();
        assert_eq!(failure.verdict, Verdict::Unreachable);
    }
}
