//! Small files of the state directory: regular ones only, for their owner alone, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Opens a regular file; `None` for anything else. A FIFO is not waited for, and a link is not
/// followed.
pub(super) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<Option<File>> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(None);
    }
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    options.custom_flags(flags.bits()).open(path).map(Some)
}

/// The first `most` octets of a regular file; `None` for anything else.
pub(super) fn read(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(path, OpenOptions::new().read(true))? else { return Ok(None) };
    let mut octets = Vec::new();
    file.take(most).read_to_end(&mut octets)?;
    Ok(Some(octets))
}

/// A new file for its owner alone, whatever stood there; directories excepted.
pub(super) fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Replaces the file by what `write` writes: a crash leaves the old one or the new one.
pub(super) fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let new = with_suffix(path, "new");
    let mut file = BufWriter::new(create(&new)?);
    let written =
        write(&mut file).and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_all());
    if let Err(error) = written {
        // On a full disk it would stand in the way of others.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    rename(&new, path)
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    // The rename itself is durable once its directory is.
    let directory = to.parent().unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
