//! Lets one line of the log through in an interval, and counts those that it holds back.

use std::time::Duration;

use crate::model::time::Instant;

/// What one place of the log has said; clocks and locks are its owner's.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    every: Duration,
    next: Option<Instant>,
    suppressed: u64,
}

/// One line a second.
impl Default for Throttle {
    fn default() -> Self {
        Self::new(Duration::from_secs(1))
    }
}

impl Throttle {
    /// Lets the first line through, and from then on one in `every`.
    pub const fn new(every: Duration) -> Self {
        Self { every, next: None, suppressed: 0 }
    }

    /// Whether a line may be written now, and how many were not since the last that was.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.next = Some(Instant(now.0.saturating_add(self.every)));
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_an_interval_passes_and_tells_how_many_did_not() {
        let mut throttle = Throttle::new(Duration::from_secs(1));
        let mut due = |millis| throttle.due(Instant(Duration::from_millis(millis)));
        assert_eq!(due(0), Some(0), "the first");
        assert_eq!([due(1), due(500), due(999)], [None; 3]);
        assert_eq!(due(1000), Some(3));
        assert_eq!(due(1001), None);
        assert_eq!(due(60_000), Some(1));
        assert_eq!(due(61_000), Some(0), "none was held back");
    }
}
