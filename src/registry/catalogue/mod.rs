//! The one catalogue of what all sources register: entries by source and key, the zones and the
//! definitions of services that they hold, and every complaint that stands.

pub mod changes;
mod contributors;
mod entry;
mod errors;
#[cfg(test)]
mod tests;
mod waiting;
pub mod zone;

use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::check::{Policy, Scripts};
use crate::model::definition::Document;
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::service::{Service, ServiceKey};
use crate::model::zone::ZoneSettings;
use crate::registry::catalogue::changes::{Listed, Touched, news, of_origin};
use crate::registry::catalogue::contributors::Contributors;
use crate::registry::catalogue::entry::{Entry, Facts};
use crate::registry::catalogue::errors::Errors;
use crate::registry::catalogue::waiting::Waiting;
use crate::registry::catalogue::zone::ZoneState;
use crate::registry::merge::{Contribution, merge};
use crate::registry::script_policy::permitted;
use crate::registry::statics::conflicts::conflicts;
use crate::registry::statics::{self, StaticRecords};
use crate::sources::{Change, Content, Put};

/// See the module.
#[derive(Debug, Default)]
pub struct Catalogue {
    zones: BTreeMap<Name, ZoneState>,
    entries: BTreeMap<EntryId, Entry>,
    /// The sources that are waited for, or have told of anything.
    sources: BTreeMap<Origin, Source>,
    contributors: HashMap<ServiceKey, Contributors>,
    /// What lost to what in each service; those without have no entry.
    conflicts: BTreeMap<ServiceKey, Vec<Diagnostic>>,
    /// Of all complaints that stand, wherever they are kept.
    errors: Errors,
    waiting: Waiting,
    merged: u64,
}

/// What is known of a source as a whole.
#[derive(Debug, Default)]
struct Source {
    /// Its first whole list is not in yet.
    awaited: bool,
    troubles: Vec<Diagnostic>,
}

impl Catalogue {
    pub fn zone(&self, apex: &Name) -> Option<&ZoneState> {
        self.zones.get(apex)
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        self.zones.len()
    }

    /// The static names of each zone.
    pub fn statics(&self) -> impl Iterator<Item = (&Name, &StaticRecords)> {
        self.zones.iter().map(|(apex, zone)| (apex, &zone.statics))
    }

    /// Waits for a source: until its first [`Change::Synced`] the catalogue is not whole.
    pub fn wait_for(&mut self, origin: Origin) {
        self.sources.entry(origin).or_default().awaited = true;
    }

    /// Whether every source that is waited for has told its first whole list.
    pub fn is_whole(&self) -> bool {
        self.sources.values().all(|source| !source.awaited)
    }

    /// Every source that there is, in order of precedence, and how many of its files, or other
    /// places, are in error. Files are always there.
    pub fn errors(&self) -> impl Iterator<Item = (Origin, usize)> {
        let others = self.sources.keys().copied().filter(|origin| *origin != Origin::Files);
        let all = [Origin::Files].into_iter().chain(others);
        all.map(|origin| (origin, self.errors.of(origin)))
    }

    /// Every complaint that stands.
    pub fn complaints(&self) -> impl Iterator<Item = &Diagnostic> {
        let entries = self.entries.values();
        let of_entries = entries.flat_map(|entry| entry.diagnostics.iter().chain(&entry.refused));
        let of_services = self.conflicts.values().flatten();
        let of_zones = self.zones.values().flat_map(|zone| &zone.statics.conflicts);
        let of_sources = self.sources.values().flat_map(|source| &source.troubles);
        of_entries.chain(of_services).chain(of_zones).chain(of_sources)
    }

    /// What the entries say of a service now, in order of precedence.
    pub fn contributions(&self, key: &ServiceKey) -> Vec<Contribution> {
        let ids = self.contributors.get(key).into_iter().flat_map(Contributors::iter);
        let entries = ids.filter_map(|id| Some((id.origin, self.entries.get(id)?)));
        let said = entries.filter_map(|(origin, e)| Some((origin, e.definitions(&key.name)?)));
        said.flat_map(|(origin, (document, definitions))| {
            definitions.iter().map(move |definition| Contribution {
                origin,
                document: Arc::clone(document),
                definition: Arc::clone(definition),
            })
        })
        .collect()
    }

