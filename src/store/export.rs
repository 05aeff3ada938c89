//! The export: services and checks as JSON lines, for the day when the database file is damaged.

use std::fs::OpenOptions;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use redb::ReadTransaction;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tracing::warn;

use crate::model::time::Instant;
use crate::store::database::{Database, each};
use crate::store::file;
use crate::store::registrations::{Records, Table};

/// Beats are void long before anybody recovers.
const EXPORTED: [Table; 2] = [Table::Services, Table::Checks];

const PERIOD: Duration = Duration::from_secs(60);

/// Writes an export a minute at most, beside the store's thread, when something has changed.
#[derive(Debug)]
pub(super) struct Exporter {
    path: PathBuf,
    changed: bool,
    /// While something has changed, or an export is being written.
    due: Option<Instant>,
    running: Option<JoinHandle<io::Result<()>>>,
}

impl Exporter {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, changed: false, due: None, running: None }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn changed(&mut self, now: Instant) {
        self.changed = true;
        self.due.get_or_insert(now + PERIOD);
    }

    pub(super) fn tick(&mut self, now: Instant, database: Option<&Database>) {
        if self.due.is_none_or(|due| now < due) {
            return;
        }
        self.due = Some(now + PERIOD);
        if self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.collect();
        if !self.changed {
            self.due = None;
            return;
        }
        // Without a database, the next one that can be opened is exported.
        let Some(view) = database.and_then(|database| database.view().ok()) else { return };
        let path = self.path.clone();
        let thread = Builder::new().name("export".to_owned());
        self.running = thread.spawn(move || write(&path, &view)).ok();
        self.changed = self.running.is_none();
    }

    /// Waits for the export that is being written, and writes the last one.
    pub(super) fn finish(&mut self, database: Option<&Database>) {
        self.collect();
        if self.changed
            && let Some(view) = database.and_then(|database| database.view().ok())
            && let Err(error) = write(&self.path, &view)
        {
            self.tell(&error);
        }
    }

    fn collect(&mut self) {
        let Some(running) = self.running.take() else { return };
        // A panic has been logged.
        let Ok(written) = running.join() else { return };
        if let Err(error) = written {
            self.changed = true;
            self.tell(&error);
        }
    }

    fn tell(&self, error: &io::Error) {
        warn!(path = %self.path.display(), %error, "cannot export registrations");
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    table: String,
    key: String,
    value: Box<RawValue>,
}

/// Replaces the export by what `view` shows.
pub(super) fn write(path: &Path, view: &ReadTransaction) -> io::Result<()> {
    file::replace(path, |file| {
        for table in EXPORTED {
            let written = each(view, table, |key, value| {
                let value = RawValue::from_string(value.to_owned())?;
                let line = Line { table: table.name().to_owned(), key: key.to_owned(), value };
                serde_json::to_writer(&mut *file, &line)?;
                file.write_all(b"\n")
            });
            written.map_err(io::Error::other)?;
        }
        Ok(())
    })
}

pub(super) fn read(path: &Path) -> io::Result<Records> {
    let file = file::open(path, OpenOptions::new().read(true))?;
    let file = file.ok_or_else(|| io::Error::other("it is not a regular file"))?;
    let mut records = Records::default();
    for line in serde_json::Deserializer::from_reader(BufReader::new(file)).into_iter::<Line>() {
        let Line { table, key, value } = line?;
        let table = EXPORTED.into_iter().find(|of| of.name() == table);
        let table = table.ok_or_else(|| io::Error::other("it holds an unknown table"))?;
        records.of_mut(table).push((key, value.get().to_owned()));
    }
    Ok(records)
}
