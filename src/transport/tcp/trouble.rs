//! Errors of `accept`: which of them last, and what the log says of those.

use std::io;
use std::time::Duration;

use nix::errno::Errno;

use crate::model::time::Instant;
use crate::transport::throttle::Throttle;

/// As often as a log wants to hear of what lasts.
const REMINDER: Duration = Duration::from_secs(10);
/// Connections that are let in between errors are no end of the trouble.
const QUIET: Duration = Duration::from_secs(1);

/// Whether an error is about a connection that went before it was accepted: accept(2) hands over
/// what its network said. All others are about this machine, and may last.
pub fn concerns_one(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(
        errno,
        Some(
            Errno::ECONNABORTED
                | Errno::ECONNRESET
                | Errno::EINTR
                | Errno::EPROTO
                | Errno::ENOPROTOOPT
                | Errno::EOPNOTSUPP
                | Errno::ENETDOWN
                | Errno::ENETUNREACH
                | Errno::ENONET
                | Errno::EHOSTDOWN
                | Errno::EHOSTUNREACH
                | Errno::ETIMEDOUT
                | Errno::EPERM
        )
    )
}

/// A time during which no connection, or hardly one, could be accepted.
#[derive(Debug, Default)]
pub struct Trouble {
    errors: u64,
    last: Instant,
    told: bool,
    throttle: Throttle,
}

impl Trouble {
    /// None yet.
    pub fn new() -> Self {
        Self { errors: 0, last: Instant::default(), told: false, throttle: Throttle::new(REMINDER) }
    }

    /// One more error; how many there have been, when that is to be said.
    pub fn failed(&mut self, now: Instant) -> Option<u64> {
        self.errors = self.errors.saturating_add(1);
        self.last = now;
        self.throttle.due(now)?;
        self.told = true;
        Some(self.errors)
    }

    /// A connection was accepted: how many errors there were, when it ends the trouble.
    pub fn accepted(&mut self, now: Instant) -> Option<u64> {
        if self.errors == 0 || now.since(self.last) < QUIET {
            return None;
        }
        let errors = std::mem::take(&mut self.errors);
        std::mem::take(&mut self.told).then_some(errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_connection_are_passed_over_at_once() {
        for (errno, expected) in [
            (Errno::ECONNABORTED, true),
            (Errno::EINTR, true),
            (Errno::EPROTO, true),
            (Errno::ENETDOWN, true),
            (Errno::EPERM, true),
            (Errno::EMFILE, false),
            (Errno::ENFILE, false),
            (Errno::ENOBUFS, false),
            (Errno::ENOMEM, false),
            (Errno::EBADF, false),
        ] {
            assert_eq!(concerns_one(&io::Error::from(errno)), expected, "{errno}");
        }
        assert!(!concerns_one(&io::Error::other("no errno")));
    }

    #[test]
    fn an_hour_of_errors_is_a_line_now_and_then_and_one_when_it_is_over() {
        let at = |millis| Instant(Duration::from_millis(millis));
        let mut trouble = Trouble::new();
        assert_eq!(trouble.accepted(at(0)), None, "nothing has begun");
        let mut lines = 0;
        for n in 1..=36_000 {
            lines += usize::from(trouble.failed(at(n * 100)).is_some());
            // A connection that ends lets another in, and then there is no room again.
            assert_eq!(trouble.accepted(at(n * 100 + 50)), None);
        }
        assert_eq!(lines, 360);
        assert_eq!(trouble.accepted(at(3_601_000)), Some(36_000));
        assert_eq!(trouble.accepted(at(3_601_001)), None);
        assert_eq!(trouble.failed(at(3_620_000)), Some(1), "counted anew");
        assert_eq!(trouble.accepted(at(3_621_000)), Some(1));
        assert_eq!(trouble.failed(at(3_622_000)), None, "the log has just been told of another");
        assert_eq!(trouble.accepted(at(3_623_000)), None, "nor was it told of this one");
    }
}
