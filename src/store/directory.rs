//! The state directory: made when needed, for its owner alone, and held by one process at a time.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};
use nix::unistd::geteuid;

/// Nobody else may read or write what is kept, nor hold the lock.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Nothing can be kept in it.
    #[error("cannot use state directory {path}: choose another with --state DIR")]
    Open { path: PathBuf, source: io::Error },
    #[error(
        "state directory {path} is in use by another livezone: stop it, or choose another \
         directory with --state DIR"
    )]
    Locked { path: PathBuf },
}

/// The directory, held until this value is dropped.
#[derive(Debug)]
pub struct StateDirectory {
    path: PathBuf,
    _lock: Flock<File>,
}

impl StateDirectory {
    /// Makes the directory when needed, and takes its lock.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        let failed = |source| DirectoryError::Open { path: path.to_owned(), source };
        let file = prepare(path).map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err((_, Errno::EWOULDBLOCK)) => Err(DirectoryError::Locked { path: path.to_owned() }),
            Err((_, errno)) => Err(failed(errno.into())),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Makes the directory and opens the lock file, which has to be a regular file: a FIFO would be
/// waited for, and a link could lead anywhere.
fn prepare(path: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    restrict(path, &fs::metadata(path)?, DIRECTORY_MODE)?;
    let lock = path.join("lock");
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(FILE_MODE)
        .custom_flags(flags.bits())
        .open(&lock)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other(format!("{} is not a regular file", lock.display())));
    }
    restrict(&lock, &metadata, FILE_MODE)?;
    Ok(file)
}

/// Takes the rights of others away, where it is ours to take them: a directory that an earlier
/// version or an administrator made may be open to all.
fn restrict(path: &Path, metadata: &fs::Metadata, mode: u32) -> io::Result<()> {
    if metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let first = StateDirectory::open(&path).unwrap();
        assert!(matches!(StateDirectory::open(&path), Err(DirectoryError::Locked { .. })));
        drop(first);
        StateDirectory::open(&path).unwrap();
    }

    #[test]
    fn directory_and_lock_are_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (new, old) = (folder.path().join("a/new"), folder.path().join("old"));
        fs::create_dir(&old).unwrap();
        fs::set_permissions(&old, Permissions::from_mode(0o777)).unwrap();
        fs::write(old.join("lock"), "").unwrap();
        fs::set_permissions(old.join("lock"), Permissions::from_mode(0o666)).unwrap();
        for path in [new, old] {
            let _held = StateDirectory::open(&path).unwrap();
            assert_eq!((mode(&path), mode(&path.join("lock"))), (0o700, 0o600));
        }
    }

    #[test]
    fn what_cannot_be_held_is_told_and_not_waited_for() {
        type Make = fn(&Path);
        let make: [(&str, Make); 4] = [
            ("a file", |path| fs::write(path, "").unwrap()),
            ("a lock that is a directory", |path| fs::create_dir_all(path.join("lock")).unwrap()),
            ("a lock that is a FIFO", |path| {
                fs::create_dir(path).unwrap();
                mkfifo(&path.join("lock"), Mode::S_IRWXU).unwrap();
            }),
            ("a lock that is a link", |path| {
                fs::create_dir(path).unwrap();
                std::os::unix::fs::symlink("/dev/null", path.join("lock")).unwrap();
            }),
        ];
        for (what, make) in make {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state");
            make(&path);
            let opened = StateDirectory::open(&path);
            assert!(matches!(opened, Err(DirectoryError::Open { .. })), "{what}: {opened:?}");
        }
    }
}
