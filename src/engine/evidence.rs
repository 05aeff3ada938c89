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
            (true, _) => Fitness::Fit { suspect, warning },
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
