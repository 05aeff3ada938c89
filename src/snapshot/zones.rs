//! The zones that are served, by apex.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::name::Name;
use crate::snapshot::zone::Zone;

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    by_apex: HashMap<Name, Arc<Zone>, FixedState>,
    /// Names above apexes.
    above: Arc<HashSet<Name, FixedState>>,
    /// Labels of the longest apex.
    deepest: usize,
}

impl Zones {
    /// The zone of this apex, in wire form and folded.
    pub fn get(&self, apex: &[u8]) -> Option<&Arc<Zone>> {
        self.by_apex.get(apex)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, apex: &Name) -> Option<&mut Arc<Zone>> {
        self.by_apex.get_mut(apex)
    }

    /// Serves these zones instead of others of their apexes, or none.
    pub fn change(&mut self, changed: impl IntoIterator<Item = (Name, Option<Zone>)>) {
        for (apex, zone) in changed {
            match zone {
                Some(zone) => drop(self.by_apex.insert(apex, Arc::new(zone))),
                None => drop(self.by_apex.remove(&apex)),
            }
        }
        let above = |apex: &Name| std::iter::successors(apex.parent(), Name::parent);
        self.above = Arc::new(self.by_apex.keys().flat_map(above).collect());
        self.deepest = self.by_apex.keys().map(|apex| apex.labels().count()).max().unwrap_or(0);
    }

    /// Serves `zone` at `apex`.
    pub fn put(&mut self, apex: &Name, zone: Zone) {
        match self.by_apex.get_mut(apex) {
            Some(served) => *served = Arc::new(zone),
            None => self.change([(apex.clone(), Some(zone))]),
        }
    }

    /// Those that have services of their own, in no order.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.by_apex.values().filter(|zone| zone.facts.consul.is_none())
    }

    /// The zone, where one is all that is served.
    pub fn only(&self) -> Option<&Zone> {
        let mut all = self.by_apex.values();
        all.next().filter(|_| all.len() == 0).map(|zone| &**zone)
    }

    /// How many labels the longest apex has: no longer suffix of a name needs to be looked for.
    pub fn deepest(&self) -> usize {
        self.deepest
    }

    /// Whether `name` stands above an apex: then it exists in the zone above, whatever that says
    /// of it (RFC 8020).
    pub fn is_above(&self, name: &[u8]) -> bool {
        self.above.contains(name)
    }
}

impl FromIterator<Zone> for Zones {
    fn from_iter<I: IntoIterator<Item = Zone>>(zones: I) -> Self {
        let mut served = Self::default();
        served.change(zones.into_iter().map(|zone| (zone.facts.apex.clone(), Some(zone))));
        served
    }
}
