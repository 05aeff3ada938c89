//! The one place that reads the clocks.

use std::sync::Arc;
use std::time::{Duration, Instant as Mono, SystemTime};

use nix::time::{ClockId, clock_gettime};

use crate::model::time::{Clock, Instant, Now};

/// A clock whose monotonic side starts at zero now.
pub fn start() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let began = Mono::now();
    Arc::new(move || {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        Now { mono: Instant(began.elapsed()), wall: SystemTime::now() }
    })
}

/// The machine's own monotonic clock, by which systemd tells our messages apart.
pub(super) fn of_the_machine() -> Duration {
    // There is no Linux without this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}
