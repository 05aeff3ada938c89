//! `livezone check`: everything that would be wrong, before it is served.

mod lint;
mod paths;
mod references;
mod tls_files;

use std::io;
use std::path::PathBuf;

use clap::Args;

use crate::cli::check::lint::{Found, Tally, lint};
use crate::cli::check::paths::{Selection, select};
use crate::cli::output::{colour, counted, render, say};
use crate::cli::settings::{
    self, Environment, Listen, Loaded, Overrides, SettingsError, counted_of, errors,
};
use crate::cli::{Failure, Verdict, zones};
use crate::complaints::Complaints;
use crate::config::Config;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::settings::Settings;
use crate::sources::files::parse::Host;

pub(super) const EXAMPLES: &str = "\
Examples:
  livezone check                                      livezone.toml and all zones
  livezone check zones/service.internal/web.toml      one file, checked with the rest of its zone
  livezone check --config /etc/livezone.toml && systemctl reload livezone

Exit codes: 0 no errors (there may be warnings), 1 errors found.";

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[arg(long, value_name = "FILE", help = settings::CONFIG)]
    config: Option<PathBuf>,
    #[arg(long, value_name = "DIR", help = settings::ZONES)]
    zones: Option<PathBuf>,
    /// Report only on these files and directories; the zone of a file is the name of its directory
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub(super) fn run(arguments: Arguments, environment: &Environment) -> Result<Verdict, Failure> {
    let Arguments { config, zones, paths } = arguments;
    let flags = Overrides { config, zones, state: None, listen: Listen::default() };
    let mut report = Report::default();
    match settings::load(&flags, environment) {
        Ok(loaded) => report.everything(loaded, &paths),
        // Zones are judged too, under the defaults.
        Err(SettingsError::File { diagnostics, .. }) => {
            let mut config = Config::default();
            flags.over(Overrides::of(environment)?).apply(&mut config);
            report.everything(Loaded { config, diagnostics }, &paths);
        }
        Err(
            other @ (SettingsError::Read { .. }
            | SettingsError::Environment { .. }
            | SettingsError::Together(_)),
        ) => return Err(other.into()),
    }
    say(&render(&report.diagnostics, colour(&io::stdout())));
    say(&(report.summary() + "\n"));
    Ok(if errors(&report.diagnostics) == 0 { Verdict::Good } else { Verdict::Bad })
}

/// What is wrong, and how much was looked at.
#[derive(Debug, Default)]
struct Report {
    diagnostics: Vec<Diagnostic>,
    tally: Tally,
}

impl Report {
    /// Looks at the configuration and all zones, or at the paths that are named.
    fn everything(&mut self, loaded: Loaded, paths: &[PathBuf]) {
        let Loaded { config, diagnostics } = loaded;
        let host = Host::new(&config);
        if paths.is_empty() {
            self.diagnostics = diagnostics;
            let read = zones::read_all(&config.zones_dir, &host);
            let Found { complaints, dangling, tally } =
                lint(read, Settings::of(&config), &|_| true);
            self.take(complaints.into_iter().chain(dangling), tally);
            return;
        }
        let Selection { read, wanted, diagnostics } = select(paths, &host);
        let Found { complaints, dangling, tally } =
            lint(read, Settings::of(&config), &|path| wanted.covers(path));
        self.diagnostics = diagnostics;
        let complaints = complaints.into_iter().filter(|d| wanted.covers(&d.path));
        // A file may be looked at far from those that hold what it refers to.
        let dangling = dangling.into_iter().filter(|d| wanted.covers_folder_of(&d.path));
        self.take(complaints.chain(dangling), tally);
    }

    /// In the order of files and places, and of each file not too many.
    fn take(&mut self, found: impl Iterator<Item = Diagnostic>, tally: Tally) {
        let mut complaints = Complaints::default();
        complaints.extend(found);
        self.diagnostics.extend(complaints.into_vec());
        self.tally = tally;
    }

    fn summary(&self) -> String {
        let errors = errors(&self.diagnostics);
        let warnings = counted_of(&self.diagnostics, Severity::Warning);
        let Tally { zones, services, instances } = self.tally;
        let looked_at =
            [counted(zones, "zone"), counted(services, "service"), counted(instances, "instance")];
        let verdict = match (errors, warnings) {
            (0, 0) => "all is well".to_owned(),
            (0, warnings) => counted(warnings, "warning"),
            (errors, 0) => counted(errors, "error"),
            (errors, warnings) => {
                format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"))
            }
        };
        format!("{}: {verdict}", looked_at.join(", "))
    }
}

#[cfg(test)]
mod tests;
