//! The zones' serial never goes back: a file holds one that no zone has reached yet.
//!
//! A block of serials is reserved ahead, so that a change of health costs no write.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Serials reserved at a time: a restart skips at most so many, some hours of a clock.
const BLOCK: u32 = 10_000;

/// The file, and what it has reserved.
#[derive(Debug)]
pub struct SerialFile {
    path: PathBuf,
    reserved: u32,
}

impl SerialFile {
    /// Opens the file in `directory`, and gives the serial to start from: the larger of `clock`
    /// (the Unix time) and the last one plus 1. A file that holds no number counts as none.
    pub fn open(directory: &Path, clock: u32) -> io::Result<(Self, u32)> {
        let path = directory.join("serial");
        let last: u32 = match fs::read_to_string(&path) {
            Ok(text) => text.trim().parse().unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let first = clock.max(last.saturating_add(1));
        let mut file = Self { path, reserved: 0 };
        file.reserve(first)?;
        Ok((file, first))
    }

    /// Sees to it that a restart starts above `used`.
    pub fn reserve(&mut self, used: u32) -> io::Result<()> {
        if used < self.reserved {
            return Ok(());
        }
        let reserved = used.saturating_add(BLOCK);
        let new = self.path.with_extension("new");
        let mut file = File::create(&new)?;
        writeln!(file, "{reserved}")?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        self.reserved = reserved;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_starts_above_every_serial_used_and_above_the_clock() {
        let folder = tempfile::tempdir().unwrap();
        let (mut file, first) = SerialFile::open(folder.path(), 1000).unwrap();
        assert_eq!(first, 1000);
        file.reserve(25_000).unwrap();
        let (_, second) = SerialFile::open(folder.path(), 1001).unwrap();
        assert!(second > 25_000);
        let (_, third) = SerialFile::open(folder.path(), 1_000_000).unwrap();
        assert_eq!(third, 1_000_000);
    }

    #[test]
    fn a_torn_file_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("serial"), "12x").unwrap();
        assert_eq!(SerialFile::open(folder.path(), 7).unwrap().1, 7);
    }
}