    /// How many contributions merges have looked at since the start: what changes cost.
    pub fn merged(&self) -> u64 {
        self.merged
    }

    /// Takes changes in, under this rule for commands.
    pub fn apply(&mut self, changes: Vec<Change>, scripts: Scripts) -> Touched {
        let mut touched = Touched::default();
        let listed = Listed::of(&changes);
        let mut zones_moved = false;
        for change in changes {
            zones_moved |=
                matches!(change, Change::Zone(..) | Change::ZoneGone(..) | Change::Synced(_));
            match change {
                Change::Put(put) => self.put(put, scripts, &mut touched),
                Change::Gone(id) => self.remove(&id, &mut touched),
                Change::Zone(origin, settings) => self.add_zone(origin, settings, &mut touched),
                Change::ZoneGone(origin, apex) => self.remove_zone(origin, &apex, &mut touched),
                Change::Synced(origin) => self.sync(origin, &listed, &mut touched),
                Change::Troubles(origin, troubles) => {
                    let troubles = of_origin(origin, troubles);
                    let source = self.sources.entry(origin).or_default();
                    touched.complaints.extend(news(&troubles, &source.troubles));
                    self.errors.replace(&mut source.troubles, troubles);
                }
            }
        }
        for apex in touched.zones.clone() {
            self.merge_statics(&apex, &mut touched);
        }
        if zones_moved {
            // Whether external instances may be checked hangs on which zones are served.
            touched.services.extend(self.entries.values().flat_map(Entry::with_hosts));
        }
        self.zones.values_mut().for_each(ZoneState::has_been_read);
        touched
    }

    /// Lets services in and out by a new rule for commands.
    pub fn set_script_policy(&mut self, scripts: Scripts) -> Touched {
        let mut touched = Touched::default();
        let documents = self.entries.iter();
        let documents =
            documents.filter_map(|(id, e)| Some((id.clone(), Arc::clone(e.document()?))));
        for (id, document) in documents.collect::<Vec<_>>() {
            self.set_document(&id, document, scripts, &mut touched);
        }
        touched
    }

    /// A service as its entries and its zone have it now, every other check's policy from
    /// `defaults`; `None` when it has gone. Complaints that are new are added to `complaints`. Costs
    /// in proportion to the service.
    pub fn merge(
        &mut self,
        key: &ServiceKey,
        defaults: &Policy,
        complaints: &mut Vec<Diagnostic>,
    ) -> Option<Service> {
        let contributions = self.contributions(key);
        let Some(zone) = self.zones.get(&key.zone).filter(|_| !contributions.is_empty()) else {
            self.set_conflicts(key, Vec::new());
            return None;
        };
        self.merged += contributions.len() as u64;
        let is_ours = |name: &Name| name.is_within(&self.zones);
        let mut merged = merge(key, &contributions, &zone.settings, defaults, &is_ours);
        merged.conflicts.extend(conflicts(&merged.service, &zone.statics));
        let known = self.conflicts.get(key).map_or(&[][..], Vec::as_slice);
        complaints.extend(news(&merged.conflicts, known));
        self.set_conflicts(key, merged.conflicts);
        Some(merged.service)
    }

    fn set_conflicts(&mut self, key: &ServiceKey, conflicts: Vec<Diagnostic>) {
        self.errors.add(&conflicts);
        let old = if conflicts.is_empty() {
            self.conflicts.remove(key)
        } else {
            self.conflicts.insert(key.clone(), conflicts)
        };
        self.errors.remove(old.as_deref().unwrap_or_default());
    }

    fn services_of(&self, apex: &Name) -> impl Iterator<Item = ServiceKey> {
        self.contributors.keys().filter(move |key| key.zone == *apex).cloned()
    }

