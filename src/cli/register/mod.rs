//! `livezone register`: registers services of a definition file, or one that flags describe.

mod flags;

use std::io::{self, Read};
use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{ArgGroup, Args};
use serde_json::Value;

use crate::cli::client::{At, Client, Request};
use crate::cli::output::{colour, complain, counted, render, say};
use crate::cli::register::flags::{Check, Flags, Http};
use crate::cli::settings::{self, Environment, errors};
use crate::cli::{Failure, Verdict};
use crate::model::agent::{AgentCheck, AgentService};
use crate::model::text::printable;
use crate::sources::consul::api::{body, file};

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone register web.json                                  a Consul service definition
  jq .web all.json | livezone register -                      the same from standard input
  livezone register --name web --address 10.0.1.50 --port 8080 --http /health
  livezone register --name db  --address 10.0.1.60 --port 5432 --tcp --tag primary
  livezone register --name job --id job-1 --ttl 30s           then: livezone pass service:job-1

The file is JSON, or HCL if its name ends in .hcl: {\"service\": {…}}, {\"services\": […]}, or what
Consul's PUT /v1/agent/service/register takes. A service that is registered already under the same
id is replaced. When the command ends, DNS answers with what it registered, as health allows, and
it is on the server's disk.";

/// No request is longer.
const MOST_OCTETS: u64 = 16 * 1024 * 1024;

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["file", "name"])))]
pub(super) struct Arguments {
    /// A file with service definitions; - is standard input
    file: Option<PathBuf>,
    #[command(flatten)]
    flags: Flags,
    /// Check that this path answers with 200 to 299; HOST:PORT is the server to register at instead
    #[arg(long, value_name = "PATH|HOST:PORT")]
    http: Vec<Http>,
    #[arg(long, value_name = "FILE", help = settings::CONFIG)]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<Verdict, Failure> {
    let Arguments { file, flags, http, config } = arguments;
    let usage = |words: &str| Failure::new(Verdict::Usage, anyhow!("{words}"));
    let (path, server) = Http::split(http).map_err(usage)?;
    let check = Check::of(&flags, path).map_err(usage)?;
    let bodies = match file {
        None => vec![flags.body(check)],
        Some(_) if check.is_some() => {
            return Err(usage("a check cannot be added to a file: write it into the file"));
        }
        Some(file) => read(&file)?,
    };
    let bad = |words: String| Failure::new(Verdict::Bad, anyhow!("{words}"));
    let read = |value: &Value| {
        let text = value.to_string();
        body::service(text.as_bytes()).map(|service| (service, text)).map_err(bad)
    };
    // All of them, before one is sent.
    let services: Vec<_> = bodies.iter().map(read).collect::<Result<_, _>>()?;
    let client = Client::find(&At { http: server, config }, environment)?;
    for (service, body) in services {
        client.put(&Request {
            path: &["agent", "service", "register"],
            query: &[("replace-existing-checks", "true")],
            body,
            if_unknown: "",
        })?;
        say(&told(&service));
    }
    Ok(Verdict::Good)
}

/// What was registered, and what it waits for.
fn told(service: &AgentService) -> String {
    let told = format!("registered {} of {}\n", printable(&service.id), printable(&service.name));
    let waits =
        |check: &&AgentCheck| check.definition.contains_key("TTL") && check.status.is_none();
    let waiting = service.checks.iter().filter(waits).map(|check| {
        let id = printable(&check.id);
        format!("not served before its first heartbeat: livezone pass {id}\n")
    });
    iter::once(told).chain(waiting).collect()
}

/// The bodies of a file's services. Warnings are told.
fn read(path: &Path) -> Result<Vec<Value>, Failure> {
    let is_input = path == Path::new("-");
    let shown = if is_input { Path::new("standard input") } else { path };
    let text = text(path, is_input).with_context(|| format!("cannot read {}", shown.display()));
    let text = text.map_err(|error| Failure::new(Verdict::Bad, error))?;
    let (bodies, diagnostics) = file::bodies(Arc::from(shown), text.into());
    let details = render(&diagnostics, colour(&io::stderr()));
    let Some(bodies) = bodies else {
        let error = anyhow!("{} has {}", shown.display(), counted(errors(&diagnostics), "error"));
        return Err(Failure { verdict: Verdict::Bad, details, error });
    };
    complain(&details);
    Ok(bodies)
}

fn text(path: &Path, is_input: bool) -> io::Result<String> {
    let mut text = String::new();
    let from: Box<dyn Read> =
        if is_input { Box::new(io::stdin()) } else { Box::new(std::fs::File::open(path)?) };
    from.take(MOST_OCTETS).read_to_string(&mut text)?;
    Ok(text)
}
