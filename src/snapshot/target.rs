//! One address of an instance as it is published: how its checks find it, and what it may be used
//! for.

use std::sync::Arc;

use crate::model::health::Condition;
use crate::model::service::{Endpoint, Service};
use crate::model::time::Instant;

/// How one address of one instance, or its host, stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The word for it.
    pub condition: Condition,
    /// What it may be used for.
    pub fitness: Fitness,
    /// Why it is not fit, in a few words.
    pub reason: Option<Arc<str>>,
}

/// Whether an address may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// Its checks find it fit to serve.
    Fit {
        /// Failures are counted that have not decided yet.
        suspect: bool,
        /// A complaint stands.
        warning: bool,
    },
    /// They do not, or have not yet.
    Unfit {
        /// When it was last fit; `None` when it never was.
        left: Option<Instant>,
    },
    /// No policy answers it.
    Out {
        /// Whether the instance's own name does.
        named: bool,
    },
}

impl Fitness {
    /// Fit, and nothing to be said against it.
    pub const WELL: Self = Self::Fit { suspect: false, warning: false };

    /// Whether failures are counted against it.
    pub fn is_suspect(self) -> bool {
        matches!(self, Self::Fit { suspect: true, .. })
    }

    pub(super) fn is_warning(self) -> bool {
        matches!(self, Self::Fit { warning: true, .. })
    }

    pub(super) fn left(self) -> Option<Instant> {
        match self {
            Self::Fit { .. } | Self::Out { .. } => None,
            Self::Unfit { left } => left,
        }
    }
}

/// One address of one instance, or its host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The place of the instance in the service.
    pub instance: usize,
    /// One of its addresses, or its host.
    pub endpoint: Endpoint,
    /// How it stands.
    pub standing: Standing,
}

/// Those of the instance at `place` among all of its service, which stand in the order of their
/// instances.
pub(super) fn targets_of(targets: &[Target], place: usize) -> &[Target] {
    let start = targets.partition_point(|t| t.instance < place);
    let end = targets.partition_point(|t| t.instance <= place);
    targets.get(start..end).unwrap_or(&[])
}

pub(super) fn is_eligible(service: &Service, target: &Target) -> bool {
    match target.standing.fitness {
        Fitness::Fit { warning, .. } => !(service.only_passing && warning),
        Fitness::Unfit { .. } | Fitness::Out { .. } => false,
    }
}

/// Of an instance's targets those that its own name answers: the fit ones, or where none is all but
/// those that are never answered.
pub fn named<'t>(
    service: &Service,
    its: &'t [Target],
) -> impl Iterator<Item = &'t Target> + use<'t> {
    let only_passing = service.only_passing;
    let any = its.iter().any(|target| is_eligible(service, target));
    its.iter().filter(move |target| match target.standing.fitness {
        Fitness::Fit { warning, .. } => !(any && only_passing && warning),
        Fitness::Unfit { .. } => !any,
        Fitness::Out { named } => !any && named,
    })
}
