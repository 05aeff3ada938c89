//! Time as a value: what the two clocks said, handed to whoever decides.

use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

/// A reading of the monotonic clock: the time since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub Duration);

impl Instant {
    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(wait))
    }
}

/// Both clocks, read once for one decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    pub mono: Instant,
    pub wall: SystemTime,
}

impl Now {
    /// Both clocks `wait` later: how tests let time pass.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { mono: self.mono + wait, wall: self.wall + wait }
    }
}

impl Default for Now {
    fn default() -> Self {
        Self { mono: Instant::default(), wall: SystemTime::UNIX_EPOCH }
    }
}

/// Reads both clocks. Handed to whatever waits at the rim, so that tests hold the clock.
pub type Clock = std::sync::Arc<dyn Fn() -> Now + Send + Sync>;
