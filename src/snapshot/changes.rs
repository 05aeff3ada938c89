//! In which generation that changed which readers over HTTP see: they wait for its number.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::health::{Condition, Verdict};
use crate::model::service::Tag;
use crate::snapshot::service::ServiceView;
use crate::snapshot::shown::InstanceState;
use crate::snapshot::target::Target;

/// Of one zone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Anything of it.
    pub any: u64,
    /// The names of its services, or the tags of one.
    pub names: u64,
    /// A service was removed.
    pub removed: u64,
}

impl Changes {
    /// Of a zone that is new: nothing of it was seen before.
    pub fn of_new(generation: u64) -> Self {
        Self { any: generation, names: generation, removed: generation }
    }

    /// Takes in that a service changed in `generation` from one view to another.
    pub fn note(&mut self, [before, after]: [Option<&ServiceView>; 2], generation: u64) {
        if after.is_none_or(|after| after.changed == generation) {
            self.any = generation;
        }
        if after.is_none() {
            self.removed = generation;
        }
        if !before.zip(after).is_some_and(|(before, after)| have_the_same_tags(before, after)) {
            self.names = generation;
        }
    }
}

/// Whether readers see the same in both, but for what checks say.
pub fn look_the_same(before: &ServiceView, after: &ServiceView) -> bool {
    let same_registration = Arc::ptr_eq(&before.service, &after.service);
    let (old, new) = (&before.shown.instances, &after.shown.instances);
    let same_words = Arc::ptr_eq(old, new) || old.iter().map(word).eq(new.iter().map(word));
    let serves = |view: &ServiceView, target: &Target| view.is_eligible(target);
    let same_addresses = Arc::ptr_eq(&before.targets, &after.targets)
        || before
            .targets
            .iter()
            .map(|t| serves(before, t))
            .eq(after.targets.iter().map(|t| serves(after, t)));
    same_registration && same_words && same_addresses
}

fn word(state: &InstanceState) -> (Verdict, bool) {
    (state.condition.verdict(), state.condition == Condition::Maintenance)
}

fn have_the_same_tags(before: &ServiceView, after: &ServiceView) -> bool {
    Arc::ptr_eq(&before.service, &after.service) || tags(before) == tags(after)
}

fn tags(view: &ServiceView) -> HashSet<&Tag> {
    view.service.instances.iter().flat_map(|instance| &*instance.tags).collect()
}
