//! `livezone deregister`: takes back what was registered over HTTP.

use anyhow::anyhow;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::cli::client::{At, Client, Request};
use crate::cli::output::say;
use crate::cli::settings::Environment;
use crate::cli::{Failure, Verdict};
use crate::model::text::printable;

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone deregister web web-1
  livezone deregister web web-1 --http 127.0.0.1:8501    at another server

An instance of a file is taken out by editing the file. `livezone drain` takes an instance out in
two steps, so that no client is sent to it while it stops.";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The service
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    service: String,
    /// The instance's id, as `livezone status` shows it
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    id: String,
    #[command(flatten)]
    at: At,
}

/// Of `/v1/agent/service/{id}`.
#[derive(Deserialize)]
struct Registered {
    #[serde(rename = "Service")]
    name: String,
}

/// Of `/v1/agent/self`.
#[derive(Deserialize)]
struct Own {
    #[serde(rename = "Meta")]
    meta: Meta,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "livezone-zone")]
    zone: String,
}

pub(super) fn run(arguments: &Arguments, environment: &Environment) -> Result<Verdict, Failure> {
    let Arguments { service, id, at } = arguments;
    let client = Client::find(at, environment)?;
    match read::<Registered>(&client, &["agent", "service", id]) {
        Ok(Registered { name }) if !is_called(&client, &name, service)? => {
            let error = anyhow!("{id:?} is an instance of {name:?}, not of {service:?}");
            return Err(Failure::new(Verdict::Bad, error));
        }
        // Why not is better known to whoever is asked to deregister it: a file may hold the id.
        Ok(_) | Err(Failure { verdict: Verdict::Bad, .. }) => {}
        Err(failure) => return Err(failure),
    }
    client.put(&Request {
        path: &["agent", "service", "deregister", id],
        if_unknown: "`livezone status` lists services and the ids of their instances",
        ..Request::default()
    })?;
    say(&printable(&format!("deregistered {id} of {service}")));
    say("\n");
    Ok(Verdict::Good)
}

/// Whether a service of this name, registered over HTTP, is `wanted`, which may name its zone.
fn is_called(client: &Client, name: &str, wanted: &str) -> Result<bool, Failure> {
    let wanted = wanted.trim_end_matches('.');
    let Some((first, zone)) = wanted.split_once('.') else {
        return Ok(name.eq_ignore_ascii_case(wanted));
    };
    let own: Own = read(client, &["agent", "self"])?;
    let is_zone = own.meta.zone.trim_end_matches('.').eq_ignore_ascii_case(zone);
    Ok(is_zone && name.eq_ignore_ascii_case(first))
}

fn read<T: DeserializeOwned>(client: &Client, path: &[&str]) -> Result<T, Failure> {
    let text = client.get(&Request { path, ..Request::default() })?;
    serde_json::from_str(&text).map_err(|error| client.strange(error))
}
