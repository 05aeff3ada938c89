//! Things to choose from, each with its weight, and a fresh order of them for each answer.

use std::cmp::Ordering;

/// What may be answered, in the order registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// The candidates.
    pub items: Box<[T]>,
    /// Their weights, where they differ.
    weights: Option<Box<[u32]>>,
}

impl<T> Choice<T> {
    /// `items` with their weights.
    pub fn new(items: Vec<(T, u32)>) -> Self {
        let equal = items.windows(2).all(|pair| matches!(pair, [a, b] if a.1 == b.1));
        let weights = (!equal).then(|| items.iter().map(|(_, weight)| *weight).collect());
        Self { items: items.into_iter().map(|(item, _)| item).collect(), weights }
    }

    /// At most `limit` of them, all for 0, in a fresh order: a uniform rotation where the weights
    /// are equal; else each place is drawn by weight from what is left, weight 0 last.
    pub fn draw(&self, rng: &mut fastrand::Rng, limit: usize) -> Vec<&T> {
        let Some(weights) = &self.weights else { return self.rotate(rng, limit).collect() };
        // Exponential keys (Efraimidis and Spirakis, 2006): sorting by them is drawing by weight
        // without putting back.
        let mut keyed: Vec<(f64, &T)> = self
            .items
            .iter()
            .zip(weights)
            .map(|(item, &weight)| (-(1.0 - rng.f64()).ln() / f64::from(weight), item))
            .collect();
        let by_key = |a: &(f64, &T), b: &(f64, &T)| -> Ordering { a.0.total_cmp(&b.0) };
        keyed.sort_unstable_by(by_key);
        keyed.into_iter().take(self.wanted(limit)).map(|(_, item)| item).collect()
    }

    /// Whether a rotation is all that drawing does.
    pub fn is_equal(&self) -> bool {
        self.weights.is_none()
    }

    /// A uniform rotation, whatever the weights.
    pub fn rotate(
        &self,
        rng: &mut fastrand::Rng,
        limit: usize,
    ) -> impl Iterator<Item = &T> + Clone + use<'_, T> {
        rotated(&self.items, rng).take(self.wanted(limit))
    }

    /// How many are answered where at most `limit` are wanted.
    pub fn wanted(&self, limit: usize) -> usize {
        if limit == 0 { self.items.len() } else { limit.min(self.items.len()) }
    }
}

/// Items from a random one on, round to the one before it.
pub fn rotated<'i, T>(
    items: &'i [T],
    rng: &mut fastrand::Rng,
) -> impl Iterator<Item = &'i T> + Clone + use<'i, T> {
    let (tail, head) = items.split_at(first_of(items.len(), rng));
    head.iter().chain(tail)
}

/// The place where the rotation of so many begins.
#[inline]
pub fn first_of(count: usize, rng: &mut fastrand::Rng) -> usize {
    if count > 1 { rng.usize(..count) } else { 0 }
}

impl<T> Default for Choice<T> {
    fn default() -> Self {
        Self { items: Box::default(), weights: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_place_is_drawn_by_weight() {
        let choice = Choice::new(vec![('a', 1), ('b', 3), ('c', 0)]);
        let mut rng = fastrand::Rng::with_seed(7);
        let mut firsts = [0u32; 3];
        for _ in 0..4000 {
            let order = choice.draw(&mut rng, 0);
            assert_eq!(*order[2], 'c', "weight 0 comes last");
            firsts[*order[0] as usize - 'a' as usize] += 1;
        }
        assert!((900..1100).contains(&firsts[0]), "{firsts:?}");
    }

    #[test]
    fn equal_weights_put_each_first_alike() {
        let choice = Choice::new(vec![(0usize, 5), (1, 5), (2, 5)]);
        let mut rng = fastrand::Rng::with_seed(7);
        let mut firsts = [0u32; 3];
        for _ in 0..3000 {
            firsts[*choice.draw(&mut rng, 1)[0]] += 1;
        }
        assert!(firsts.iter().all(|n| (900..1100).contains(n)), "{firsts:?}");
    }

    proptest! {
        #[test]
        fn an_order_is_a_permutation_and_a_limit_its_beginning(
            weights in proptest::collection::vec(0u32..4, 0..40), limit in 0usize..50, seed: u64,
        ) {
            let count = weights.len();
            let choice = Choice::new(weights.into_iter().enumerate().collect());
            let all = choice.draw(&mut fastrand::Rng::with_seed(seed), 0);
            let some = choice.draw(&mut fastrand::Rng::with_seed(seed), limit);
            prop_assert!(limit == 0 || some.len() == limit.min(count));
            prop_assert!(all.starts_with(&some));
            let mut sorted: Vec<_> = all.into_iter().copied().collect();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..count).collect::<Vec<_>>());
        }
    }
}
