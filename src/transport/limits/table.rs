//! Who has had how much: a fixed table that all UDP workers share without a lock.
//!
//! A cell holds one number: when what was charged to it is paid off (the theoretical arrival time
//! of the generic cell rate algorithm). Each key has a cell in both of two rows, and is over its
//! limit only when both are: a stranger who shares one of them does no harm. The places follow
//! from random numbers, so nobody can choose whom to share them with.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::transport::limits::key::Key;

/// Cells of a row: what two octets can say. Both rows take 1 MiB.
const ROW: usize = 1 << 16;
/// One second's worth may come at once.
const BURST: u64 = 1_000_000_000;

/// The two rows. Times are nanoseconds of the monotonic clock, costs the nanoseconds in which one
/// answer is paid off.
#[derive(Debug)]
pub(super) struct Table {
    rows: [Box<[AtomicU64]>; 2],
    factor: u128,
    offset: u128,
}

impl Table {
    pub(super) fn new() -> Self {
        // Zeros straight from the system: a page takes memory once it is written.
        let row = || (0..ROW).map(|_| AtomicU64::new(0)).collect();
        let seed = RandomState::new();
        let draw =
            |n: u8| (u128::from(seed.hash_one([n, 0])) << 64) | u128::from(seed.hash_one([n, 1]));
        Self { rows: [row(), row()], factor: draw(0), offset: draw(1) }
    }

    /// The cells of `key`, one a row.
    ///
    /// A keyed hash for texts (`SipHash`) took as long as all the rest together. Numbers as short
    /// as ours are kept apart by a product with a factor that nobody knows, whichever they are.
    pub(super) fn cells(&self, key: Key) -> impl Iterator<Item = &AtomicU64> + Clone {
        let product = self.factor.wrapping_mul(key.number()).wrapping_add(self.offset);
        let [a, b, c, d, ..] = mix(product).to_be_bytes();
        let places = [[a, b], [c, d]].map(|two| usize::from(u16::from_be_bytes(two)));
        self.rows.iter().zip(places).filter_map(|(row, place)| row.get(place))
    }
}

/// Neighbours are at equal distances in a product, and could fall on few cells: the finalizer of
/// splitmix64 spreads the upper half, which depends on every bit of the key.
fn mix(product: u128) -> u64 {
    let upper = u64::try_from(product >> 64).unwrap_or_default();
    let once = (upper ^ (upper >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

/// Whether none of `cells` has room for one more.
pub(super) fn is_over<'c>(
    mut cells: impl Iterator<Item = &'c AtomicU64>,
    cost: u64,
    now: u64,
) -> bool {
    cells.all(|cell| {
        let paid = cell.load(Ordering::Relaxed).max(now);
        paid.saturating_add(cost) > now.saturating_add(BURST)
    })
}

/// Charges one more to each of `cells`.
///
/// A cell that is full because of others stays just full. So it is never behind what this key
/// alone would have made of it, which keeps the limit strict, and has room again one cost after
/// the last charge, which makes recovery immediate.
pub(super) fn charge<'c>(cells: impl Iterator<Item = &'c AtomicU64>, cost: u64, now: u64) {
    for cell in cells {
        // Charges are at most as many as the limit, so workers seldom meet here.
        let mut paid = cell.load(Ordering::Relaxed);
        // Another worker's clock reading may be a little later: a cell does not go back.
        while let Err(newer) = cell.compare_exchange_weak(
            paid,
            paid.max(now).saturating_add(cost).min(now.saturating_add(BURST)).max(paid),
            Ordering::Relaxed,
            Ordering::Relaxed,
        ) {
            paid = newer;
        }
    }
}
