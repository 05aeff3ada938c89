//! The one catalogue of what all sources register: entries by source and key, the zones and the
//! definitions of services that they hold, and every complaint that stands.

pub mod backlog;
pub mod changes;
mod contributors;
mod entry;
mod errors;
mod holders;
#[cfg(test)]
mod tests;
mod waiting;
pub mod zone;

use std::collections::BTreeMap;
use std::mem;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::check::{Policy, Scripts};
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::{Label, Name};
use crate::model::origin::{EntryId, Origin};
use crate::model::service::{InstanceId, Service, ServiceKey};
use crate::model::zone::ZoneSettings;
use crate::registry::catalogue::backlog::{Backlog, Budget, List, Mark, Touched};
use crate::registry::catalogue::changes::{Listed, news, of_origin};
use crate::registry::catalogue::contributors::Contributors;
use crate::registry::catalogue::entry::{Entry, Facts};
use crate::registry::catalogue::errors::Errors;
use crate::registry::catalogue::holders::Holders;
use crate::registry::catalogue::waiting::Waiting;
use crate::registry::catalogue::zone::ZoneState;
use crate::registry::merge::{Contribution, merge};
use crate::registry::script_policy::{is_permitted, refused};
use crate::registry::statics::conflicts::conflicts;
use crate::registry::statics::{self, StaticRecords};
use crate::sources::{Change, Content, Put};

/// Lists of changes that wait at most; see [`Catalogue::has_room`].
const MOST_LISTS: usize = 256;
/// Services that are looked up between two looks at the budget.
const STEP: usize = 400;
/// To look one up takes a small part of the time that an instance takes when it is merged.
const LOOKED_UP_IN_A_UNIT: usize = 2;
/// To note who has its id takes a part of that.
const NOTED_IN_A_LOOK_UP: usize = 5;

/// See the module.
#[derive(Debug, Default)]
pub struct Catalogue {
    zones: BTreeMap<Name, ZoneState>,
    entries: BTreeMap<EntryId, Entry>,
    /// The sources that are waited for, or have told of anything.
    sources: BTreeMap<Origin, Source>,
    contributors: BTreeMap<Name, BTreeMap<Label, Contributors>>,
    holders: Holders,
    /// What lost to what in each service; those without have no entry.
    conflicts: BTreeMap<ServiceKey, Vec<Diagnostic>>,
    /// Of all complaints that stand, wherever they are kept.
    errors: Errors,
    waiting: Waiting,
    scripts: Scripts,
    backlog: Backlog,
    merged: u64,
}

/// What is known of a source as a whole.
#[derive(Debug, Default)]
struct Source {
    /// Its first whole list is not in yet.
    awaited: bool,
    troubles: Vec<Diagnostic>,
}

fn has(definition: &ServiceDefinition, id: &InstanceId) -> bool {
    definition.instances.iter().any(|instance| instance.id == *id)
}

