//! The log on standard error: its form from the start on, its level until the next reload. What comes
//! from outside leaves it printable, whatever field it is in.

use std::fmt::{self as std_fmt, Debug, Write as _};
use std::io;

use tracing::error;
use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{Registry, fmt, reload};

use crate::cli::output::colour;
use crate::cli::panics;
use crate::config::{self, LogFormat, LogLevel};
use crate::diagnostic::Colour;
use crate::log::Lines;
use crate::model::text::{Printing, printable_json};
use crate::server::clock;

#[derive(Clone, Debug)]
pub(super) struct Level(reload::Handle<Targets, Registry>);

impl Level {
    pub(super) fn set(&self, log: config::Log) {
        // A log that has ended needs no level.
        let _ = self.0.reload(filter(log));
    }
}

/// Starts the log of this process, once, with its panics in it; `lines` lead to standard error.
pub(super) fn start(log: config::Log, lines: Lines) -> Result<Level, TryInitError> {
    let (filter, handle) = reload::Layer::new(filter(log));
    let ansi = colour(&io::stderr()) == Colour::Ansi;
    let registry = tracing_subscriber::registry().with(filter);
    match log.format {
        LogFormat::Text => {
            let text = fmt::layer().fmt_fields(fields()).with_ansi(ansi).with_target(false);
            let text = text.with_writer(move || lines.clone()).log_internal_errors(false);
            registry.with(text).try_init()?;
        }
        LogFormat::Json => {
            let json = fmt::layer().json().flatten_event(true).log_internal_errors(false);
            let json = json.with_writer(move || Documents(lines.clone()));
            registry.with(json).try_init()?;
        }
    }
    panics::to_the_log(clock::start());
    Ok(Level(handle))
}

/// Told by the log's writer; an error, so that no level hides it.
pub(super) fn resumed(lost: u64) {
    error!(lost, "log lines were lost");
}

/// The library's own form, with values that are printable.
fn fields() -> impl for<'w> FormatFields<'w> + 'static {
    let field = |writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| -> std_fmt::Result {
        match (field.name(), writer.has_ansi_escapes()) {
            ("message", _) => {}
            (name, true) => write!(writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            (name, false) => write!(writer, "{name}=")?,
        }
        write!(Printing(writer), "{value:?}")
    };
    format::debug_fn(field).delimited(" ")
}

struct Documents(Lines);

impl io::Write for Documents {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(printable_json(&String::from_utf8_lossy(line)).as_bytes());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::{Subscriber, warn};

    use super::*;
    use crate::log::Writer as Thread;
    use crate::model::text::printable;

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is written of what `log` is given.
    fn written<S>(log: impl FnOnce(Lines) -> S, say: fn()) -> String
    where
        S: Subscriber + Send + Sync,
    {
        let page = Page::default();
        let thread = Thread::start(
            page.clone(),
            prometheus_client::metrics::counter::Counter::default(),
            |_| {},
        );
        let thread = thread.unwrap();
        tracing::subscriber::with_default(log(thread.lines()), say);
        drop(thread);
        String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
    }

    fn text(lines: Lines, ansi: bool) -> impl Subscriber + Send + Sync {
        let log = fmt().with_writer(move || lines.clone()).with_ansi(ansi).with_target(false);
        log.without_time().fmt_fields(fields()).finish()
    }

    fn ordinary() {
        let error = io::Error::other("no room");
        warn!(name = "a b", %error, count = 7_u64, flag = true, none = None::<&str>, time = ?std::time::Duration::ZERO, "it happened");
    }

    #[test]
    fn what_is_ordinary_looks_as_the_library_shows_it() {
        for ansi in [false, true] {
            let theirs = |lines: Lines| {
                let log = fmt().with_writer(move || lines.clone()).with_ansi(ansi);
                log.with_target(false).without_time().finish()
            };
            let ours = written(|lines| text(lines, ansi), ordinary);
            assert_eq!(ours, written(theirs, ordinary));
            assert_eq!(ours.contains('\x1b'), ansi);
        }
    }

    const HOSTILE: &str = "a\n\x1b[2J\u{9b}m\u{202e}\u{e0041}\u{2028}b";

    fn hostile() {
        let error = io::Error::other(HOSTILE);
        warn!(name = HOSTILE, instance = %HOSTILE, debug = ?HOSTILE, %error, "it happened");
    }

    #[test]
    fn what_is_hostile_is_one_line_that_moves_nothing() {
        for ansi in [false, true] {
            let shown = written(|lines| text(lines, ansi), hostile);
            assert_eq!(shown.matches('\n').count(), 1, "{shown:?}");
            let escaped = "a\\n\\u{1b}[2J\\u{9b}m\\u{202e}\\u{e0041}\\u{2028}b";
            assert_eq!(shown.matches(escaped).count(), 4, "{shown:?}");
            let plain = ["\x1b[0m", "\x1b[2m", "\x1b[3m", "\x1b[33m"];
            let bare = plain.iter().fold(shown, |shown, own| shown.replace(own, ""));
            assert_eq!(printable(bare.trim_end()), bare.trim_end());
        }
        let json = |lines: Lines| {
            let log = fmt().json().flatten_event(true);
            log.with_writer(move || Documents(lines.clone())).finish()
        };
        let shown = written(json, hostile);
        assert!(shown.is_ascii() && shown.matches('\n').count() == 1, "{shown:?}");
        let line: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!((&line["name"], &line["instance"]), (&HOSTILE.into(), &HOSTILE.into()));
    }

    #[test]
    fn the_loss_of_lines_is_told_at_every_level() {
        let shown = written(|lines| text(lines, false), || resumed(3));
        assert_eq!(shown, "ERROR log lines were lost lost=3\n");
    }
}
