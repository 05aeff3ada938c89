//! A pipe that nobody reads.

use std::fs::File;
use std::io::{PipeReader, Write, pipe};
use std::os::fd::OwnedFd;

use nix::fcntl::{FcntlArg, fcntl};

/// The smallest pipe that there is.
const PAGE: i32 = 4096;

/// A pipe in which there is no room, the end that could make some, and how much it has to read first.
pub(crate) fn full() -> (PipeReader, File, usize) {
    let (reader, mut writer) = pipe().unwrap();
    let size = fcntl(&writer, FcntlArg::F_SETPIPE_SZ(PAGE)).unwrap();
    let size = usize::try_from(size).unwrap();
    writer.write_all(&vec![b'\n'; size]).unwrap();
    (reader, File::from(OwnedFd::from(writer)), size)
}