/// How many of these are looked up in one step, and how much that costs.
fn step(definitions: &[Arc<ServiceDefinition>]) -> (usize, usize) {
    let mut cost = 0;
    let is_within = |definition: &&Arc<ServiceDefinition>| {
        let is_within = cost < STEP;
        cost += if is_within { 1 + definition.instances.len() / NOTED_IN_A_LOOK_UP } else { 0 };
        is_within
    };
    (definitions.iter().take_while(is_within).count(), cost)
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
        self.awaited().next().is_none()
    }

    /// The sources that have not told their first whole list yet.
    pub fn awaited(&self) -> impl Iterator<Item = Origin> {
        self.sources.iter().filter(|(_, source)| source.awaited).map(|(origin, _)| *origin)
    }

    /// Every source that there is, in order of precedence, and how many of its files, or other
    /// places, are in error. Files are always there.
    pub fn errors(&self) -> impl Iterator<Item = (Origin, usize)> {
        let others = self.sources.keys().copied().filter(|origin| *origin != Origin::Files);
        let all = [Origin::Files].into_iter().chain(others);
        all.map(|origin| (origin, self.errors.of(origin)))
    }

    /// Another number whenever another complaint stands.
    pub fn complaint_changes(&self) -> u64 {
        self.errors.changes()
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
    pub fn contributions<'s>(&'s self, key: &ServiceKey) -> Vec<Contribution> {
        let services = self.contributors.get(&key.zone);
        let all = services.and_then(|services| services.get(&key.name)).into_iter();
        let documents = all.flat_map(Contributors::iter).filter_map(|(id, alone)| {
            let entry = || self.entries.get(id).filter(|entry| entry.zone == key.zone);
            Some((id.origin, alone.as_ref().or_else(|| entry()?.document())?))
        });
        let let_in = |(origin, document): (Origin, &'s Arc<Document>)| {
            let all = document.of(&key.name).iter().filter(|d| is_permitted(d, self.scripts));
            all.map(move |definition| {
                let (document, definition) = (Arc::clone(document), Arc::clone(definition));
                Contribution { origin, document, definition }
            })
        };
        documents.flat_map(let_in).collect()
    }

    /// The entry that defines this instance of a service. Goes through those of the service.
    pub fn entry_with(&self, key: &ServiceKey, id: &InstanceId) -> Option<&EntryId> {
        self.contributors(key).find(|entry| self.defines(entry, key, id))
    }

    fn contributors(&self, key: &ServiceKey) -> impl Iterator<Item = &EntryId> {
        let services = self.contributors.get(&key.zone);
        let all = services.and_then(|services| services.get(&key.name)).into_iter();
        all.flat_map(Contributors::iter).map(|(id, _)| id)
    }

    fn defines(&self, entry: &EntryId, key: &ServiceKey, id: &InstanceId) -> bool {
        let entry = self.entries.get(entry).filter(|entry| entry.zone == key.zone);
        let document = entry.and_then(Entry::document).into_iter();
        let mut definitions = document.flat_map(|document| document.of(&key.name));
        definitions.any(|d| is_permitted(d, self.scripts) && has(d, id))
    }

    /// The first file that defines an instance with this id, of any service of the zone.
    pub fn file_of(&self, zone: &Name, id: &InstanceId) -> Option<&Path> {
        let (document, _) = self.files_with(id).find(|(_, key)| key.zone == *zone)?;
        Some(&document.path)
    }

    /// How many instances of a service its files define. Costs what there are of these files.
    pub fn in_files(&self, key: &ServiceKey) -> usize {
        let files = self.contributors(key).take_while(|id| id.origin == Origin::Files);
        let documents = files.filter_map(|file| self.entries.get(file)?.document());
        let all = documents.flat_map(|document| document.of(&key.name));
        all.filter(|d| is_permitted(d, self.scripts)).map(|d| d.instances.len()).sum()
    }

    /// The services of which files define an instance with this id.
    pub fn services_with(&self, id: &InstanceId) -> impl Iterator<Item = ServiceKey> {
        self.files_with(id).map(|(_, key)| key)
    }

    fn files_with(&self, id: &InstanceId) -> impl Iterator<Item = (&Document, ServiceKey)> {
        let entries = self.holders.of(id).filter_map(|file| self.entries.get(&file));
        let documents = entries.filter_map(|entry| Some((&entry.zone, entry.document()?)));
        documents.flat_map(move |(zone, document)| {
            let all = document.services.iter();
            let with_it = all.filter(|d| has(d, id) && is_permitted(d, self.scripts));
            let key = |d: &ServiceDefinition| ServiceKey {
                zone: zone.clone(),
                name: d.name.value.clone(),
            };
            with_it.map(move |definition| (&**document, key(definition)))
        })
    }

    /// How many contributions merges have looked at since the start: what changes cost.
    pub fn merged(&self) -> u64 {
        self.merged
    }

    /// Takes down changes that belong together; [`Self::work`] takes them in.
    pub fn tell(&mut self, changes: Vec<Change>) {
        self.backlog.push(changes);
    }

    /// Takes in what was told, under this rule for commands, as far as the budget goes.
    pub fn work(&mut self, scripts: Scripts, budget: &mut Budget) -> Touched {
        self.scripts = scripts;
        let mut touched = Touched::default();
        while !budget.is_spent() {
            if let Some(mark) = self.backlog.marks.pop_front() {
                self.look_up(mark, budget);
                continue;
            }
            let Some(mut list) = self.backlog.lists.pop_front() else { break };
            if let Some(change) = list.changes.next() {
                budget.spend(1);
                self.take_in(change, &mut list);
            } else if let Some(apex) = list.next_zone() {
                budget.spend(self.merge_statics(&apex, &mut list.touched));
            } else {
                self.finish(list, &mut touched);
                continue;
            }
            self.backlog.lists.push_front(list);
        }
        touched
    }

    /// The next service to be merged anew; none until what was told with it is taken in.
    pub fn next_service(&mut self) -> Option<ServiceKey> {
        self.backlog.next_service()
    }

    /// Whether all that was told is worked off. What the sources had told then first counts as there.
    pub fn settle(&mut self) -> bool {
        let is_settled = self.backlog.is_empty();
        if is_settled {
            for origin in mem::take(&mut self.backlog.synced) {
                self.sources.entry(origin).or_default().awaited = false;
            }
        }
        is_settled
    }

    /// Whether all that was told is worked off.
    pub fn is_settled(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Whether more can be told, or what was told is to be worked off first.
    pub fn has_room(&self) -> bool {
        self.backlog.lists.len() < MOST_LISTS
    }

    /// Has every service merged anew.
    pub fn mark_all(&mut self) {
        for apex in self.contributors.keys() {
            self.backlog.marks.push_back(Mark::Zone { apex: apex.clone(), after: None });
        }
    }

    fn take_in(&mut self, change: Change, list: &mut List) {
        let touched = &mut list.touched;
        list.zones_moved |=
            matches!(change, Change::Zone(..) | Change::ZoneGone(..) | Change::Synced(_));
        match change {
            Change::Put(put) => self.put(put, touched),
            Change::Gone(id) => self.remove(&id, touched),
            Change::Zone(origin, settings) => self.add_zone(origin, settings, touched),
            Change::ZoneGone(origin, apex) => self.remove_zone(origin, &apex, touched),
            Change::Synced(origin) => self.sync(origin, &list.listed, touched),
            Change::Troubles(origin, troubles) => {
                let troubles = of_origin(origin, troubles);
                let source = self.sources.entry(origin).or_default();
                touched.complaints.extend(news(&troubles, &source.troubles));
                self.errors.replace(&mut source.troubles, troubles);
            }
        }
    }

    /// All of a list is taken in.
    fn finish(&mut self, list: List, touched: &mut Touched) {
        touched.zones.extend(list.touched.zones);
        touched.complaints.extend(list.touched.complaints);
        if list.zones_moved {
            // Whether external instances may be checked hangs on which zones are served.
            let with_hosts = self.entries.values().flat_map(Entry::with_hosts);
            with_hosts.for_each(|key| self.backlog.mark(key, usize::MAX));
        }
        self.zones.values_mut().for_each(ZoneState::has_been_read);
    }

    /// Brings the services of a mark in line with what their entries say, and has them merged.
    fn look_up(&mut self, mark: Mark, budget: &mut Budget) {
        match mark {
            Mark::Document { id, zone, document, from } => {
                let says = self.entries.get(&id).and_then(Entry::document);
                let is_said = says.is_some_and(|says| Arc::ptr_eq(says, &document));
                let (all, rest) = (&document.services, document.services.get(from..));
                let rest = rest.unwrap_or(&[]);
                let (many, cost) = step(rest);
                budget.spend(cost.max(STEP) / LOOKED_UP_IN_A_UNIT);
                for definition in rest.iter().take(many) {
                    self.holders.note(&id, definition, is_said);
                    self.index(&id, (&zone, &definition.name.value), all.len());
                }
                if rest.len() > many {
                    let rest = Mark::Document { id, zone, document, from: from + many };
                    self.backlog.marks.push_front(rest);
                }
            }
            Mark::Gone { id, zone, of, mut rest } => {
                let (many, cost) = step(rest.as_slice());
                budget.spend(cost.max(STEP) / LOOKED_UP_IN_A_UNIT);
                for definition in rest.by_ref().take(many) {
                    self.holders.note(&id, &definition, false);
                    self.index(&id, (&zone, &definition.name.value), of);
                }
                if rest.len() > 0 {
                    self.backlog.marks.push_front(Mark::Gone { id, zone, of, rest });
                }
            }
            Mark::Zone { apex, after } => {
                budget.spend(STEP / LOOKED_UP_IN_A_UNIT);
                let Some(services) = self.contributors.get(&apex) else { return };
                let start = after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
                let mut last = None;
                for (name, _) in services.range::<Label, _>((start, Bound::Unbounded)).take(STEP) {
                    let key = ServiceKey { zone: apex.clone(), name: name.clone() };
                    self.backlog.mark(key, services.len());
                    last = Some(name.clone());
                }
                if last.is_some() {
                    self.backlog.marks.push_front(Mark::Zone { apex, after: last });
                }
            }
        }
    }

    /// Notes whether an entry defines a service now, one of so many, and has it merged anew.
    fn index(&mut self, id: &EntryId, (zone, name): (&Name, &Label), of: usize) {
        self.backlog.mark(ServiceKey { zone: zone.clone(), name: name.clone() }, of);
        let entry = self.entries.get(id).filter(|entry| entry.zone == *zone);
        let document = entry.and_then(Entry::document);
        if let Some(document) = document.filter(|document| !document.of(name).is_empty()) {
            let alone = (document.services.len() == 1).then(|| Arc::clone(document));
            if !self.contributors.contains_key(zone) {
                self.contributors.insert(zone.clone(), BTreeMap::new());
            }
            let Some(services) = self.contributors.get_mut(zone) else { return };
            match services.get_mut(name) {
                Some(all) => all.insert(id, alone),
                None => drop(services.insert(name.clone(), Contributors::One(id.clone(), alone))),
            }
        } else if let Some(services) = self.contributors.get_mut(zone)
            && services.get_mut(name).is_some_and(|all| all.remove(id))
        {
            services.remove(name);
            if services.is_empty() {
                self.contributors.remove(zone);
            }
        }
    }

    /// Lets services in and out by a new rule for commands; the complaints that are new.
    pub fn set_script_policy(&mut self, scripts: Scripts) -> Vec<Diagnostic> {
        self.scripts = scripts;
        let mut complaints = Vec::new();
        for (id, entry) in &mut self.entries {
            let Some(document) = entry.document() else { continue };
            if document.services.iter().all(|definition| definition.script.is_none()) {
                continue;
            }
            let document = Arc::clone(document);
            let refused = of_origin(id.origin, refused(&document, scripts));
            complaints.extend(news(&refused, &entry.refused));
            self.errors.replace(&mut entry.refused, refused);
            let (id, zone) = (id.clone(), entry.zone.clone());
            self.backlog.marks.push_back(Mark::Document { id, zone, document, from: 0 });
        }
        complaints
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

    /// Has the services of a zone merged anew.
    fn mark_zone(&mut self, apex: &Name) {
        self.backlog.marks.push_back(Mark::Zone { apex: apex.clone(), after: None });
    }

    fn add_zone(&mut self, origin: Origin, defaults: ZoneSettings, touched: &mut Touched) {
        let apex = defaults.apex.clone();
        self.sources.entry(origin).or_default();
        self.mark_zone(&apex);
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
        self.mark_zone(apex);
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
        self.sources.entry(origin).or_default();
        self.backlog.synced.push(origin);
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

    fn put(&mut self, put: Put, touched: &mut Touched) {
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
            Content::Services(document) => self.set_document(&id, document, touched),
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

    fn set_document(&mut self, id: &EntryId, document: Arc<Document>, touched: &mut Touched) {
        let refused = of_origin(id.origin, refused(&document, self.scripts));
        self.say(id, (Facts::Services(document), refused), touched);
    }

    /// Puts what an entry says, and what of it is refused, in the place of what it said.
    fn say(&mut self, id: &EntryId, new: (Facts, Vec<Diagnostic>), touched: &mut Touched) {
        let (facts, refused) = new;
        let Some(entry) = self.entries.get_mut(id) else { return };
        touched.complaints.extend(news(&refused, &entry.refused));
        self.errors.replace(&mut entry.refused, refused);
        let (zone, old) = (entry.zone.clone(), mem::replace(&mut entry.facts, Facts::Nothing));
        self.unsay(id, &zone, old, touched);
        match &facts {
            Facts::Nothing => {}
            Facts::Services(document) => self.mark(id, &zone, Arc::clone(document)),
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
        self.unsay(id, &zone, facts, touched);
    }

    /// What an entry said holds no more.
    fn unsay(&mut self, id: &EntryId, zone: &Name, said: Facts, touched: &mut Touched) {
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
            Facts::Services(document) => self.mark(id, zone, document),
        }
    }

    /// Has the services of a document looked up, of which the entry may say something no more.
    fn mark(&mut self, id: &EntryId, zone: &Name, document: Arc<Document>) {
        let (id, zone) = (id.clone(), zone.clone());
        self.backlog.marks.push_back(match Arc::try_unwrap(document) {
            Ok(Document { services, .. }) => {
                Mark::Gone { id, zone, of: services.len(), rest: services.into_iter() }
            }
            Err(document) => Mark::Document { id, zone, document, from: 0 },
        });
    }

    fn touch_zone(&mut self, apex: &Name, touched: &mut Touched) {
        if self.zones.contains_key(apex) {
            touched.zones.insert(apex.clone());
            self.mark_zone(apex);
        }
    }

    /// Merges the static names of a zone. Its services stay as they are; those that a static name
    /// meets, or met, hear of it. How much that was to do.
    fn merge_statics(&mut self, apex: &Name, touched: &mut Touched) -> usize {
        let Some(zone) = self.zones.get_mut(apex) else { return 0 };
        let entries = self.entries.iter().filter(|(_, entry)| entry.zone == *apex);
        let records = entries.filter_map(|(id, e)| Some((id.origin, Arc::clone(e.records()?))));
        let merged = statics::merge(&zone.settings, &records.collect::<Vec<_>>());
        touched.complaints.extend(news(&merged.conflicts, &zone.statics.conflicts));
        self.errors.add(&merged.conflicts);
        let old = mem::replace(&mut zone.statics, merged);
        self.errors.remove(&old.conflicts);
        let services = self.contributors.get(apex).into_iter().flatten();
        let met = services.filter(|(name, _)| {
            old.may_meet(name.as_str()) || zone.statics.may_meet(name.as_str())
        });
        for (name, _) in met {
            let key = ServiceKey { zone: apex.clone(), name: name.clone() };
            self.backlog.mark(key, usize::MAX);
        }
        zone.statics.names.len() + old.names.len()
    }
}
