//! Opens what is kept. Damage never stops the start: a file that cannot be used is renamed, with its
//! export, and so is never overwritten.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;

use crate::model::time::Clock;
use crate::store::database::{Database, DatabaseError, Loaded};
use crate::store::export::{self, Exporter};
use crate::store::file;
use crate::store::orders::Orders;
use crate::store::registrations::{Op, Opened, Problem, Records, Store, Table};
use crate::store::writer::{QUEUE, Writer};

const DATABASE: &str = "registrations.redb";
const EXPORT: &str = "registrations.export";
/// What could not be used, the export of it, and an export that was loaded: each with the same
/// number behind it.
const DAMAGED: &str = "registrations.damaged-";
const KEPT: &str = "registrations.export-";
const RECOVERED: &str = "registrations.recovered-";

/// What to do with the export of a database that was damaged or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recover {
    No,
    /// Add to the database what it lacks: `serve --recover-store`.
    FromExport,
}

/// Opens or creates the database of registrations and the orders in `directory`, and starts the
/// thread. Without a directory, all that is to be kept is refused.
pub fn open(directory: Option<&Path>, recover: Recover, clock: Clock) -> Opened {
    let Some(directory) = directory else { return Opened::default() };
    let (records, owed, problems) = (Records::default(), Vec::new(), Vec::new());
    let mut opening = Opening { directory, records, owed, problems };
    let state = opening.load();
    let export = (recover == Recover::FromExport).then(|| opening.read_export()).flatten();
    let (is_usable, existed) = (!matches!(state, State::Unusable), !matches!(state, State::Absent));
    let database = opening.settle(state, export);
    let Opening { records, owed, mut problems, .. } = opening;
    let (orders, lines) = Orders::open(directory, &mut problems);
    let mut opened = Opened { store: Store::default(), records, orders: lines, problems };
    if !is_usable {
        return opened;
    }
    let existed = existed || database.is_some();
    let (path, exporter) = (directory.join(DATABASE), Exporter::new(directory.join(EXPORT)));
    let (waiting, due) = (Vec::new(), None);
    let writer = Writer { path, database, existed, owed, orders, exporter, clock, waiting, due };
    let (sender, queue) = sync_channel(QUEUE);
    match Builder::new().name("store".to_owned()).spawn(move || writer.run(&queue)) {
        Ok(thread) => opened.store = Store::new(sender, thread),
        Err(error) => opened.problems.push(Problem::Thread { why: error.to_string() }),
    }
    opened
}

struct Opening<'a> {
    directory: &'a Path,
    records: Records,
    owed: Vec<Op>,
    problems: Vec<Problem>,
}

enum State {
    Usable(Database),
    Absent,
    /// It could be read, but not opened for writing now.
    Full,
    /// It could not be read, or not be renamed: it is left alone.
    Unusable,
}

