//! Aliases that follow nobody: the id that they name is no instance's of their zone.
//!
//! Such an alias is critical for as long as that is so, and nothing that is run will change it: a
//! warning at the place where it is written tells of it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::complaints::ByOrigin;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::aliases::index::{Index, followed};
use crate::model::definition::Document;
use crate::model::origin::Origin;
use crate::model::service::{InstanceId, Service};
use crate::registry::merge::Contribution;

/// The ids, folded, that an instance follows and no instance has.
pub(super) fn ids<'s>(
    service: &'s Service,
    place: usize,
    index: &Index,
) -> impl Iterator<Item = &'s Arc<str>> {
    let instance = service.instances.get(place).into_iter();
    instance.flat_map(followed).filter(|id| !index.has(id))
}

/// Adds a warning for each alias of a service that dangles, as far as its instances are `wanted`.
pub(super) fn warn(
    service: &Service,
    wanted: impl Fn(usize) -> bool,
    index: &Index,
    contributions: impl FnOnce() -> Vec<Contribution>,
    complaints: &mut ByOrigin,
) {
    let places = (0..service.instances.len()).filter(|place| wanted(*place));
    let each = |place| ids(service, place, index).map(move |id| (place, id));
    let mut dangling = places.flat_map(each).peekable();
    if dangling.peek().is_none() {
        return;
    }
    let written = Written::new(contributions());
    for (place, id) in dangling {
        let instance = service.instances.get(place);
        let at = instance.and_then(|instance| written.place(&instance.id, id));
        let Some((origin, document, span, as_written)) = at else { continue };
        complaints.of(origin).push_with(&document.path, Severity::Warning, || {
            let message = format!("no instance of this zone has the id {as_written:?}");
            let warning = Diagnostic::warning(&document.path, &document.text, span, message);
            warning.with_label(match index.near(id) {
                Some(near) => format!("did you mean {near:?}?"),
                None => {
                    "the check stays critical: register the instance, or correct the id".to_owned()
                }
            })
        });
    }
}

/// What files say of one service, by its instances.
struct Written(HashMap<InstanceId, Contribution>);

impl Written {
    fn new(contributions: Vec<Contribution>) -> Self {
        let mut by_id = HashMap::new();
        for contribution in contributions {
            for instance in &contribution.definition.instances {
                // Of an id that is written twice the first one counts.
                by_id.entry(instance.id.clone()).or_insert_with(|| contribution.clone());
            }
        }
        Self(by_id)
    }

    /// Where the instance's alias of `of` is written, and how; else where the instance is.
    fn place<'a>(
        &'a self,
        instance: &InstanceId,
        of: &'a str,
    ) -> Option<(Origin, &'a Document, Range<usize>, &'a str)> {
        let Contribution { origin, document, definition } = self.0.get(instance)?;
        let alias = definition.aliases.iter().find(|a| a.value.eq_ignore_ascii_case(of));
        if let Some(alias) = alias {
            return Some((*origin, document, alias.span.clone(), &alias.value));
        }
        let written = definition.instances.iter().find(|written| written.id == *instance)?;
        Some((*origin, document, written.id_span.octets(), of))
    }
}
