//! Places of a batch, a bit each.

use super::MESSAGES;

/// Some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(u64);

const _: () = assert!(u64::BITS as usize == MESSAGES);

impl Places {
    /// So many, from 0 on.
    pub(super) fn first(count: usize) -> Self {
        let others = MESSAGES.checked_sub(count).and_then(|others| u32::try_from(others).ok());
        Self(others.and_then(|others| u64::MAX.checked_shr(others)).unwrap_or(0))
    }

    fn of(place: usize) -> u64 {
        u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
    }

    /// Whether this place is one of them.
    pub(super) fn contains(self, place: usize) -> bool {
        self.0 & Self::of(place) != 0
    }

    /// But not this one.
    pub(super) fn without(self, place: usize) -> Self {
        Self(self.0 & !Self::of(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_told_from_all_others() {
        let held = |places: Places| (0..2 * MESSAGES).filter(move |&p| places.contains(p));
        for place in 0..=MESSAGES {
            assert!(held(Places::first(place)).eq(0..place));
            let others = Places::first(MESSAGES).without(place);
            assert!(held(others).eq((0..MESSAGES).filter(|&other| other != place)));
        }
        assert_eq!(held(Places::default()).count(), 0);
    }
}
