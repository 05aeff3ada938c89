//! What a script says: the end of it is kept, all of it is read.

use std::convert::Infallible;
use std::future::pending;
use std::os::fd::AsFd;

use nix::unistd::read;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// What is kept, as in Consul: the last 4 KiB.
const KEPT: usize = 4096;

/// A reason is one line for people; extended errors and status have no room for more.
const LINE: usize = 200;

/// A pipe holds a mebibyte at the very most. What comes beyond it was written after the script's
/// end, by somebody whom nobody asked.
const MOST_LEFT: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Output {
    pipe: pipe::Receiver,
    kept: Vec<u8>,
}

impl Output {
    pub(super) fn new(pipe: pipe::Receiver) -> Self {
        Self { pipe, kept: Vec::new() }
    }

    pub(super) async fn gather(&mut self) -> Infallible {
        let mut chunk = [0; KEPT];
        while let Ok(octets @ 1..) = self.pipe.read(&mut chunk).await {
            keep(&mut self.kept, chunk.get(..octets).unwrap_or_default());
        }
        pending().await
    }

    /// The last line that is not empty, of what has been written by now.
    pub(super) fn last_line(mut self) -> String {
        let (mut chunk, mut left) = ([0; KEPT], MOST_LEFT);
        // Of the pipe itself: whether tokio knows yet that it can be read is chance.
        while left > 0
            && let Ok(octets @ 1..) = read(self.pipe.as_fd(), &mut chunk)
        {
            keep(&mut self.kept, chunk.get(..octets).unwrap_or_default());
            left = left.saturating_sub(octets);
        }
        line(&self.kept)
    }
}

fn keep(kept: &mut Vec<u8>, more: &[u8]) {
    kept.extend_from_slice(more);
    kept.drain(..kept.len().saturating_sub(KEPT));
}

fn line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let mut line: String = last.chars().take(LINE).collect();
    if last.chars().count() > LINE {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_says_something_is_shown() {
        assert_eq!(line(b""), "");
        assert_eq!(line(b"\n \n"), "");
        assert_eq!(line(b"one\ntwo\r\n\n"), "two");
        assert_eq!(line(b"red\xff"), "red\u{fffd}");
        let long = "x".repeat(LINE + 1);
        assert_eq!(line(long.as_bytes()), "x".repeat(LINE) + "…");
    }

    #[test]
    fn the_end_is_kept() {
        let mut kept = vec![b'a'; KEPT];
        keep(&mut kept, b"end");
        assert_eq!((kept.len(), kept.ends_with(b"aend")), (KEPT, true));
        keep(&mut kept, &[b'b'; 3 * KEPT]);
        assert_eq!(kept, vec![b'b'; KEPT]);
    }
}
