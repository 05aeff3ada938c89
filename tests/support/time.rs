//! Waiting for what must come to be, with a deadline and never for a fixed time.
#![expect(
    clippy::disallowed_methods,
    reason = "these tests see the program from outside its clock"
)]

use std::fmt::Debug;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Far more than anything takes that needs no waiting, also on a machine with other work.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Between two looks: finer than what is asserted, coarse enough to leave the machine free.
const LOOK: Duration = Duration::from_millis(10);

/// Measures.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Asks until the answer is good, and gives it; after `limit` fails with the last complaint.
pub(crate) fn eventually<T, E: Debug>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T, E>,
) -> T {
    let watch = Stopwatch::start();
    loop {
        match look() {
            Ok(found) => return found,
            Err(complaint) if watch.elapsed() > limit => {
                panic!("{what}: not within {limit:?}; last seen: {complaint:?}")
            }
            Err(_) => sleep(LOOK),
        }
    }
}

/// Asks until `look` gives `wanted`.
pub(crate) fn becomes<T: Debug + PartialEq>(
    what: &str,
    limit: Duration,
    wanted: &T,
    mut look: impl FnMut() -> T,
) {
    eventually(what, limit, || {
        let seen = look();
        if seen == *wanted { Ok(()) } else { Err(seen) }
    });
}

/// For a phase that is drawn at random: no event is waited for.
pub(crate) fn pause(length: Duration) {
    sleep(length);
}
