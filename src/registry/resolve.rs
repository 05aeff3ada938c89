//! Applies the defaults to one instance: what it writes, what its service gives it, what `[health]`
//! says.

use std::sync::Arc;
use std::time::Duration;

use crate::model::check::{Check, Kind, Policy};
use crate::model::definition::{CheckDefinition, InstanceDefinition, PolicyDefinition, TagLists};
use crate::model::name::Name;
use crate::model::service::{Instance, Tag};

/// What every instance of the service inherits.
pub(super) struct Shared<'a> {
    pub(super) port: Option<u16>,
    pub(super) tags: &'a [Tag],
    pub(super) checks: Arc<[Check]>,
    pub(super) defaults: &'a Policy,
    pub(super) is_ours: &'a dyn Fn(&Name) -> bool,
}

/// An instance with all that it inherits. `lists` are the tags of the instances before.
pub(super) fn resolve(
    instance: &InstanceDefinition,
    shared: &Shared<'_>,
    lists: &mut TagLists,
) -> Instance {
    Instance {
        id: instance.id.clone(),
        location: instance.location.each_once(),
        port: instance.port.or(shared.port),
        tags: resolve_tags(&instance.tags, shared.tags, lists),
        weights: instance.weights,
        priority: instance.priority,
        meta: instance.meta.clone(),
        checks: resolve_own_checks(&instance.checks, shared),
    }
}

/// The list as written where nothing is to be done to it, else one for all that come out the same.
fn resolve_tags(own: &Arc<[Tag]>, inherited: &[Tag], lists: &mut TagLists) -> Arc<[Tag]> {
    if inherited.is_empty() && own.is_sorted_by(|before, after| before < after) {
        return Arc::clone(own);
    }
    let mut tags: Vec<Tag> = inherited.iter().chain(&**own).cloned().collect();
    tags.sort_unstable();
    tags.dedup();
    lists.share(&tags.into())
}

fn resolve_own_checks(definitions: &[CheckDefinition], shared: &Shared<'_>) -> Arc<[Check]> {
    if definitions.is_empty() {
        return Arc::clone(&shared.checks);
    }
    let own = resolve_checks(definitions, shared.defaults);
    // A check of the instance's own stands in for the service's of the same id.
    let inherited = shared.checks.iter().filter(|c| own.iter().all(|o| o.id != c.id));
    inherited.chain(&*own).cloned().collect()
}

pub(super) fn resolve_checks(definitions: &[CheckDefinition], defaults: &Policy) -> Arc<[Check]> {
    let check = |definition: &CheckDefinition| Check {
        id: Arc::clone(&definition.id),
        kind: Arc::clone(&definition.kind),
        policy: Arc::new(match &*definition.kind {
            Kind::Ttl(ttl) => policy_of_heartbeats(*ttl, &definition.policy),
            Kind::Http(_) | Kind::Tcp(_) | Kind::Grpc(_) | Kind::Script(_) | Kind::Alias(_) => {
                resolve_policy(&definition.policy, defaults)
            }
        }),
        initial: definition.initial,
    };
    definitions.iter().map(check).collect()
}

/// A check's times and thresholds: what it writes, else what `[health]` says, fitted to each other.
fn resolve_policy(written: &PolicyDefinition, defaults: &Policy) -> Policy {
    let inherited = written.interval.unwrap_or(defaults.interval);
    let timeout = written.timeout.unwrap_or(defaults.timeout.min(inherited));
    // A timeout that was written may be longer than the inherited interval, which then gives way.
    let interval = inherited.max(timeout);
    let fast_interval = written.fast_interval.unwrap_or(defaults.fast_interval).min(interval);
    let failures_before_critical =
        written.failures_before_critical.unwrap_or(defaults.failures_before_critical);
    Policy {
        interval,
        timeout,
        fast_interval,
        failures_before_critical,
        failures_before_warning: written
            .failures_before_warning
            .map_or(failures_before_critical, |n| n.min(failures_before_critical)),
        success_before_passing: written
            .success_before_passing
            .unwrap_or(defaults.success_before_passing),
        immediate_status: written
            .immediate_status
            .clone()
            .unwrap_or_else(|| defaults.immediate_status.clone()),
        deregister_after: written.deregister_after,
    }
}

/// Each word of the instance decides at once; a late one is suspect, which is no complaint.
fn policy_of_heartbeats(ttl: Duration, written: &PolicyDefinition) -> Policy {
    Policy {
        interval: ttl,
        timeout: Duration::ZERO,
        fast_interval: ttl,
        failures_before_critical: 1,
        failures_before_warning: 2,
        success_before_passing: 1,
        immediate_status: Vec::new(),
        deregister_after: written.deregister_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_takes_what_it_leaves_out_from_the_defaults_fitted_to_what_it_says() {
        let seconds = |s| Some(Duration::from_secs(s));
        let short = PolicyDefinition { interval: seconds(1), ..PolicyDefinition::default() };
        let policy = resolve_policy(&short, &Policy::default());
        assert_eq!(
            (policy.interval, policy.timeout),
            (Duration::from_secs(1), Duration::from_secs(1))
        );
        let patient = PolicyDefinition { timeout: seconds(30), ..PolicyDefinition::default() };
        assert_eq!(resolve_policy(&patient, &Policy::default()).interval, Duration::from_secs(30));
        let tiny = PolicyDefinition { interval: Some(Duration::from_millis(100)), ..short };
        assert_eq!(
            resolve_policy(&tiny, &Policy::default()).fast_interval,
            Duration::from_millis(100)
        );
    }

    #[test]
    fn instances_of_the_same_tags_share_one_list_whoever_wrote_them() {
        let tags = |texts: &[&str]| -> Arc<[Tag]> {
            texts.iter().map(|text| Tag::parse(text).unwrap()).collect()
        };
        let (sorted, inherited) = (tags(&["a", "b"]), tags(&["c", "a"]));
        let mut lists = TagLists::default();
        assert!(Arc::ptr_eq(&resolve_tags(&sorted, &[], &mut lists), &sorted));
        let first = resolve_tags(&sorted, &inherited, &mut lists);
        let second = resolve_tags(&tags(&["b"]), &inherited, &mut lists);
        assert_eq!(first, tags(&["a", "b", "c"]));
        assert!(Arc::ptr_eq(&first, &second));
    }
}
