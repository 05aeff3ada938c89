//! Lines of the log that come of one thing are written together: each write may wake whoever reads.

use std::cell::RefCell;
use std::io::{self, Write};

/// Octets that are held at most: a write of so many is cheap a line already.
const MOST: usize = 16 * 1024;

thread_local! {
    static HELD: RefCell<Held> = const { RefCell::new(Held { holds: false, lines: Vec::new() }) };
}

/// What a thread has to write.
struct Held {
    holds: bool,
    lines: Vec<u8>,
}

impl Held {
    /// Keeps a line, or writes it where nobody wants it kept.
    fn take(&mut self, line: &[u8], out: &mut impl Write) -> io::Result<()> {
        if self.lines.len() + line.len() > MOST {
            self.write(out)?;
        }
        if !self.holds || line.len() > MOST {
            return out.write_all(line);
        }
        self.lines.extend_from_slice(line);
        Ok(())
    }

    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        let written = out.write_all(&self.lines);
        self.lines.clear();
        written
    }
}

/// Standard error; what is logged in [`together`] is written at its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Log;

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        HELD.with_borrow_mut(|held| held.take(line, &mut io::stderr()))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all that `work` logs on this thread at once, also when it panics.
pub fn together<T>(work: impl FnOnce() -> T) -> T {
    /// Ends it.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            HELD.with_borrow_mut(|held| {
                held.holds = false;
                // There is nowhere to say that the log cannot be written.
                let _ = held.write(&mut io::stderr());
            });
        }
    }
    HELD.with_borrow_mut(|held| held.holds = true);
    let _end = End;
    work()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was written, by the write.
    #[derive(Default)]
    struct Writes(Vec<Vec<u8>>);

    impl Write for Writes {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.push(octets.to_vec());
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_held_in_order_and_written_at_once() {
        let (mut held, mut out) = (Held { holds: true, lines: Vec::new() }, Writes::default());
        held.take(b"one\n", &mut out).unwrap();
        held.take(b"two\n", &mut out).unwrap();
        assert!(out.0.is_empty());
        held.write(&mut out).unwrap();
        held.write(&mut out).unwrap();
        assert_eq!(out.0, [b"one\ntwo\n"], "and nothing where nothing is held");
        held.holds = false;
        held.take(b"three\n", &mut out).unwrap();
        assert_eq!(out.0.len(), 2, "a line alone goes out at once");
    }

    #[test]
    fn what_is_held_is_bounded_and_stays_in_order() {
        let (mut held, mut out) = (Held { holds: true, lines: Vec::new() }, Writes::default());
        let long = vec![b'x'; MOST + 1];
        held.take(b"one\n", &mut out).unwrap();
        held.take(&long, &mut out).unwrap();
        assert_eq!(out.0, [b"one\n".to_vec(), long]);
        for _ in 0..MOST {
            held.take(b"ab", &mut out).unwrap();
            assert!(held.lines.len() <= MOST);
        }
        assert_eq!(out.0.len(), 3);
    }

    #[test]
    fn a_panic_ends_the_holding() {
        let panicked = std::panic::catch_unwind(|| together(|| std::panic::panic_any(())));
        assert!(panicked.is_err());
        assert!(HELD.with_borrow(|held| !held.holds && held.lines.is_empty()));
    }
}
