//! `livezone serve`.

use std::io;
use std::path::PathBuf;

use clap::Args;
use nix::unistd::geteuid;
use tracing::warn;

use crate::cli::output::{colour, render};
use crate::cli::settings::{self, Environment, Overrides, SettingsError};
use crate::cli::{Failure, Verdict, log};
use crate::complaints::Complaints;
use crate::diagnostic::Diagnostic;
use crate::log::Lines;
use crate::metrics::Metrics;
use crate::server::notify::Supervisor;
use crate::server::{self, Options, ServeError};
use crate::store::open::Recover;

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone serve                     ./zones, DNS on 127.0.0.1:8600, HTTP on 127.0.0.1:8500
  livezone serve --dns 10.0.0.2:53 --dns [2001:db8::2]:53 --http \"\"
  livezone serve --config /etc/livezone.toml --ready-file /run/livezone.ready

Signals:
  SIGHUP   read livezone.toml and the zones again
  SIGTERM  answer DNS for shutdown_grace (5s by default), then stop

docs/configuration.md describes each key of livezone.toml, zone.toml and registrations.";

const READY_FILE: &str = "Write this file when the server is ready: its addresses, a key=value line \
                          each [env: LIVEZONE_READY_FILE]";

const RECOVER_STORE: &str = "Load the last export of registrations whose database was damaged or lost \
                             [env: LIVEZONE_RECOVER_STORE]";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    overrides: Overrides,
    #[arg(long, value_name = "PATH", help = READY_FILE)]
    ready_file: Option<PathBuf>,
    #[arg(long, help = RECOVER_STORE)]
    recover_store: bool,
}

pub(super) fn run(
    arguments: Arguments,
    environment: &Environment,
    lines: &Lines,
    metrics: Metrics,
) -> Result<Verdict, Failure> {
    let Arguments { overrides, ready_file, recover_store } = arguments;
    // The environment of a process does not change: what it says now it says at each reload.
    let lower = Overrides::of(environment)?;
    let loaded = settings::load_over(&overrides, &lower)?;
    lines.put(render(&loaded.diagnostics, colour(&io::stderr())).as_bytes());
    let level =
        log::start(loaded.config.log, lines.clone()).map_err(|e| Failure::new(Verdict::Bad, e))?;
    let from_environment = || environment("LIVEZONE_READY_FILE").map(PathBuf::from);
    let ready_file = ready_file.or_else(from_environment).filter(|p| !p.as_os_str().is_empty());
    let recover = recover_store || settings::switch(environment, "LIVEZONE_RECOVER_STORE")?;
    let recover = if recover { Recover::FromExport } else { Recover::No };
    let reload = move || {
        let loaded = settings::load_over(&overrides, &lower).map_err(|e| in_one_line(&e))?;
        level.set(loaded.config.log);
        Ok(loaded.config)
    };
    if geteuid().is_root() {
        let instead = "run as an unprivileged user with CAP_NET_BIND_SERVICE, as in \
                       deploy/systemd/livezone.service";
        warn!(instead, "running as root is not necessary");
    }
    let (config, reload) = (loaded.config, Box::new(reload));
    let supervisor = supervisor(environment);
    let options =
        Options { config, metrics, ready_file, reload, recover, supervisor, started: None };
    server::run(options).map_err(failed)?;
    Ok(Verdict::Good)
}

/// One that cannot be told is no reason not to serve.
fn supervisor(environment: &Environment) -> Supervisor {
    Supervisor::of(environment, std::process::id()).unwrap_or_else(|error| {
        warn!(%error, cause = %error.source, "service manager notifications are off");
        Supervisor::default()
    })
}

/// The server's own judgement of what stood in its way.
pub(super) fn failed(error: ServeError) -> Failure {
    let verdict = if error.exit_code() == 3 { Verdict::Unreachable } else { Verdict::Bad };
    Failure::new(verdict, error)
}

/// For the log.
fn in_one_line(error: &SettingsError) -> String {
    match error {
        SettingsError::File { diagnostics, .. } => {
            let few = Complaints::few(diagnostics);
            few.iter().map(Diagnostic::short).collect::<Vec<_>>().join("; ")
        }
        SettingsError::Read { source, .. } => format!("{error}: {source}"),
        SettingsError::Environment { .. } | SettingsError::Together(_) => error.to_string(),
    }
}
