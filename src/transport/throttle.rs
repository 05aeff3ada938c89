//! Bounds a line of the log that many packets could each cause.

use std::time::Duration;

use crate::model::time::Instant;

/// Between two lines.
const INTERVAL: Duration = Duration::from_secs(1);

/// Lets one line a second through and counts the others.
#[derive(Debug, Default)]
pub struct Throttle {
    next: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// `Some` when a line may be written now, with how many were not since the last one.
    pub fn due(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.next = Some(Instant(now.0.saturating_add(INTERVAL)));
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_is_due_and_says_how_many_were_not() {
        let mut throttle = Throttle::default();
        let at = |millis| Instant(Duration::from_millis(millis));
        assert_eq!(throttle.due(at(0)), Some(0));
        for millis in [0, 1, 500, 999] {
            assert_eq!(throttle.due(at(millis)), None, "{millis}");
        }
        assert_eq!(throttle.due(at(1000)), Some(4));
        assert_eq!(throttle.due(at(1999)), None);
        assert_eq!(throttle.due(at(9000)), Some(1));
        assert_eq!(throttle.due(at(10_000)), Some(0));
    }
}
