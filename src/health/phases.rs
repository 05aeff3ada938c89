//! Decides at which moment of its interval each check is run, so that all of them together are an
//! even load.
//!
//! Each check has a place that it keeps for life. Were its next start counted from the last one
//! instead, checks that once came together (all of them at the start, those of a site that comes
//! back) would stay together. There is no chance in it from round to round: an even load drawn at
//! random is uneven by the root of its number.

use std::time::Duration;

use crate::health::scheduler::CheckId;
use crate::model::time::Instant;

/// The golden ratio's part of 2^64. However many of its multiples there are, they lie about evenly
/// in the whole; those of neighbours, which are often checks of one machine, lie far from each other.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy, Debug)]
pub struct Phases {
    /// Where the first check has its place: elsewhere in each process, for several may ask the same
    /// instances.
    origin: u64,
}

impl Phases {
    /// `seed` is what the origin is drawn from.
    pub fn new(seed: u64) -> Self {
        Self { origin: fastrand::Rng::with_seed(seed).u64(..) }
    }

    /// The first moment from `after` on at which a check with this interval has its place.
    pub fn next(self, id: CheckId, interval: Duration, after: Instant) -> Instant {
        // In parts of 2^32, so that the longest interval times the place fits.
        let place = self.origin.wrapping_add(id.0.wrapping_mul(STRIDE)) >> 32;
        let length = interval.as_nanos();
        let offset = length.saturating_mul(u128::from(place)) >> 32;
        let passed = after.0.as_nanos().saturating_add(length).saturating_sub(offset);
        match passed.checked_rem(length) {
            None | Some(0) => after,
            Some(since) => after + nanoseconds(length.saturating_sub(since)),
        }
    }
}

fn nanoseconds(count: u128) -> Duration {
    const OF_A_SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(count / OF_A_SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, u32::try_from(count % OF_A_SECOND).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(10);

    /// How many of these checks have their place in each of `parts` equal parts of the interval.
    fn counts(ids: impl Iterator<Item = u64>, parts: u32) -> Vec<u32> {
        let phases = Phases::new(7);
        let mut counts = vec![0; usize::try_from(parts).unwrap()];
        for id in ids {
            let at = phases.next(CheckId(id), INTERVAL, Instant::default()).0;
            counts[usize::try_from(at.as_nanos() / (INTERVAL / parts).as_nanos()).unwrap()] += 1;
        }
        counts
    }

    fn all_within(counts: &[u32], range: std::ops::RangeInclusive<u32>) {
        assert!(counts.iter().all(|count| range.contains(count)), "{counts:?}");
    }

    #[test]
    fn each_hundredth_of_the_interval_has_the_same_share_of_30_000_checks() {
        all_within(&counts(1..=30_000, 100), 295..=305);
        // A tick of the engine.
        all_within(&counts(1..=30_000, 1000), 27..=33);
    }

    #[test]
    fn the_checks_of_one_service_are_spread_as_evenly() {
        all_within(&counts(4711..4811, 10), 8..=12);
        all_within(&counts(4711..4721, 10), 0..=2);
        // Every instance has two checks, of which one has another interval.
        all_within(&counts((0..30_000).map(|n| 2 * n), 100), 290..=310);
    }

    #[test]
    fn two_processes_have_different_places() {
        let next = |seed| Phases::new(seed).next(CheckId(1), INTERVAL, Instant::default());
        assert_ne!(next(1), next(2));
    }

    proptest! {
        #[test]
        fn a_place_comes_once_in_each_interval(
            seed: u64, id: u64, nanos in 1u64.., passed: u64, part in 0.0..1.0,
        ) {
            let (phases, id) = (Phases::new(seed), CheckId(id));
            let (interval, from) = (Duration::from_nanos(nanos), Instant(Duration::from_nanos(passed)));
            let first = phases.next(id, interval, from);
            prop_assert!(first >= from && first.since(from) < interval);
            prop_assert_eq!(phases.next(id, interval, first), first);
            let later = first + Duration::from_nanos(1);
            prop_assert_eq!(phases.next(id, interval, later), first + interval);
            let between = first + interval.mul_f64(part);
            let next = phases.next(id, interval, between);
            prop_assert!(next == first || next == first + interval);
        }
    }

    #[test]
    fn the_longest_interval_and_none_at_all_have_a_next_moment() {
        let (phases, now) = (Phases::new(0), Instant(INTERVAL));
        assert!(phases.next(CheckId(9), Duration::MAX, now) >= now);
        assert_eq!(phases.next(CheckId(9), Duration::ZERO, now), now);
    }
}
