//! What checks say, and what it makes of a target together.

use std::sync::Arc;

use crate::model::health::Condition;
use crate::model::time::Now;
use crate::snapshot::target::{Fitness, Standing};

/// What one check, or several together, say of a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    pub(super) condition: Condition,
    pub(super) fit: bool,
    pub(super) suspect: bool,
    pub(super) warning: bool,
    pub(super) reason: Option<&'a Arc<str>>,
}

/// All checks of a target together: the worst counts. `None` is one that has no say yet; where no
/// other has, nothing is known, and what was served goes on.
impl FromIterator<Option<Self>> for Evidence<'_> {
    fn from_iter<I: IntoIterator<Item = Option<Self>>>(says: I) -> Self {
        let (mut worst, mut unheard): (Option<Self>, bool) = (None, false);
        for said in says {
            let Some(said) = said else {
                unheard = true;
                continue;
            };
            worst = Some(match worst {
                None => said,
                Some(worst) => worst.and(said),
            });
        }
        let condition = if unheard { Condition::Unknown } else { Condition::Unchecked };
        let nothing = Self { condition, fit: true, suspect: false, warning: false, reason: None };
        worst.unwrap_or(nothing)
    }
}

impl Evidence<'_> {
    fn and(self, other: Self) -> Self {
        let worse = if other.condition > self.condition { &other } else { &self };
        Self {
            condition: worse.condition,
            fit: self.fit && other.fit,
            suspect: self.suspect || other.suspect,
            warning: self.warning || other.warning,
            reason: worse.reason,
        }
    }
}

/// How a target stands by what its checks say together.
pub(super) fn stand(said: &Evidence<'_>, before: Fitness, now: Now) -> Standing {
    let Evidence { condition, fit, suspect, warning, reason } = *said;
    let fitness = match (fit, before) {
        (true, _) => Fitness::Fit { suspect, warning },
        (false, Fitness::Fit { .. }) => Fitness::Unfit { left: Some(now.mono) },
        (false, Fitness::Unfit { left }) => Fitness::Unfit { left },
    };
    let reason = reason.filter(|_| !fit || suspect || warning).cloned();
    Standing { condition, fitness, reason }
}
