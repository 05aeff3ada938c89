//! `livezone demo`: the tour of 30 seconds, on the same server as `serve`.

mod backends;
mod folder;

use std::io;
use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use prometheus_client::metrics::counter::Counter;

use crate::cli::demo::backends::Backends;
use crate::cli::demo::folder::Folder;
use crate::cli::settings::{Environment, Listen, Overrides};
use crate::cli::{Failure, Verdict, chain, log, serve};
use crate::config::Config;
use crate::log::{Lines, Writer, stream};
use crate::metrics::Metrics;
use crate::server::notify::Supervisor;
use crate::server::{self, Addresses, Options};
use crate::store::open::Recover;

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone demo
  livezone demo --dns 127.0.0.1:0 --http 127.0.0.1:0    on any free ports

The demo needs no files: it uses a temporary directory, which it removes when it ends.";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    listen: Listen,
}

pub(super) fn run(
    arguments: Arguments,
    environment: &Environment,
    lines: &Lines,
    metrics: Metrics,
) -> Result<Verdict, Failure> {
    let unusable = |error| Failure::new(Verdict::Unreachable, error);
    let backends = Backends::start()?;
    let folder = Folder::make(&backends).map_err(unusable)?;
    let config = configure(arguments.listen, environment, &folder)?;
    let bad = |error: anyhow::Error| Failure::new(Verdict::Bad, error);
    log::start(config.log, lines.clone()).map_err(|error| bad(error.into()))?;
    let tourist = tourist().map_err(bad)?;
    let told = tourist.lines();
    let (unchanged, backend) = (config.clone(), backends.addresses[1]);
    let options = Options {
        config,
        metrics,
        ready_file: None,
        reload: Box::new(move || Ok(unchanged.clone())),
        recover: Recover::No,
        supervisor: Supervisor::default(),
        started: Some(Box::new(move |addresses| told.put(tour(addresses, backend).as_bytes()))),
    };
    let ended = server::run(options);
    backends.stop();
    if let Err(error) = folder.remove() {
        lines.put(chain(&error).as_bytes());
    }
    ended.map_err(serve::failed)?;
    tourist.lines().put(b"The demo has ended.\n");
    Ok(Verdict::Good)
}

/// Who reads the tour on standard output; the demo waits for them as little as for readers of the log.
fn tourist() -> anyhow::Result<Writer> {
    stream(&io::stdout())
        .and_then(|to| Writer::start(to, Counter::default(), |_| {}))
        .context(server::threads::missing("the tour"))
}

fn configure(
    listen: Listen,
    environment: &Environment,
    folder: &Folder,
) -> Result<Config, Failure> {
    let mut config = Config::default();
    let flags = Overrides { config: None, zones: None, state: None, listen };
    flags.over(Overrides::of(environment)?).apply(&mut config);
    config.zones_dir = folder.zones();
    config.state_dir = folder.state();
    // Nobody needs answers from a demo that was told to end.
    config.shutdown_grace = std::time::Duration::ZERO;
    config.check().map_err(|error| Failure::new(Verdict::Bad, error))?;
    Ok(config)
}

/// Lines to copy, with the addresses as they came to be.
fn tour(addresses: &Addresses, backend: SocketAddr) -> String {
    let dig = addresses.dns.first().map_or_else(String::new, |dns| {
        format!("dig +short -p {} @{} web.{}", dns.port(), dns.ip(), folder::ZONE)
    });
    let status = match addresses.http {
        Some(http) => format!("\n  livezone status --http {http}\n"),
        None => String::new(),
    };
    format!(
        "
Three backends are running, and web.{zone} resolves to all of them. In another terminal:

  {dig}

Make one backend fail. Within two seconds its address is gone from the answers:

  curl -X POST http://{backend}/fail
  {dig}

Let it recover. Its address comes back:

  curl -X POST http://{backend}/recover
  {dig}
{status}
Health changes are logged below. Press Ctrl-C to end the demo.

",
        zone = folder::ZONE,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tour_names_the_addresses_that_were_bound() {
        let dns = vec!["127.0.0.1:40053".parse().unwrap()];
        let http = Some("127.0.0.1:40080".parse().unwrap());
        let addresses = Addresses { dns, http, observe: None };
        let tour = tour(&addresses, "127.0.0.3:4000".parse().unwrap());
        for line in [
            "\n  dig +short -p 40053 @127.0.0.1 web.service.internal\n",
            "\n  curl -X POST http://127.0.0.3:4000/fail\n",
            "\n  curl -X POST http://127.0.0.3:4000/recover\n",
            "\n  livezone status --http 127.0.0.1:40080\n",
        ] {
            assert!(tour.contains(line), "{tour}");
        }
    }
}
