//! Aliases that follow nobody: the id that they name is no instance's of their zone.
//!
//! Such an alias is critical for as long as that is so, and nothing that is run will change it: a
//! warning at the place where it is written tells of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity, nearest};
use crate::engine::aliases::AliasState;
use crate::engine::turn::Turn;
use crate::engine::world::World;
use crate::model::definition::Document;
use crate::model::service::{InstanceId, ServiceKey};
use crate::registry::merge::Contribution;

/// Aliases of one turn for which a near id is looked for: each search goes through the ids of a
/// zone, and a turn must not take long.
const MOST_SEARCHES: usize = 10;

/// What is known of an id that an alias names and nobody has.
#[derive(Clone, Debug, Default)]
pub(super) struct Dangling {
    /// An id that may be meant.
    nearest: Option<Arc<str>>,
}

impl World {
    /// Tells of the aliases that dangle since this turn.
    pub(super) fn tell_of_dangling(&mut self, turn: &mut Turn) {
        if turn.dangling.is_empty() {
            return;
        }
        let found = std::mem::take(&mut turn.dangling);
        for (key, place) in found.iter().take(MOST_SEARCHES) {
            self.find_near_id(key, *place);
        }
        let mut by_service: BTreeMap<ServiceKey, BTreeSet<usize>> = BTreeMap::new();
        for (key, place) in found {
            by_service.entry(key).or_default().insert(place);
        }
        let mut complaints = Complaints::default();
        for (key, places) in by_service {
            self.dangling(&key, |place| places.contains(&place), &mut complaints);
        }
        turn.effects.dangling = complaints.into_vec();
    }

    fn find_near_id(&mut self, key: &ServiceKey, place: usize) {
        let Some(index) = self.aliases.get(&key.zone) else { return };
        let state = self.services.get_mut(key);
        for alias in state.and_then(|state| state.aliases.get_mut(&place)).into_iter().flatten() {
            if let Some(dangling) = &mut alias.dangling {
                let ids = index.ids().map(|id| &**id);
                dangling.nearest = nearest(&alias.of, ids).map(Arc::from);
            }
        }
    }

    /// A warning for each alias that dangles, in any zone.
    pub(super) fn all_dangling(&self, complaints: &mut Complaints) {
        let with_aliases = self.services.iter().filter(|(_, state)| !state.aliases.is_empty());
        for (key, _) in with_aliases {
            self.dangling(key, |_| true, complaints);
        }
    }

    /// The same of one service, as far as its instances are `wanted`.
    fn dangling(
        &self,
        key: &ServiceKey,
        wanted: impl Fn(usize) -> bool,
        complaints: &mut Complaints,
    ) {
        let Some(state) = self.services.get(key) else { return };
        let aliases = state.aliases.iter().filter(|(place, _)| wanted(**place));
        let aliases = aliases.flat_map(|(place, aliases)| aliases.iter().map(move |a| (*place, a)));
        let mut dangling = aliases.filter(|(_, alias)| alias.dangling.is_some()).peekable();
        if dangling.peek().is_none() {
            return;
        }
        let written = Written::new(self.contributions(key));
        for (place, alias) in dangling {
            let instance = state.service.instances.get(place);
            let at = instance.and_then(|i| written.place(&i.id, &alias.of));
            let Some((document, span, id)) = at else { continue };
            complaints.push_with(&document.path, Severity::Warning, || {
                let message = format!("no instance of this zone has the id {id:?}");
                let warning = Diagnostic::warning(&document.path, &document.text, span, message);
                warning.with_label(self.advice(key, alias))
            });
        }
    }

    fn advice(&self, key: &ServiceKey, alias: &AliasState) -> String {
        let near = alias.dangling.as_ref().and_then(|dangling| dangling.nearest.as_ref());
        // It may have gone since.
        let is_there =
            |id: &&Arc<str>| self.aliases.get(&key.zone).is_some_and(|index| index.has(id));
        match near.filter(is_there) {
            Some(id) => format!("did you mean {id:?}?"),
            None => "the check stays critical: register the instance, or correct the id".to_owned(),
        }
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
    ) -> Option<(&'a Document, Range<usize>, &'a str)> {
        let Contribution { document, definition } = self.0.get(instance)?;
        let alias = definition.aliases.iter().find(|a| a.value.eq_ignore_ascii_case(of));
        if let Some(alias) = alias {
            return Some((document, alias.span.clone(), &alias.value));
        }
        let written = definition.instances.iter().find(|written| written.id == *instance)?;
        Some((document, written.id_span.octets(), of))
    }
}
