//! Tells the instances that livezone would have to ask itself about.

use crate::model::check::{CheckTarget, Question};
use crate::model::name::Name;
use crate::model::service::{Instance, ServiceKey};

/// The host in a zone of ours that a check of the instance would have to resolve: what health
/// decides must not depend on what health decided.
pub(super) fn host_of_ours<'i>(
    key: &ServiceKey,
    instance: &'i Instance,
    is_ours: &dyn Fn(&Name) -> bool,
) -> Option<&'i Name> {
    let host = instance.location.host().filter(|host| is_ours(host))?;
    let resolves = |check| {
        let mut endpoints = instance.location.endpoints();
        endpoints.any(|endpoint| {
            let question = instance.question(key, check, &endpoint);
            matches!(question, Some(Question::Network(_, CheckTarget::Host { .. })))
        })
    };
    instance.checks.iter().any(resolves).then_some(host)
}
