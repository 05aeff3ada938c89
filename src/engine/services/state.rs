//! A service with what is known of its targets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::engine::orders::book::Override;
use crate::health::scheduler::CheckId;
use crate::model::health::Condition;
use crate::model::service::{InstanceId, Service};
use crate::model::time::Now;
use crate::snapshot::shown::{CheckShown, InstanceState, Shown};
use crate::snapshot::target::Target;

/// See the module.
#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(super) service: Arc<Service>,
    /// One an instance, in the same order: what is published as well, until it changes.
    pub(super) instances: Arc<[InstanceState]>,
    /// The checks of an instance as a whole, where it has any, by its place.
    pub(super) instance_checks: BTreeMap<usize, Box<[CheckId]>>,
    /// One an address or host of each instance, in the order of the instances: what is published
    /// as well, until it changes.
    pub(super) targets: Arc<[Target]>,
    /// One a target, in the same order; none at all where no target has any.
    pub(super) target_checks: Box<[TargetChecks]>,
    /// What operators order of instances, in the place of what checks say.
    pub(super) orders: BTreeMap<InstanceId, Override>,
    /// All of its checks, as they are published.
    pub(super) checks_shown: Arc<[(usize, Arc<CheckShown>)]>,
}

/// The checks of one target.
#[derive(Clone, Debug, Default)]
pub(super) struct TargetChecks {
    /// In the order of the instance's checks.
    pub(super) ids: Box<[CheckId]>,
    /// Registered when the process started: its service waits for its first outcomes.
    pub(super) awaited: bool,
}

impl ServiceState {
    pub(crate) fn service(&self) -> &Arc<Service> {
        &self.service
    }

    pub(crate) fn targets(&self) -> &Arc<[Target]> {
        &self.targets
    }

    pub(crate) fn shown(&self) -> Shown {
        let (instances, checks) = (&self.instances, &self.checks_shown);
        Shown { instances: Arc::clone(instances), checks: Arc::clone(checks) }
    }

    /// The checks of the instance at `place` as a whole.
    pub(crate) fn checks_of_instance(&self, place: usize) -> &[CheckId] {
        self.instance_checks.get(&place).map_or(&[], |ids| ids)
    }

    /// The checks of each target of the instance at `place`.
    pub(crate) fn checks_of_targets(&self, place: usize) -> impl Iterator<Item = &[CheckId]> {
        self.targets_of(place).map(|target| self.checks_of_target(target))
    }

    pub(super) fn checks_of_target(&self, target: usize) -> &[CheckId] {
        self.target_checks.get(target).map_or(&[], |checks| &checks.ids)
    }

    pub(super) fn all_checks(&self) -> impl Iterator<Item = &[CheckId]> {
        let of_targets = self.target_checks.iter().map(|checks| &*checks.ids);
        of_targets.chain(self.instance_checks.values().map(|ids| &**ids))
    }

    /// The places of the targets of an instance.
    pub(super) fn targets_of(&self, instance: usize) -> Range<usize> {
        // Targets stand in the order of their instances.
        let start = self.targets.partition_point(|target| target.instance < instance);
        start..self.targets.partition_point(|target| target.instance <= instance)
    }

    /// Brings an instance's condition in line with its best target's: an instance is as good as its
    /// best address. What it was, what it is and why, when that has changed.
    pub(super) fn assess_instance(
        &mut self,
        place: usize,
        now: Now,
    ) -> Option<(Condition, Condition, Option<Arc<str>>)> {
        let own = self.targets.get(self.targets_of(place))?.iter();
        let best = own.map(|target| &target.standing).min_by_key(|standing| standing.condition)?;
        let (to, reason) = (best.condition, best.reason.clone());
        let from = self.instances.get(place)?.condition;
        if from == to {
            return None;
        }
        // What is published stays as it is: the first change after it is made to a copy.
        *Arc::make_mut(&mut self.instances).get_mut(place)? =
            InstanceState { condition: to, since: now.wall };
        Some((from, to, reason))
    }
}
