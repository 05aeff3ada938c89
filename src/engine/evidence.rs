//! What checks say, and what it makes of a target together.

use std::sync::Arc;

use crate::health::state::State;
use crate::model::check::Policy;
use crate::model::health::Condition;
use crate::model::time::Now;
use crate::snapshot::target::{Fitness, Standing};

/// What one check, or several together, say of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) condition: Condition,
    pub(super) fit: bool,
    pub(super) suspect: bool,
    pub(super) warning: bool,
    /// The outcome that decided it.
    pub(super) reason: Option<Arc<str>>,
}

impl Evidence {
    pub(super) const NOTHING_YET: Self = Self {
        condition: Condition::Unknown,
        fit: false,
        suspect: false,
        warning: false,
        reason: None,
    };

    /// What a check that counts outcomes says in this state.
    pub(super) fn of(state: State, policy: &Policy, reason: Option<Arc<str>>) -> Self {
        Self {
            condition: state.condition(),
            fit: state.is_fit(),
            suspect: state.is_suspect(),
            warning: state.is_warning(policy),
            reason,
        }
    }

    pub(super) fn critical(reason: String) -> Self {
        let reason = Some(reason.into());
        Self { condition: Condition::Critical, reason, ..Self::NOTHING_YET }
    }

    fn and(self, other: &Self) -> Self {
        let other_is_worse = other.condition > self.condition;
        Self {
            condition: self.condition.max(other.condition),
            fit: self.fit && other.fit,
            suspect: self.suspect || other.suspect,
            warning: self.warning || other.warning,
            reason: if other_is_worse { other.reason.clone() } else { self.reason },
        }
    }

    /// How a target stands of which this is said; `before` is what it was fit for until now.
    pub(super) fn standing(self, before: Fitness, now: Now) -> Standing {
        let Self { condition, fit, suspect, warning, reason } = self;
        let fitness = match (fit, before) {
            _ if condition == Condition::Removed => Fitness::Out { named: false },
            (true, _) => Fitness::Fit { suspect, warning },
            (false, Fitness::Out { .. }) => Fitness::Unfit { left: None },
            (false, Fitness::Fit { .. }) => Fitness::Unfit { left: Some(now.mono) },
            (false, Fitness::Unfit { left }) => Fitness::Unfit { left },
        };
        let reason = reason.filter(|_| !fit || suspect || warning);
        Standing { condition, fitness, reason }
    }
}

/// All checks of a target together: the worst counts. `None` is one that has no say yet; where no
/// other has, nothing is known, and what was served goes on.
impl<'e> FromIterator<Option<&'e Self>> for Evidence {
    fn from_iter<I: IntoIterator<Item = Option<&'e Self>>>(says: I) -> Self {
        let (mut worst, mut unheard): (Option<Self>, bool) = (None, false);
        for said in says {
            match (said, worst.take()) {
                (None, known) => (worst, unheard) = (known, true),
                (Some(said), None) => worst = Some(said.clone()),
                (Some(said), Some(known)) => worst = Some(known.and(said)),
            }
        }
        let condition = if unheard { Condition::Unknown } else { Condition::Unchecked };
        worst.unwrap_or(Self { condition, fit: true, ..Self::NOTHING_YET })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one() -> impl Strategy<Value = Evidence> {
        let policy = Policy { failures_before_critical: 5, ..Policy::default() };
        let (few, warning) = (1_u32..5, any::<bool>());
        let state = (0..5, few, warning).prop_map(|(state, number, warning)| match state {
            0 => State::Unknown,
            1 => State::Passing { warning },
            2 => State::Suspect { failures: number, successes: 0, warning },
            3 => State::Critical { waits: number },
            _ => State::Recovering { successes: number, waits: 0 },
        });
        state.prop_map(move |state| {
            let reason = format!("{state:?}");
            Evidence::of(state, &policy, Some(reason.into()))
        })
    }

    #[test]
    fn without_a_say_nothing_is_known_and_what_was_served_goes_on() {
        let none: Evidence = std::iter::empty().collect();
        let unheard: Evidence = [None, None].into_iter().collect();
        assert_eq!((none.condition, none.fit), (Condition::Unchecked, true));
        assert_eq!((unheard.condition, unheard.fit), (Condition::Unknown, true));
    }

    proptest! {
        #[test]
        fn the_worst_decides_whoever_has_no_say(
            says in proptest::collection::vec(proptest::option::weighted(0.8, one()), 1..6),
        ) {
            let together: Evidence = says.iter().map(Option::as_ref).collect();
            let heard = || says.iter().flatten();
            prop_assume!(heard().count() > 0);
            prop_assert_eq!(Some(together.condition), heard().map(|said| said.condition).max());
            prop_assert_eq!(together.fit, heard().all(|said| said.fit));
            prop_assert_eq!(together.suspect, heard().any(|said| said.suspect));
            prop_assert_eq!(together.warning, heard().any(|said| said.warning));
            let first = heard().find(|said| said.condition == together.condition);
            prop_assert_eq!(&together.reason, &first.unwrap().reason);
        }

        #[test]
        fn a_target_that_leaves_is_dated_once(said in one(), fit: bool) {
            let now = Now::default().after(std::time::Duration::from_secs(9));
            let left = Fitness::Unfit { left: None };
            let before = if fit { Fitness::WELL } else { left };
            let fitness = said.clone().standing(before, now).fitness;
            match fitness {
                Fitness::Fit { .. } => prop_assert!(said.fit),
                Fitness::Unfit { left } => {
                    prop_assert_eq!((said.fit, left.is_some()), (false, fit));
                    prop_assert_eq!(said.standing(fitness, now.after(now.mono.0)).fitness, fitness);
                }
                Fitness::Out { .. } => prop_assert!(false, "nobody has waited"),
            }
        }
    }
}
