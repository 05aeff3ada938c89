//! The log: one line a change of state, facts as fields, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat, LogLevel};

/// Changes the level while the process runs.
#[derive(Clone, Debug)]
pub struct Level(reload::Handle<Targets, Registry>);

impl Level {
    /// From now on.
    pub fn set(&self, level: LogLevel) {
        // The handle fails only when the log itself has gone.
        let _ = self.0.reload(targets(level));
    }
}

/// Starts the log of this process; a process that has one already keeps it.
pub fn start(log: &Log) -> Level {
    let (filter, handle) = reload::Layer::new(targets(log.level));
    let format = fmt::layer().with_writer(io::stderr).with_target(false);
    let format = match log.format {
        LogFormat::Text => format.with_ansi(io::stderr().is_terminal()).boxed(),
        LogFormat::Json => format.json().flatten_event(true).boxed(),
    };
    let _ = tracing_subscriber::registry().with(filter).with(format).try_init();
    Level(handle)
}

/// Our own lines at `level`; of the libraries only what is wrong.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    Targets::new().with_target("livezone", level).with_default(level.min(LevelFilter::WARN))
}
