//! The zones' serial and the index that readers over HTTP wait for never go back: a file of each
//! holds a number that was not used yet.
//!
//! A block of numbers is reserved ahead, so that a change of health costs no write. Without the
//! file they start from the clock, which goes back only where more than one change a second was
//! published for as long as the server ran.

use std::fmt::Display;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::model::serial::{is_after, next};
use crate::model::time::Instant;
use crate::store::file;

/// Serials reserved at a time: a restart skips at most so many, some hours of a clock.
const SERIALS: u32 = 10_000;
/// There is room for many restarts, and whoever waits is woken once by each.
const INDEXES: u64 = 1_000_000;
/// No number has more than twenty digits; a longer file is something else.
const MAX_FILE: u64 = 64;
/// A disk that is full is seldom free again a moment later, and each attempt waits for it.
const RETRY: Duration = Duration::from_secs(10);

/// Why a restart may begin with a number that was used before.
#[derive(Debug, thiserror::Error)]
pub enum SerialError {
    #[error("cannot read {path}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path} contains no number; it was renamed to {aside}")]
    Damaged { path: PathBuf, aside: PathBuf },
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: io::Error },
}

/// What is counted up and never goes back.
pub trait Number: Copy + Display + FromStr {
    /// The name of its file.
    const FILE: &'static str;
    /// How many are reserved at a time.
    const BLOCK: Self;

    fn is_after(self, other: Self) -> bool;
    #[must_use]
    fn plus(self, many: Self) -> Self;
    #[must_use]
    fn next(self) -> Self;
}

impl Number for u32 {
    const FILE: &'static str = "serial";
    const BLOCK: Self = SERIALS;

    fn is_after(self, other: Self) -> bool {
        is_after(self, other)
    }

    fn plus(self, many: Self) -> Self {
        self.wrapping_add(many)
    }

    fn next(self) -> Self {
        next(self)
    }
}

impl Number for u64 {
    const FILE: &'static str = "index";
    const BLOCK: Self = INDEXES;

    fn is_after(self, other: Self) -> bool {
        self > other
    }

    fn plus(self, many: Self) -> Self {
        self.saturating_add(many)
    }

    fn next(self) -> Self {
        self.saturating_add(1)
    }
}

/// Of the zones' serial (RFC 1982).
pub type SerialFile = NumberFile<u32>;
/// Of the index that readers over HTTP wait for.
pub type IndexFile = NumberFile<u64>;

/// The file, and what it has reserved.
#[derive(Debug)]
pub struct NumberFile<N> {
    /// To start from.
    pub first: N,
    /// `None` where nothing can be kept.
    path: Option<PathBuf>,
    reserved: N,
    /// After a write that failed: when to try again.
    retry: Option<Instant>,
}

#[derive(Debug)]
pub enum Reserved {
    /// As before: reserved already, or not possible as was told before.
    Unchanged,
    Failed(SerialError),
    Restored,
}

impl<N: Number> NumberFile<N> {
    /// The number to start from is the later of `clock`, the Unix time, and the one after the last
    /// that the file in `directory` has reserved. What stands in the way is told, and it then
    /// starts from the clock.
    pub fn open(directory: Option<&Path>, clock: N, now: Instant) -> Opened<N> {
        let Some(path) = directory.map(|directory| directory.join(N::FILE)) else {
            let file = Self { first: clock, path: None, reserved: clock, retry: None };
            return Opened { file, problem: None };
        };
        let (last, mut problem) = match read(&path) {
            Ok(last) => (last, None),
            Err(error) => (None, Some(error)),
        };
        let next = last.map(N::next).filter(|next| !clock.is_after(*next));
        let first = next.unwrap_or(clock);
        // Nothing is reserved yet, so the first number is not either.
        let mut file = Self { first, path: Some(path), reserved: first, retry: None };
        if let Reserved::Failed(error) = file.reserve(first, now) {
            problem = problem.or(Some(error));
        }
        Opened { file, problem }
    }

    /// Sees to it that a restart starts after `used`.
    pub fn reserve(&mut self, used: N, now: Instant) -> Reserved {
        let Some(path) = &self.path else { return Reserved::Unchanged };
        let waits = self.retry.is_some_and(|retry| now < retry);
        if self.reserved.is_after(used) || waits {
            return Reserved::Unchanged;
        }
        let reserved = used.plus(N::BLOCK);
        match file::replace(path, |file| writeln!(file, "{reserved}")) {
            Ok(()) => {
                self.reserved = reserved;
                match self.retry.take() {
                    Some(_) => Reserved::Restored,
                    None => Reserved::Unchanged,
                }
            }
            Err(source) => {
                let known = self.retry.replace(now + RETRY).is_some();
                let path = path.clone();
                if known {
                    Reserved::Unchanged
                } else {
                    Reserved::Failed(SerialError::Write { path, source })
                }
            }
        }
    }
}

/// Who keeps numbers, and what stands in the way.
#[derive(Debug)]
pub struct Opened<N> {
    pub file: NumberFile<N>,
    pub problem: Option<SerialError>,
}