    fn add_zone(&mut self, origin: Origin, defaults: ZoneSettings, touched: &mut Touched) {
        let apex = defaults.apex.clone();
        self.sources.entry(origin).or_default();
        touched.services.extend(self.services_of(&apex));
        touched.zones.insert(apex.clone());
        if let Some(zone) = self.zones.get_mut(&apex) {
            return zone.set_defaults(origin, defaults);
        }
        let mut zone = ZoneState::new(origin, defaults);
        for (id, settings) in self.waiting.take(&apex) {
            zone.read(&id, settings);
        }
        self.zones.insert(apex, zone);
    }

    /// Entries of other sources in a zone that no source has wait for it to come back.
    fn remove_zone(&mut self, origin: Origin, apex: &Name, touched: &mut Touched) {
        touched.services.extend(self.services_of(apex));
        let entries = self.entries.iter();
        let gone = entries.filter(|(id, entry)| id.origin == origin && entry.zone == *apex);
        for id in gone.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.remove(&id, touched);
        }
        touched.zones.insert(apex.clone());
        if self.zones.get_mut(apex).is_some_and(|zone| zone.release(origin))
            && let Some(zone) = self.zones.remove(apex)
        {
            self.errors.remove(&zone.statics.conflicts);
            self.waiting.put(apex, zone.into_written());
        }
    }

    /// Takes out what is not on a source's list, and waits for it no more.
    fn sync(&mut self, origin: Origin, listed: &Listed, touched: &mut Touched) {
        self.sources.entry(origin).or_default().awaited = false;
        let ids = self.entries.keys().filter(|id| id.origin == origin);
        let stale = ids.filter(|id| !listed.entries.contains(id));
        for id in stale.cloned().collect::<Vec<_>>() {
            self.remove(&id, touched);
        }
        let has = |apex: &&Name| self.zones.get(*apex).is_some_and(|zone| zone.is_of(origin));
        let zones = self.zones.keys().filter(has);
        let stale = zones.filter(|apex| !listed.zones.contains(&(origin, (*apex).clone())));
        for apex in stale.cloned().collect::<Vec<_>>() {
            self.remove_zone(origin, &apex, touched);
        }
    }

    fn put(&mut self, put: Put, scripts: Scripts, touched: &mut Touched) {
        let Put { id, zone, content, diagnostics } = put;
        if self.entries.get(&id).is_some_and(|entry| entry.zone != zone) {
            self.remove(&id, touched);
        }
        let diagnostics = of_origin(id.origin, diagnostics);
        touched.complaints.extend(diagnostics.iter().cloned());
        self.sources.entry(id.origin).or_default();
        let entry = self.entries.entry(id.clone()).or_insert_with(|| Entry::new(zone.clone()));
        self.errors.replace(&mut entry.diagnostics, diagnostics);
        match content {
            Content::Settings(settings) => {
                self.say(&id, (Facts::Settings, Vec::new()), touched);
                self.read_settings(&id, &zone, Some(settings));
            }
            Content::Services(document) => self.set_document(&id, document, scripts, touched),
            Content::Records(records) => {
                self.say(&id, (Facts::Records(records), Vec::new()), touched);
            }
            Content::Refused => {}
            Content::RefusedSettings => {
                if matches!(entry.facts, Facts::Nothing) {
                    entry.facts = Facts::Settings;
                }
                if self.read_settings(&id, &zone, None) {
                    touched.zones.insert(zone);
                }
            }
        }
    }

    /// What an entry says of a zone's settings; `None`: it cannot be taken. Whether the zone's
    /// settings, or whether it has any, may be other ones now.
    fn read_settings(&mut self, id: &EntryId, apex: &Name, settings: Option<ZoneSettings>) -> bool {
        if let Some(zone) = self.zones.get_mut(apex) {
            return zone.read(id, settings);
        }
        self.waiting.read(id, apex, settings);
        false
    }

    fn set_document(
        &mut self,
        id: &EntryId,
        document: Arc<Document>,
        scripts: Scripts,
        touched: &mut Touched,
    ) {
        let (definitions, refused) = permitted(&document, scripts);
        let facts = Facts::services(document, definitions);
        self.say(id, (facts, of_origin(id.origin, refused)), touched);
    }

    /// Puts what an entry says, and what of it is refused, in the place of what it said.
    fn say(&mut self, id: &EntryId, new: (Facts, Vec<Diagnostic>), touched: &mut Touched) {
        let (facts, refused) = new;
        let Some(entry) = self.entries.get_mut(id) else { return };
        touched.complaints.extend(news(&refused, &entry.refused));
        self.errors.replace(&mut entry.refused, refused);
        let (zone, old) = (entry.zone.clone(), mem::replace(&mut entry.facts, Facts::Nothing));
        self.unsay(id, &zone, &old, touched);
        for name in facts.names() {
            let key = ServiceKey { zone: zone.clone(), name: name.clone() };
            let all = self.contributors.entry(key.clone());
            all.and_modify(|all| all.insert(id)).or_insert_with(|| Contributors::One(id.clone()));
            touched.services.insert(key);
        }
        match &facts {
            Facts::Nothing | Facts::Services { .. } => {}
            Facts::Records(_) => drop(touched.zones.insert(zone)),
            Facts::Settings => self.touch_zone(&zone, touched),
        }
        if let Some(entry) = self.entries.get_mut(id) {
            entry.facts = facts;
        }
    }

    fn remove(&mut self, id: &EntryId, touched: &mut Touched) {
        let Some(Entry { zone, diagnostics, refused, facts }) = self.entries.remove(id) else {
            return;
        };
        self.errors.remove(&diagnostics);
        self.errors.remove(&refused);
        self.unsay(id, &zone, &facts, touched);
    }

    /// What an entry said holds no more.
    fn unsay(&mut self, id: &EntryId, zone: &Name, said: &Facts, touched: &mut Touched) {
        match said {
            Facts::Nothing => {}
            Facts::Settings => {
                if let Some(state) = self.zones.get_mut(zone) {
                    state.erase(id);
                }
                self.waiting.erase(id, zone);
                self.touch_zone(zone, touched);
            }
            Facts::Records(_) => drop(touched.zones.insert(zone.clone())),
            Facts::Services { services, .. } => {
                for name in services.keys() {
                    let key = ServiceKey { zone: zone.clone(), name: name.clone() };
                    if self.contributors.get_mut(&key).is_some_and(|all| all.remove(id)) {
                        self.contributors.remove(&key);
                    }
                    touched.services.insert(key);
                }
            }
        }
    }

    fn touch_zone(&self, apex: &Name, touched: &mut Touched) {
        if self.zones.contains_key(apex) {
            touched.zones.insert(apex.clone());
            touched.services.extend(self.services_of(apex));
        }
    }

    /// Merges the static names of a zone. Its services stay as they are; those that a static name
    /// meets, or met, hear of it.
    fn merge_statics(&mut self, apex: &Name, touched: &mut Touched) {
        let Some(zone) = self.zones.get_mut(apex) else { return };
        let entries = self.entries.iter().filter(|(_, entry)| entry.zone == *apex);
        let records = entries.filter_map(|(id, e)| Some((id.origin, Arc::clone(e.records()?))));
        let merged = statics::merge(&zone.settings, &records.collect::<Vec<_>>());
        touched.complaints.extend(news(&merged.conflicts, &zone.statics.conflicts));
        self.errors.add(&merged.conflicts);
        let old = mem::replace(&mut zone.statics, merged);
        self.errors.remove(&old.conflicts);
        let met = |key: &&ServiceKey| {
            let name = key.name.as_str();
            key.zone == *apex && (old.may_meet(name) || zone.statics.may_meet(name))
        };
        touched.services.extend(self.contributors.keys().filter(met).cloned());
    }
}
