//! The database file: opened with every page verified, read as a whole, changed a transaction at a
//! time.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::backends::{FileBackend, InMemoryBackend};
use redb::{
    AccessGuard, Builder, ReadTransaction, ReadableDatabase, ReadableTable, StorageBackend,
    TableDefinition,
};
use serde::de::IgnoredAny;

use crate::store::file;
use crate::store::registrations::{Op, Records, Table};

/// What is written is small, and what is read is read once.
const CACHE: usize = 16 << 20;
const FORMAT: u64 = 1;
const FORMATS: TableDefinition<'_, &str, u64> = TableDefinition::new("format");
const KEY: &str = "livezone";

type Rows = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Why there is no database, or not what was asked of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    #[error("there is no such file")]
    Missing,
    #[error("it is not a regular file")]
    NotAFile,
    #[error("it is empty")]
    Empty,
    #[error("its format is {0}, and this version of livezone reads {FORMAT}")]
    Format(u64),
    #[error("the database panicked")]
    Panicked,
    #[error(transparent)]
    Redb(#[from] redb::Error),
}

impl DatabaseError {
    /// Whether the file is at fault; the system may be, and then it is to be left alone.
    pub(super) fn is_damage(&self) -> bool {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
        match self {
            Self::Missing => false,
            Self::NotAFile | Self::Empty | Self::Format(_) | Self::Panicked => true,
            Self::Redb(redb::Error::Io(error)) => {
                matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
            }
            Self::Redb(redb::Error::PreviousIo | redb::Error::DatabaseAlreadyOpen) => false,
            Self::Redb(_) => true,
        }
    }
}

impl From<io::Error> for DatabaseError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Redb(error.into()),
        }
    }
}

/// Dropping it after a failure leaves the file as a crash would.
#[derive(Debug)]
pub(super) struct Database(redb::Database);

/// All rows, and how many more there are that nobody can read.
pub(super) struct Loaded {
    pub(super) records: Records,
    pub(super) unreadable: usize,
}

fn rows(table: Table) -> Rows {
    TableDefinition::new(table.name())
}

impl Database {
    pub(super) fn open(path: &Path) -> Result<Self, DatabaseError> {
        let mut options = OpenOptions::new();
        let file = file::open(path, options.read(true).write(true))?;
        let file = file.ok_or(DatabaseError::NotAFile)?;
        if file.metadata()?.len() == 0 {
            return Err(DatabaseError::Empty);
        }
        let database = guarded(|| Self::with(file))?;
        match guarded(|| database.format())? {
            FORMAT => Ok(database),
            other => Err(DatabaseError::Format(other)),
        }
    }

    /// An empty one, which has its name only once it is whole.
    pub(super) fn create(path: &Path) -> Result<Self, DatabaseError> {
        let new = file::with_suffix(path, "new");
        let file = file::create(&new)?;
        let database = guarded(|| {
            let database = Self::with(file)?;
            database.prepare()?;
            Ok(database)
        })?;
        file::rename(&new, path)?;
        Ok(database)
    }

    /// The same contents in memory, for a disk that takes no writes: reading mends what a crash left.
    pub(super) fn copy(path: &Path) -> Result<Self, DatabaseError> {
        let octets = file::read(path, u64::MAX)?.ok_or(DatabaseError::NotAFile)?;
        guarded(|| {
            let backend = InMemoryBackend::new();
            backend.set_len(octets.len() as u64)?;
            backend.write(0, &octets)?;
            Self::on(backend)
        })
    }

    fn with(file: File) -> Result<Self, redb::Error> {
        Self::on(FileBackend::new(file)?)
    }

    fn on(backend: impl StorageBackend) -> Result<Self, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        Ok(Self(builder.create_with_backend(backend)?))
    }

    fn prepare(&self) -> Result<(), redb::Error> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(FORMATS)?.insert(KEY, FORMAT)?;
        for table in Table::ALL {
            transaction.open_table(rows(table))?;
        }
        Ok(transaction.commit()?)
    }

    /// Zero for a database of somebody else.
    fn format(&self) -> Result<u64, redb::Error> {
        let transaction = self.0.begin_read()?;
        let table = match transaction.open_table(FORMATS) {
            Err(redb::TableError::TableDoesNotExist(_)) => return Ok(0),
            table => table?,
        };
        Ok(table.get(KEY)?.map_or(0, |format| format.value()))
    }

    pub(super) fn load(&self) -> Result<Loaded, DatabaseError> {
        guarded(|| {
            let transaction = self.0.begin_read()?;
            let (mut records, mut unreadable) = (Records::default(), 0);
            for table in Table::ALL {
                unreadable += each(&transaction, table, |key, value| {
                    records.of_mut(table).push((key.to_owned(), value.to_owned()));
                    Ok(())
                })?;
            }
            Ok(Loaded { records, unreadable })
        })
    }

    /// A view that stays as it is, whatever is written meanwhile.
    pub(super) fn view(&self) -> Result<ReadTransaction, redb::Error> {
        Ok(self.0.begin_read()?)
    }

    /// All of `ops` in this order, durable when it returns; or none of them, and then only a new
    /// [`Self::open`] tells which. What undoes them, last to first, is added to `undo`.
    pub(super) fn apply(&self, ops: &[&Op], undo: &mut Vec<Op>) -> Result<(), DatabaseError> {
        guarded(|| {
            let transaction = self.0.begin_write()?;
            for table in Table::ALL {
                let mut rows = transaction.open_table(rows(table))?;
                for op in ops.iter().filter(|op| op.table() == table) {
                    let key = op.key();
                    let old = match op {
                        Op::Put { value, .. } => rows.insert(key.as_bytes(), value.as_bytes())?,
                        Op::Remove { .. } => rows.remove(key.as_bytes())?,
                    };
                    let old = old.map(|old| String::from_utf8_lossy(old.value()).into_owned());
                    undo.push(Op::new(table, key, old.as_deref()));
                }
            }
            Ok(transaction.commit()?)
        })
    }

    /// Whether the database is as it would be after `ops`.
    pub(super) fn is_as_after(&self, ops: &[Op]) -> Result<bool, DatabaseError> {
        guarded(|| {
            let transaction = self.0.begin_read()?;
            let mut later = BTreeSet::new();
            for op in ops.iter().rev() {
                if !later.insert((op.table(), op.key())) {
                    continue;
                }
                let rows = transaction.open_table(rows(op.table()))?;
                let stored = rows.get(op.key().as_bytes())?;
                if stored.as_ref().map(AccessGuard::value) != op.value().map(str::as_bytes) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }
}

/// Calls `row` with each key and value; how many were no text, or no JSON.
pub(super) fn each(
    transaction: &ReadTransaction,
    table: Table,
    mut row: impl FnMut(&str, &str) -> io::Result<()>,
) -> Result<usize, redb::Error> {
    let mut unreadable = 0;
    for entry in transaction.open_table(rows(table))?.iter()? {
        let (key, value) = entry?;
        let (key, value) = (str::from_utf8(key.value()), str::from_utf8(value.value()));
        match (key, value) {
            (Ok(key), Ok(value)) if serde_json::from_str::<IgnoredAny>(value).is_ok() => {
                row(key, value)?;
            }
            _ => unreadable += 1,
        }
    }
    Ok(unreadable)
}

/// The database panics on damage that no crash leaves; that must neither stop the start nor end the
/// thread.
fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, DatabaseError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Ok(result?),
        Err(_) => Err(DatabaseError::Panicked),
    }
}
