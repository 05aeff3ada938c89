//! The configuration of one run: flags beat the environment, which beats livezone.toml, which
//! beats the defaults.

use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use crate::cli::output::{colour, counted, render};
use crate::cli::{Failure, Verdict};
use crate::config::{Config, ConfigError, livezone_toml};
use crate::diagnostic::{Diagnostic, Severity};

/// Read without being named, when it is there.
const DEFAULT_FILE: &str = "livezone.toml";

pub(super) const CONFIG: &str =
    "Read this configuration file instead of ./livezone.toml [env: LIVEZONE_CONFIG]";
pub(super) const ZONES: &str = "Directory with one subdirectory per zone [env: LIVEZONE_ZONES]";
const STATE: &str =
    "Directory for what must survive a restart: the SOA serial [env: LIVEZONE_STATE]";
const DNS: &str = "Answer DNS at this address and port, over UDP and TCP; repeat the flag for more \
                   addresses [env: LIVEZONE_DNS]";
const HTTP: &str = "Serve health, metrics and the API over HTTP at this address and port; \"\" turns \
                    HTTP off [env: LIVEZONE_HTTP]";
const INSECURE: &str = "Allow an HTTP address beyond loopback, although the API has neither TLS nor \
                        tokens [env: LIVEZONE_INSECURE]";

/// Reads one variable.
pub(super) type Environment = dyn Fn(&str) -> Option<OsString>;

/// What flags, or the environment, say instead of livezone.toml.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    #[arg(long, value_name = "FILE", help = CONFIG)]
    pub(super) config: Option<PathBuf>,
    #[arg(long, value_name = "DIR", help = ZONES)]
    pub(super) zones: Option<PathBuf>,
    #[arg(long, value_name = "DIR", help = STATE)]
    pub(super) state: Option<PathBuf>,
    #[command(flatten)]
    pub(super) listen: Listen,
}

/// Where to listen.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listen {
    #[arg(long, value_name = "ADDR", value_parser = socket, help = DNS)]
    pub(super) dns: Vec<SocketAddr>,
    #[arg(long, value_name = "ADDR", value_parser = http_listen, help = HTTP)]
    pub(super) http: Option<HttpListen>,
    #[arg(long, help = INSECURE)]
    pub(super) insecure: bool,
}

/// `--http`: an address, or `""`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HttpListen {
    Off,
    At(SocketAddr),
}

/// The configuration, and what is to be said of its file.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) config: Config,
    /// Warnings only.
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub(super) enum SettingsError {
    /// It was named and cannot be read, or is there and cannot.
    #[error("cannot read configuration {path}")]
    Read {
        /// As named.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// All that is wrong with it.
    #[error("{path} has {}", counted(errors(.diagnostics), "error"))]
    File {
        /// As named.
        path: PathBuf,
        /// Warnings too.
        diagnostics: Vec<Diagnostic>,
    },
    /// A variable says what it cannot mean.
    #[error("invalid {variable} {value:?}: {advice}")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What it should.
        advice: String,
    },
    /// Each value is good, all together are not.
    #[error(transparent)]
    Together(#[from] ConfigError),
}

/// How many of them are errors.
pub(super) fn errors(diagnostics: &[Diagnostic]) -> usize {
    counted_of(diagnostics, Severity::Error)
}

/// How many of them are of that severity, shown or not.
pub(super) fn counted_of(diagnostics: &[Diagnostic], severity: Severity) -> usize {
    diagnostics.iter().filter(|d| d.severity == severity).map(Diagnostic::count).sum()
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        let (verdict, details) = match &error {
            SettingsError::Environment { .. } => (Verdict::Usage, String::new()),
            SettingsError::File { diagnostics, .. } => {
                (Verdict::Bad, render(diagnostics, colour(&io::stderr())))
            }
            SettingsError::Read { .. } | SettingsError::Together(_) => {
                (Verdict::Bad, String::new())
            }
        };
        Self { verdict, details, error: error.into() }
    }
}

/// Reads everything that has a say.
pub(super) fn load(flags: &Overrides, environment: &Environment) -> Result<Loaded, SettingsError> {
    load_over(flags, &Overrides::of(environment)?)
}

