//! Slots of a batch, a bit each.

use std::iter::from_fn;

/// Messages a call: more gains nothing, and the buffers of so many stay in the nearest caches.
pub const MESSAGES: usize = 64;

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots(u64);

const _: () = assert!(u64::BITS as usize == MESSAGES);

impl Slots {
    /// So many, from 0 on.
    pub(super) fn first(count: usize) -> Self {
        let others = MESSAGES.checked_sub(count).and_then(|others| u32::try_from(others).ok());
        Self(others.and_then(|others| u64::MAX.checked_shr(others)).unwrap_or(0))
    }

    fn of(place: usize) -> u64 {
        u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
    }

    pub(super) fn contains(self, place: usize) -> bool {
        self.0 & Self::of(place) != 0
    }

    pub(super) fn with(self, place: usize) -> Self {
        Self(self.0 | Self::of(place))
    }

    pub(super) fn without(self, place: usize) -> Self {
        Self(self.0 & !Self::of(place))
    }

    /// How many they are.
    pub(super) fn count(self) -> usize {
        usize::try_from(self.0.count_ones()).unwrap_or(0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        from_fn(move || {
            let lowest = usize::try_from(left.trailing_zeros()).ok().filter(|_| left != 0);
            left &= left.wrapping_sub(1);
            lowest
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_told_from_all_others() {
        let held = |places: Slots| {
            let all: Vec<usize> = places.iter().collect();
            assert!((0..2 * MESSAGES).filter(|&place| places.contains(place)).eq(all.clone()));
            assert_eq!(places.count(), all.len());
            all
        };
        for place in 0..=MESSAGES {
            assert!(held(Slots::first(place)).into_iter().eq(0..place));
            let others = Slots::first(MESSAGES).without(place);
            let but_one = (0..MESSAGES).filter(|&other| other != place);
            assert!(held(others).into_iter().eq(but_one));
            assert_eq!(others.with(place), Slots::first(MESSAGES));
        }
        assert!(held(Slots::default()).is_empty());
        assert_eq!(Slots::default().with(MESSAGES), Slots::default());
    }
}