impl Opening<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Reads the database, and renames what is damaged.
    fn load(&mut self) -> State {
        let path = self.path(DATABASE);
        match Database::open(&path).and_then(with_rows) {
            Ok((database, Loaded { records, unreadable })) => {
                self.records = records;
                if unreadable > 0 {
                    self.problems.push(Problem::Unreadable { path, unreadable });
                }
                State::Usable(database)
            }
            Err(DatabaseError::Missing) => {
                if fs::symlink_metadata(self.path(EXPORT)).is_ok() && self.set_aside().is_some() {
                    self.problems.push(Problem::Lost { path });
                }
                State::Absent
            }
            Err(error) if error.is_damage() => {
                let Some(aside) = self.set_aside() else { return State::Unusable };
                self.problems.push(Problem::Damaged { path, why: error.to_string(), aside });
                State::Absent
            }
            Err(error) => self.load_copy(path, &error),
        }
    }

    /// What can be read is served, though nothing can be written.
    fn load_copy(&mut self, path: PathBuf, error: &DatabaseError) -> State {
        let why = error.to_string();
        let Ok((_, Loaded { records, .. })) = Database::copy(&path).and_then(with_rows) else {
            self.problems.push(Problem::Read { path, why });
            return State::Unusable;
        };
        self.records = records;
        self.problems.push(Problem::Write { path, why });
        State::Full
    }

    /// Renames the database and its export; the database's new name, unless that failed.
    fn set_aside(&mut self) -> Option<PathBuf> {
        let number = self.last_incident() + 1;
        let mut result = Ok(());
        for (name, aside) in [(DATABASE, DAMAGED), (EXPORT, KEPT)] {
            let path = self.path(name);
            if result.is_ok() && fs::symlink_metadata(&path).is_ok() {
                result = file::rename(&path, &self.path(&format!("{aside}{number}")));
            }
        }
        let aside = self.path(&format!("{DAMAGED}{number}"));
        let path = self.path(DATABASE);
        let note = |error: io::Error| Problem::Write { path, why: error.to_string() };
        result.map_err(|error| self.problems.push(note(error))).ok().map(|()| aside)
    }

    /// The highest number that a file has which was renamed; 0 where there is none.
    fn last_incident(&self) -> u64 {
        let names = fs::read_dir(self.directory).into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let number = |name: String| {
            let tail = [DAMAGED, KEPT, RECOVERED].iter().find_map(|p| name.strip_prefix(p))?;
            tail.parse().ok()
        };
        names.filter_map(number).max().unwrap_or(0)
    }

    /// Adds what the database lacks of the last incident's export, which is then to be renamed.
    fn read_export(&mut self) -> Option<Export> {
        let number = self.last_incident();
        let (path, aside) =
            (self.path(&format!("{KEPT}{number}")), self.path(&format!("{RECOVERED}{number}")));
        let exported = match export::read(&path) {
            Ok(exported) => exported,
            Err(error) => {
                self.problems.push(match error.kind() {
                    io::ErrorKind::NotFound => Problem::NothingToRecover,
                    _ => Problem::Read { path, why: error.to_string() },
                });
                return None;
            }
        };
        let before = self.owed.len();
        for table in Table::ALL {
            let kept = self.records.of_mut(table);
            let known: HashSet<String> = kept.iter().map(|(key, _)| key.clone()).collect();
            for (key, value) in exported.of(table) {
                if !known.contains(key) {
                    kept.push((key.clone(), value.clone()));
                    self.owed.push(Op::new(table, key, Some(value)));
                }
            }
            kept.sort_unstable();
        }
        Some(Export { path, aside, records: self.owed.len() - before })
    }

    /// Creates the database where there is none, and writes what is owed.
    fn settle(&mut self, state: State, export: Option<Export>) -> Option<Database> {
        let path = self.path(DATABASE);
        let settled = match state {
            State::Usable(database) => Ok(database),
            State::Absent => Database::create(&path),
            State::Full | State::Unusable => return None,
        };
        let settled = settled.and_then(|database| {
            let owed: Vec<&Op> = self.owed.iter().collect();
            if !owed.is_empty() {
                database.apply(&owed, &mut Vec::new())?;
            }
            Ok(database)
        });
        match settled {
            Ok(database) => {
                self.owed.clear();
                self.problems.extend(export.map(Export::loaded));
                Some(database)
            }
            Err(error) => {
                self.problems.push(Problem::Write { path, why: error.to_string() });
                None
            }
        }
    }
}

fn with_rows(database: Database) -> Result<(Database, Loaded), DatabaseError> {
    let loaded = database.load()?;
    Ok((database, loaded))
}

struct Export {
    path: PathBuf,
    /// Its name once it is loaded: nobody needs it a second time.
    aside: PathBuf,
    records: usize,
}

impl Export {
    fn loaded(self) -> Problem {
        let Self { path, aside, records } = self;
        match file::rename(&path, &aside) {
            Ok(()) => Problem::Recovered { path, records, aside },
            Err(error) => Problem::Write { path, why: error.to_string() },
        }
    }
}
