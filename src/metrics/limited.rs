//! What response rate limiting counts: answers by class, and what was done instead.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

/// A kind of answer; each has a limit of its own, so that a flood of one leaves the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Answer,
    Negative,
    Error,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::Answer, Self::Negative, Self::Error];

    pub fn word(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Negative => "negative",
            Self::Error => "error",
        }
    }

    /// The place in `ALL`.
    pub fn place(self) -> u8 {
        match self {
            Self::Answer => 0,
            Self::Negative => 1,
            Self::Error => 2,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// An empty answer with TC: whoever is really there asks over TCP.
    Slipped,
    Dropped,
    DryRun,
}

impl Action {
    pub const ALL: [Self; 3] = [Self::Slipped, Self::Dropped, Self::DryRun];

    pub fn word(self) -> &'static str {
        match self {
            Self::Slipped => "slipped",
            Self::Dropped => "dropped",
            Self::DryRun => "dry-run",
        }
    }
}

/// Every pair, in the order of the cells of a worker.
pub(super) const COMBINATIONS: usize = Class::ALL.len().saturating_mul(Action::ALL.len());

fn combinations() -> impl Iterator<Item = (Class, Action)> {
    Class::ALL.into_iter().flat_map(|class| Action::ALL.map(|action| (class, action)))
}

pub(super) fn place(class: Class, action: Action) -> Option<usize> {
    combinations().position(|pair| pair == (class, action))
}

/// The family; `count` gives the sum of a cell over all workers.
pub(super) fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    count: impl Fn(usize) -> u64,
) -> fmt::Result {
    let help = "UDP responses above the rate limit of their client prefix, by class and action.";
    let mut family = encoder.encode_descriptor("dns_limited", help, None, MetricType::Counter)?;
    for (place, (class, action)) in combinations().enumerate() {
        let labels = [("class", class.word()), ("action", action.word())];
        ConstCounter::new(count(place)).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}
