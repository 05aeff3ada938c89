//! What checks find, and the words for what has been established from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// What one check, or an instance's checks together, say of it (Consul's three words).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passing,
    Warning,
    Critical,
}

impl Verdict {
    /// As JSON spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    Pass,
    /// Fit to serve, with a complaint (HTTP 429): a success to every counter.
    Warn,
    Fail,
    /// Counts as all the failures at once (`immediate_status`).
    FailAtOnce,
    /// Our own machine stood in the way: no evidence of anything.
    Nothing,
}

impl Finding {
    /// What a heartbeat says decides at once.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passing => Self::Pass,
            Verdict::Warning => Self::Warn,
            Verdict::Critical => Self::FailAtOnce,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "passing",
            Self::Warn => "warning",
            Self::Fail | Self::FailAtOnce => "critical",
            Self::Nothing => "none",
        }
    }

    /// Every word, for metrics that show all families from the start.
    pub const WORDS: [&'static str; 4] = ["passing", "warning", "critical", "none"];
}

/// The outcome of one run: what was found, and in which words to show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub finding: Finding,
    /// A short reason for people and for extended errors: "connection refused", "HTTP 503".
    pub reason: Arc<str>,
}

impl Outcome {
    pub fn new(finding: Finding, reason: impl Into<Arc<str>>) -> Self {
        Self { finding, reason: reason.into() }
    }
}

/// The states of an instance as status and metrics show them. The order is from best to worst: of
/// several checks the worst counts. What operators order comes from no check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Condition {
    /// No check is registered: served, and not called passing.
    Unchecked,
    Passing,
    /// Served unless `only_passing`.
    Warning,
    Suspect,
    /// No outcome yet: not served.
    Unknown,
    /// Not served, with successes since it was critical.
    Recovering,
    Critical,
    /// Critical for so long that no policy serves it.
    Removed,
    ForcedUp,
    ForcedDown,
    /// Served by no policy, so that it can be stopped.
    Drained,
    Maintenance,
}

impl Condition {
    pub const ALL: [Self; 12] = [
        Self::Unchecked,
        Self::Passing,
        Self::Warning,
        Self::Suspect,
        Self::Unknown,
        Self::Recovering,
        Self::Critical,
        Self::Removed,
        Self::ForcedUp,
        Self::ForcedDown,
        Self::Drained,
        Self::Maintenance,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Unchecked => "unchecked",
            Self::Passing => "passing",
            Self::Suspect => "suspect",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
            Self::Recovering => "recovering",
            Self::Critical => "critical",
            Self::Removed => "removed",
            Self::ForcedUp => "forced_up",
            Self::ForcedDown => "forced_down",
            Self::Drained => "drained",
            Self::Maintenance => "maintenance",
        }
    }

    /// Consul's word: a suspect is served, and one that recovers is not.
    pub fn verdict(self) -> Verdict {
        match self {
            Self::Unchecked | Self::Passing | Self::Suspect | Self::ForcedUp => Verdict::Passing,
            Self::Warning => Verdict::Warning,
            Self::Unknown
            | Self::Recovering
            | Self::Critical
            | Self::Removed
            | Self::ForcedDown
            | Self::Drained
            | Self::Maintenance => Verdict::Critical,
        }
    }

    /// Whether an instance that is registered over HTTP is deregistered for it, soon or now.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Removed | Self::Drained)
    }

    pub fn is_ordered(self) -> bool {
        matches!(self, Self::ForcedUp | Self::ForcedDown | Self::Drained | Self::Maintenance)
    }
}
