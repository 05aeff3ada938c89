//! The log on standard error: its form from the start on, its level until the next reload.

use std::io;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Registry, fmt, reload};

use crate::cli::output::colour;
use crate::cli::panics;
use crate::config::{self, LogFormat, LogLevel};
use crate::diagnostic::Colour;
use crate::log::Log;
use crate::server::clock;

/// Changes the level of a log that runs.
#[derive(Clone, Debug)]
pub(super) struct Level(reload::Handle<Targets, Registry>);

impl Level {
    pub(super) fn set(&self, log: config::Log) {
        // A log that has ended needs no level.
        let _ = self.0.reload(filter(log));
    }
}

/// Starts the log of this process, once, with its panics in it.
pub(super) fn start(log: config::Log) -> Result<Level, TryInitError> {
    let (filter, handle) = reload::Layer::new(filter(log));
    let ansi = colour(&io::stderr()) == Colour::Ansi;
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => {
            let text = fmt::layer().with_writer(|| Log).with_ansi(ansi).with_target(false);
            registry.with(text).try_init()?;
        }
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).with_writer(|| Log);
            registry.with(json).try_init()?;
        }
    }
    panics::to_the_log(clock::start());
    Ok(Level(handle))
}

/// The level is ours; of the libraries only what went wrong is of interest.
fn filter(log: config::Log) -> Targets {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_target("livezone", level).with_default(level.min(LevelFilter::WARN))
}