/// The same with what the environment said before.
pub(super) fn load_over(flags: &Overrides, lower: &Overrides) -> Result<Loaded, SettingsError> {
    let overrides = flags.clone().over(lower.clone());
    let mut loaded = read(overrides.config.as_deref())?;
    overrides.apply(&mut loaded.config);
    loaded.config.check()?;
    Ok(loaded)
}

/// The file alone.
fn read(named: Option<&Path>) -> Result<Loaded, SettingsError> {
    let path = named.unwrap_or(Path::new(DEFAULT_FILE));
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(Loaded { config: Config::default(), diagnostics: Vec::new() });
        }
        Err(source) => return Err(SettingsError::Read { path: path.to_owned(), source }),
    };
    let (config, diagnostics) = livezone_toml::parse(Arc::from(path), text.into());
    match config {
        Some(config) => Ok(Loaded { config, diagnostics }),
        None => Err(SettingsError::File { path: path.to_owned(), diagnostics }),
    }
}

/// Whether a variable turns something on.
pub(super) fn switch(
    environment: &Environment,
    variable: &'static str,
) -> Result<bool, SettingsError> {
    match environment(variable).map(|value| value.to_string_lossy().into_owned()).as_deref() {
        Some("true" | "1") => Ok(true),
        None | Some("" | "false" | "0") => Ok(false),
        Some(other) => {
            let (value, advice) = (other.to_owned(), "write \"true\" or \"false\"".to_owned());
            Err(SettingsError::Environment { variable, value, advice })
        }
    }
}

impl Overrides {
    /// What the environment says. An empty variable says nothing, but for `LIVEZONE_HTTP`.
    pub(super) fn of(environment: &Environment) -> Result<Self, SettingsError> {
        let folder = |name| environment(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let text = |variable| environment(variable).map(|v| v.to_string_lossy().into_owned());
        let wrong = |variable, value: &str, advice| SettingsError::Environment {
            variable,
            value: value.to_owned(),
            advice,
        };
        let mut listen = Listen::default();
        for part in text("LIVEZONE_DNS").iter().flat_map(|v| v.split(',')).map(str::trim) {
            if !part.is_empty() {
                listen.dns.push(socket(part).map_err(|e| wrong("LIVEZONE_DNS", part, e))?);
            }
        }
        if let Some(value) = text("LIVEZONE_HTTP") {
            listen.http = Some(http_listen(&value).map_err(|e| wrong("LIVEZONE_HTTP", &value, e))?);
        }
        listen.insecure = switch(environment, "LIVEZONE_INSECURE")?;
        let config = folder("LIVEZONE_CONFIG");
        let (zones, state) = (folder("LIVEZONE_ZONES"), folder("LIVEZONE_STATE"));
        Ok(Self { config, zones, state, listen })
    }

    /// `self` where it says something, else `lower`.
    pub(super) fn over(self, lower: Self) -> Self {
        let dns = if self.listen.dns.is_empty() { lower.listen.dns } else { self.listen.dns };
        Self {
            config: self.config.or(lower.config),
            zones: self.zones.or(lower.zones),
            state: self.state.or(lower.state),
            listen: Listen {
                dns,
                http: self.listen.http.or(lower.listen.http),
                insecure: self.listen.insecure || lower.listen.insecure,
            },
        }
    }

    pub(super) fn apply(self, config: &mut Config) {
        config.zones_dir = self.zones.unwrap_or_else(|| std::mem::take(&mut config.zones_dir));
        config.state_dir = self.state.unwrap_or_else(|| std::mem::take(&mut config.state_dir));
        if !self.listen.dns.is_empty() {
            config.dns.listen = self.listen.dns;
        }
        match self.listen.http {
            None => {}
            Some(HttpListen::Off) => config.http.listen = None,
            Some(HttpListen::At(address)) => config.http.listen = Some(address),
        }
        config.http.insecure |= self.listen.insecure;
    }
}

fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| match text.parse::<IpAddr>() {
        Ok(address) => format!("add a port, like {}", SocketAddr::new(address, 8600)),
        Err(_) => "write an address and a port, like 127.0.0.1:8600".to_owned(),
    })
}

fn http_listen(text: &str) -> Result<HttpListen, String> {
    if text.is_empty() { Ok(HttpListen::Off) } else { socket(text).map(HttpListen::At) }
}

#[cfg(test)]
mod tests;
