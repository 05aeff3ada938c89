//! What a run of outcomes has established about one target: a counter machine without a clock.
//!
//! | state | pass, warn | fail |
//! |---|---|---|
//! | Unknown | Passing | Critical |
//! | Passing | Passing | Suspect, or Critical when one failure is enough |
//! | Suspect | Passing after `failures_before_critical` in a row | one more; Critical at `failures_before_critical` |
//! | Critical | Recovering, or Passing when one success is enough | Critical, asked half as often |
//! | Recovering | Passing after `success_before_passing` in a row | Critical |
//!
//! The failure counter leaks only by a row of successes: a target that fails every other time
//! does go down (gdnsd's rule; "consecutive" counters never see it).

use std::time::Duration;

use crate::model::check::Policy;
use crate::model::health::{Condition, Finding, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No outcome yet: the first one decides.
    Unknown,
    /// Fit; `warning` when the last outcome was one.
    Passing { warning: bool },
    Suspect {
        /// Counted failures, fewer than `failures_before_critical`.
        failures: u32,
        /// Successes in a row since the last failure, fewer than `failures_before_critical`.
        successes: u32,
        warning: bool,
    },
    Critical {
        /// Failed runs since it was last fit: each doubles the wait for the next.
        waits: u32,
    },
    Recovering {
        /// Successes in a row, fewer than `success_before_passing`.
        successes: u32,
        /// As it was when critical, for a failure that ends the recovery.
        waits: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    AfterStart(Duration),
    AfterEnd(Duration),
}

impl State {
    /// Where a check starts whose registration says a `status`: a passing one is served with one
    /// failure left.
    pub fn initial(status: Option<Verdict>, policy: &Policy) -> Self {
        match status {
            None | Some(Verdict::Critical) => Self::Unknown,
            Some(verdict @ (Verdict::Passing | Verdict::Warning)) => Self::Suspect {
                failures: policy.failures_before_critical.saturating_sub(1),
                successes: 0,
                warning: verdict == Verdict::Warning,
            },
        }
    }

    #[must_use]
    pub fn step(self, finding: Finding, policy: &Policy) -> Self {
        match finding {
            Finding::Pass => self.succeed(policy, false),
            Finding::Warn => self.succeed(policy, true),
            Finding::Fail => self.fail(policy),
            Finding::FailAtOnce => match self {
                Self::Critical { .. } | Self::Recovering { .. } => self.fail(policy),
                Self::Unknown | Self::Passing { .. } | Self::Suspect { .. } => {
                    Self::Critical { waits: 0 }
                }
            },
            Finding::Nothing => self,
        }
    }

    /// What is fit waits for the next outcome, which decides; what is not stays as it is.
    #[must_use]
    pub fn doubt(self) -> Self {
        match self {
            Self::Passing { warning } => Self::Suspect { failures: 1, successes: 0, warning },
            Self::Unknown
            | Self::Suspect { .. }
            | Self::Critical { .. }
            | Self::Recovering { .. } => self,
        }
    }

    fn succeed(self, policy: &Policy, warning: bool) -> Self {
        match self {
            Self::Unknown | Self::Passing { .. } => Self::Passing { warning },
            Self::Suspect { failures, successes, .. } => {
                let successes = successes.saturating_add(1);
                if successes >= policy.failures_before_critical {
                    Self::Passing { warning }
                } else {
                    Self::Suspect { failures, successes, warning }
                }
            }
            Self::Critical { waits } => Self::recover(1, waits, policy, warning),
            Self::Recovering { successes, waits } => {
                Self::recover(successes.saturating_add(1), waits, policy, warning)
            }
        }
    }

    fn recover(successes: u32, waits: u32, policy: &Policy, warning: bool) -> Self {
        if successes >= policy.success_before_passing {
            Self::Passing { warning }
        } else {
            Self::Recovering { successes, waits }
        }
    }

    fn fail(self, policy: &Policy) -> Self {
        let (failures, warning) = match self {
            Self::Unknown => return Self::Critical { waits: 0 },
            Self::Passing { warning } => (1, warning),
            Self::Suspect { failures, warning, .. } => (failures.saturating_add(1), warning),
            Self::Critical { waits } | Self::Recovering { waits, .. } => {
                return Self::Critical { waits: waits.saturating_add(1) };
            }
        };
        if failures >= policy.failures_before_critical {
            Self::Critical { waits: 0 }
        } else {
            Self::Suspect { failures, successes: 0, warning }
        }
    }

    pub fn next(self, policy: &Policy) -> Next {
        match self {
            Self::Passing { .. } => Next::AfterStart(policy.interval),
            Self::Unknown | Self::Suspect { .. } | Self::Recovering { .. } => {
                Next::AfterEnd(policy.fast_interval)
            }
            Self::Critical { waits } => {
                let factor = 2u32.checked_pow(waits).unwrap_or(u32::MAX);
                Next::AfterEnd(policy.fast_interval.saturating_mul(factor).min(policy.interval))
            }
        }
    }

    /// Whether the target is fit to serve as far as this check can tell.
    pub fn is_fit(self) -> bool {
        match self {
            Self::Passing { .. } | Self::Suspect { .. } => true,
            Self::Unknown | Self::Critical { .. } | Self::Recovering { .. } => false,
        }
    }

    /// Whether failures are counted that have not decided yet.
    pub fn is_suspect(self) -> bool {
        matches!(self, Self::Suspect { .. })
    }

    /// Whether a complaint stands: the last success was one, or failures have reached
    /// `failures_before_warning`.
    pub fn is_warning(self, policy: &Policy) -> bool {
        match self {
            Self::Passing { warning } => warning,
            Self::Suspect { failures, warning, .. } => {
                warning || failures >= policy.failures_before_warning
            }
            Self::Unknown | Self::Critical { .. } | Self::Recovering { .. } => false,
        }
    }

    pub fn condition(self) -> Condition {
        match self {
            Self::Unknown => Condition::Unknown,
            Self::Passing { warning: false } => Condition::Passing,
            Self::Passing { warning: true } => Condition::Warning,
            Self::Suspect { .. } => Condition::Suspect,
            Self::Critical { .. } => Condition::Critical,
            Self::Recovering { .. } => Condition::Recovering,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(start: State, findings: &[Finding], policy: &Policy) -> State {
        findings.iter().fold(start, |state, &finding| state.step(finding, policy))
    }

    use Finding::{Fail, FailAtOnce, Nothing, Pass, Warn};

    #[test]
    fn the_first_outcome_decides() {
        let policy = Policy::default();
        assert_eq!(State::Unknown.step(Pass, &policy), State::Passing { warning: false });
        assert_eq!(State::Unknown.step(Warn, &policy), State::Passing { warning: true });
        assert_eq!(State::Unknown.step(Fail, &policy), State::Critical { waits: 0 });
        assert_eq!(State::Unknown.step(Nothing, &policy), State::Unknown);
    }

    #[test]
    fn a_target_that_fails_every_other_time_goes_down() {
        let policy = Policy::default();
        let state = run(State::Unknown, &[Pass, Fail, Pass, Fail, Pass], &policy);
        assert!(state.is_fit());
        assert_eq!(state.step(Fail, &policy), State::Critical { waits: 0 });
    }

    #[test]
    fn a_row_of_successes_clears_the_counter() {
        let policy = Policy::default();
        let state = run(State::Unknown, &[Pass, Fail, Fail, Pass, Warn], &policy);
        assert!(state.is_suspect());
        assert_eq!(state.step(Pass, &policy), State::Passing { warning: false });
    }

    #[test]
    fn a_failure_while_recovering_starts_the_successes_over() {
        let policy = Policy { success_before_passing: 3, ..Policy::default() };
        let state = run(State::Unknown, &[Fail, Pass, Pass], &policy);
        assert_eq!(state, State::Recovering { successes: 2, waits: 0 });
        assert_eq!(state.step(Fail, &policy), State::Critical { waits: 1 });
    }

    #[test]
    fn an_immediate_status_needs_no_second_failure() {
        let policy = Policy::default();
        assert_eq!(run(State::Unknown, &[Pass, FailAtOnce], &policy), State::Critical { waits: 0 });
    }

    #[test]
    fn the_wait_doubles_once_critical_up_to_the_interval() {
        let policy = Policy::default();
        let waits: Vec<_> = (0..8).map(|waits| State::Critical { waits }.next(&policy)).collect();
        let ms = |ms| Next::AfterEnd(Duration::from_millis(ms));
        assert_eq!(
            waits,
            [ms(250), ms(500), ms(1000), ms(2000), ms(4000), ms(8000), ms(10_000), ms(10_000)]
        );
        assert_eq!(State::Critical { waits: u32::MAX }.next(&policy), ms(10_000));
    }

    #[test]
    fn a_passing_status_is_served_with_one_failure_left() {
        let policy = Policy::default();
        let state = State::initial(Some(Verdict::Passing), &policy);
        assert!(state.is_fit() && state.is_suspect());
        assert_eq!(state.step(Fail, &policy), State::Critical { waits: 0 });
    }

    #[test]
    fn failures_before_warning_shows_a_warning_first() {
        let policy = Policy { failures_before_warning: 2, ..Policy::default() };
        let one = run(State::Unknown, &[Pass, Fail], &policy);
        assert!(!one.is_warning(&policy));
        assert!(one.step(Fail, &policy).is_warning(&policy));
    }

    prop_compose! {
        fn policies()(fall in 1u32..6, rise in 1u32..6) -> Policy {
            Policy { failures_before_critical: fall, success_before_passing: rise, ..Policy::default() }
        }
    }

    fn findings() -> impl Strategy<Value = Vec<Finding>> {
        proptest::collection::vec(
            proptest::sample::select(vec![Pass, Warn, Fail, FailAtOnce, Nothing]),
            0..60,
        )
    }

    proptest! {
        #[test]
        fn counters_stay_below_their_thresholds(policy in policies(), findings in findings()) {
            let mut state = State::Unknown;
            for finding in findings {
                state = state.step(finding, &policy);
                match state {
                    State::Suspect { failures, successes, .. } => {
                        prop_assert!(failures >= 1 && failures < policy.failures_before_critical);
                        prop_assert!(successes < policy.failures_before_critical);
                    }
                    State::Recovering { successes, .. } => {
                        prop_assert!(successes >= 1 && successes < policy.success_before_passing);
                    }
                    State::Unknown | State::Passing { .. } | State::Critical { .. } => {}
                }
            }
        }

        #[test]
        fn enough_failures_in_a_row_take_out_and_enough_successes_bring_back(
            policy in policies(), findings in findings(),
        ) {
            let state = run(State::Unknown, &findings, &policy);
            let fall = policy.failures_before_critical as usize;
            let rise = policy.success_before_passing.max(policy.failures_before_critical) as usize;
            prop_assert!(!run(state, &vec![Fail; fall], &policy).is_fit());
            prop_assert_eq!(run(state, &vec![Pass; rise], &policy), State::Passing { warning: false });
        }

        #[test]
        fn one_failure_never_removes_a_passing_target_that_may_fail_twice(
            policy in policies(), findings in findings(),
        ) {
            prop_assume!(policy.failures_before_critical > 1);
            let state = run(State::Unknown, &findings, &policy);
            if let State::Passing { .. } = state {
                prop_assert!(state.step(Fail, &policy).is_fit());
            }
        }

        #[test]
        fn what_is_no_evidence_changes_nothing(policy in policies(), findings in findings()) {
            let state = run(State::Unknown, &findings, &policy);
            prop_assert_eq!(state.step(Nothing, &policy), state);
        }
    }
}