/// The number in the file; `None` where there is no file. Whatever else stands there is renamed, so
/// that it is neither lost nor in the way.
fn read<N: FromStr>(path: &Path) -> Result<Option<N>, SerialError> {
    let failed = |source| SerialError::Read { path: path.to_owned(), source };
    match file::read(path, MAX_FILE) {
        Ok(octets) => {
            let text = String::from_utf8(octets.unwrap_or_default()).unwrap_or_default();
            if let Ok(number) = text.trim().parse() {
                return Ok(Some(number));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside).map_err(failed)?;
    Err(SerialError::Damaged { path: path.to_owned(), aside })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    const NOW: Instant = Instant(Duration::ZERO);

    fn open(directory: &Path, clock: u32) -> (SerialFile, u32) {
        let Opened { file, problem } = SerialFile::open(Some(directory), clock, NOW);
        assert!(problem.is_none(), "{problem:?}");
        let first = file.first;
        (file, first)
    }

    fn kept(directory: &Path) -> u32 {
        fs::read_to_string(directory.join("serial")).unwrap().trim().parse().unwrap()
    }

    #[test]
    fn a_restart_starts_after_every_serial_used_and_after_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, first) = open(folder.path(), 1000);
        assert_eq!(first, 1000);
        file.reserve(25_000, NOW);
        let (_, second) = open(folder.path(), 1001);
        assert!(second > 25_000);
        let (_, third) = open(folder.path(), 1_000_000);
        assert_eq!(third, 1_000_000);
    }

    #[test]
    fn the_serial_goes_round_the_circle_as_rfc_1982_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serial");
        // Far ahead of the clock: the one after it is later still.
        fs::write(&path, "4000000000\n").unwrap();
        assert_eq!(open(folder.path(), 3_000_000_000).1, 4_000_000_001);
        // Half of the circle behind: the clock is later.
        fs::write(&path, "4294967295\n").unwrap();
        assert_eq!(open(folder.path(), 1_700_000_000).1, 1_700_000_000);
        fs::write(&path, "4294967295\n").unwrap();
        let (mut file, first) = open(folder.path(), 4_294_000_000);
        assert_eq!(first, 0);
        assert!(matches!(file.reserve(u32::MAX, NOW), Reserved::Unchanged), "it is behind");
        assert_eq!(kept(folder.path()), SERIALS);
    }

    #[test]
    fn what_is_no_serial_is_renamed_and_told_and_the_clock_counts() {
        type Make = fn(&Path);
        let make: [(&str, Make); 6] = [
            ("text", |path| fs::write(path, "12x").unwrap()),
            ("not UTF-8", |path| fs::write(path, [0xff, 0xfe]).unwrap()),
            ("long", |path| fs::write(path, "1".repeat(5000)).unwrap()),
            ("a directory", |path| fs::create_dir_all(path.join("within")).unwrap()),
            ("a FIFO", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
            ("a link", |path| std::os::unix::fs::symlink("/dev/zero", path).unwrap()),
        ];
        for (what, make) in make {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("serial");
            make(&path);
            let Opened { mut file, problem } = SerialFile::open(Some(folder.path()), 7, NOW);
            assert_eq!(file.first, 7, "{what}");
            assert!(matches!(problem, Some(SerialError::Damaged { .. })), "{what}: {problem:?}");
            assert!(fs::symlink_metadata(folder.path().join("serial.damaged")).is_ok(), "{what}");
            file.reserve(20_000, NOW);
            assert_eq!(kept(folder.path()), 20_000 + SERIALS, "{what}");
        }
    }

    #[test]
    fn an_index_is_larger_than_any_of_a_process_before() {
        let folder = tempfile::tempdir().unwrap();
        let open = |clock| IndexFile::open(Some(folder.path()), clock, NOW).file;
        let mut first = open(1000);
        assert_eq!(first.first, 1000);
        first.reserve(5_000_000_000, NOW);
        assert!(open(2000).first > 5_000_000_000);
        assert!(fs::metadata(folder.path().join("serial")).is_err());
    }

    #[test]
    fn the_file_is_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path(), 7);
        let mode = fs::metadata(folder.path().join("serial")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_failure_is_told_once_and_so_is_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, _) = open(folder.path(), 7);
        // A directory that cannot be removed as a file stands in the way.
        let obstacle = folder.path().join("serial.new");
        fs::create_dir(&obstacle).unwrap();
        assert!(matches!(file.reserve(20_000, NOW), Reserved::Failed(_)));
        let later = NOW + RETRY;
        assert!(matches!(file.reserve(20_001, NOW), Reserved::Unchanged));
        assert!(matches!(file.reserve(20_002, later), Reserved::Unchanged), "still in the way");
        fs::remove_dir(&obstacle).unwrap();
        assert!(matches!(file.reserve(20_003, later), Reserved::Unchanged), "not tried again yet");
        assert!(matches!(file.reserve(20_004, later + RETRY), Reserved::Restored));
        assert!(matches!(file.reserve(40_000, later + RETRY), Reserved::Unchanged));
        assert_eq!(kept(folder.path()), 40_000 + SERIALS);
    }

    #[test]
    fn without_a_directory_nothing_is_kept_and_nothing_told() {
        let Opened { mut file, problem } = SerialFile::open(None, 7, NOW);
        assert_eq!((file.first, problem.is_none()), (7, true));
        assert!(matches!(file.reserve(20_000, NOW), Reserved::Unchanged));
    }
}
