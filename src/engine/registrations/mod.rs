//! What is registered: files by path, the zones and the definitions of services that they hold, and
//! every complaint that stands.

mod errors;
#[cfg(test)]
mod tests;
pub(super) mod zone;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::registrations::errors::Errors;
use crate::engine::registrations::zone::{ZoneFile, ZoneState};
use crate::model::check::{Policy, Scripts};
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::{Label, Name};
use crate::model::records::MasterFile;
use crate::model::service::{Service, ServiceKey};
use crate::model::zone::ZoneSettings;
use crate::registry::merge::{Contribution, merge};
use crate::registry::script_policy::permitted;
use crate::registry::statics::conflicts::conflicts;
use crate::registry::statics::{self, Statics};
use crate::sources::{Change, Content, FileChange};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    zones: BTreeMap<Name, ZoneState>,
    files: BTreeMap<Arc<Path>, FileState>,
    /// What is wrong with folders.
    troubles: Vec<Diagnostic>,
    /// The files that define each service, in order of precedence.
    contributors: HashMap<ServiceKey, Vec<Arc<Path>>>,
    /// What lost to what in each service; those without have no entry.
    conflicts: BTreeMap<ServiceKey, Vec<Diagnostic>>,
    /// Of all complaints that stand, wherever they are kept.
    errors: Errors,
}

/// What changes have touched.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Services to be merged anew.
    pub(super) services: BTreeSet<ServiceKey>,
    /// Zones that have come, gone or changed their settings or static names.
    pub(super) zones: BTreeSet<Name>,
    /// Complaints that are new.
    pub(super) complaints: Vec<Diagnostic>,
}

/// What one file says, and what is wrong with it.
#[derive(Debug)]
struct FileState {
    zone: Name,
    diagnostics: Vec<Diagnostic>,
    /// What it says as a master file.
    master: Option<Arc<MasterFile>>,
    /// An error for each service that the configuration does not let in.
    refused: Vec<Diagnostic>,
    document: Option<Arc<Document>>,
    /// The document's definitions of each service, as far as they are let in.
    services: HashMap<Label, Vec<Arc<ServiceDefinition>>>,
}

impl FileState {
    fn new(zone: Name) -> Self {
        Self {
            zone,
            diagnostics: Vec::new(),
            master: None,
            refused: Vec::new(),
            document: None,
            services: HashMap::new(),
        }
    }
}

impl Registrations {
    pub(super) fn zone(&self, apex: &Name) -> Option<&ZoneState> {
        self.zones.get(apex)
    }

    /// How many zones there are.
    pub(super) fn zone_count(&self) -> usize {
        self.zones.len()
    }

    /// How many files are in error.
    pub(super) fn files_in_error(&self) -> usize {
        self.errors.files()
    }

    /// The static names of each zone.
    pub(super) fn statics(&self) -> impl Iterator<Item = (&Name, &Statics)> {
        self.zones.iter().map(|(apex, zone)| (apex, &zone.statics))
    }

    /// Every complaint that stands.
    pub(super) fn complaints(&self) -> impl Iterator<Item = &Diagnostic> {
        let files = self.files.values();
        let of_files = files.flat_map(|file| file.diagnostics.iter().chain(&file.refused));
        let of_services = self.conflicts.values().flatten();
        let of_zones = self.zones.values().flat_map(|zone| &zone.statics.conflicts);
        of_files.chain(of_services).chain(of_zones).chain(&self.troubles)
    }

    /// What the files say of a service now, in order of precedence.
    pub(super) fn contributions(&self, key: &ServiceKey) -> Vec<Contribution> {
        let paths = self.contributors.get(key).into_iter().flatten();
        let files = paths.filter_map(|path| self.files.get(path));
        files
            .filter_map(|file| Some((file.document.as_ref()?, file.services.get(&key.name)?)))
            .flat_map(|(document, definitions)| {
                definitions.iter().map(|definition| Contribution {
                    document: Arc::clone(document),
                    definition: Arc::clone(definition),
                })
            })
            .collect()
    }

    /// Takes changes in, under this rule for commands.
    pub(super) fn apply(&mut self, changes: Vec<Change>, scripts: Scripts) -> Touched {
        let mut touched = Touched::default();
        let mut zones_moved = false;
        for change in changes {
            match change {
                Change::ZoneAppeared(settings) => {
                    zones_moved = true;
                    self.add_zone(settings, &mut touched);
                }
                Change::ZoneGone(apex) => {
                    zones_moved = true;
                    self.remove_zone(apex, scripts, &mut touched);
                }
                Change::File(change) => self.apply_file(change, scripts, &mut touched),
                Change::Troubles(troubles) => {
                    touched.complaints.extend(news(&troubles, &self.troubles));
                    self.errors.replace(&mut self.troubles, troubles);
                }
            }
        }
        for apex in touched.zones.clone() {
            self.merge_statics(&apex, &mut touched);
        }
        if zones_moved {
            touched.services.extend(self.with_hosts());
        }
        for zone in self.zones.values_mut().filter(|zone| zone.file == ZoneFile::Unread) {
            zone.file = ZoneFile::Absent;
        }
        touched
    }

    /// Lets services in and out by a new rule for commands.
    pub(super) fn set_script_policy(&mut self, scripts: Scripts) -> Touched {
        let mut touched = Touched::default();
        let said = |(path, file): (&Arc<Path>, &FileState)| {
            Some((Arc::clone(path), Arc::clone(file.document.as_ref()?)))
        };
        let said: Vec<_> = self.files.iter().filter_map(said).collect();
        for (path, document) in said {
            self.set_document(&path, Some(document), scripts, &mut touched);
        }
        touched
    }

    /// A service as its files and its zone have it now, every other check's policy from `defaults`;
    /// `None` when it has gone. Complaints that are new are added to `complaints`.
    pub(super) fn merge(
        &mut self,
        key: &ServiceKey,
        defaults: &Policy,
        complaints: &mut Vec<Diagnostic>,
    ) -> Option<Service> {
        let contributions = self.contributions(key);
        if contributions.is_empty() {
            self.contributors.remove(key);
        }
        let Some(zone) = self.zones.get(&key.zone).filter(|_| !contributions.is_empty()) else {
            self.set_conflicts(key, Vec::new());
            return None;
        };
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

    /// A zone that is there already keeps what its zone.toml said.
    fn add_zone(&mut self, defaults: ZoneSettings, touched: &mut Touched) {
        let apex = defaults.apex.clone();
        touched.services.extend(self.services_of(&apex));
        touched.zones.insert(apex.clone());
        let new = || ZoneState::new(defaults.clone());
        let state = self.zones.entry(apex).or_insert_with(new);
        if matches!(state.file, ZoneFile::Unread | ZoneFile::Absent) {
            state.settings = defaults.clone();
        }
        state.defaults = defaults;
    }

    fn remove_zone(&mut self, apex: Name, scripts: Scripts, touched: &mut Touched) {
        touched.services.extend(self.services_of(&apex));
        if let Some(zone) = self.zones.remove(&apex) {
            self.errors.remove(&zone.statics.conflicts);
        }
        let files = self.files.iter().filter(|(_, file)| file.zone == apex);
        let gone: Vec<_> = files.map(|(path, _)| Arc::clone(path)).collect();
        for path in gone {
            let (content, diagnostics) = (Content::Gone, Vec::new());
            let change = FileChange { zone: apex.clone(), path, content, diagnostics };
            self.apply_file(change, scripts, touched);
        }
        touched.zones.insert(apex);
    }

    /// The services with external instances: whether these may be checked hangs on which zones are
    /// served.
    fn with_hosts(&self) -> impl Iterator<Item = ServiceKey> {
        let external = |definition: &Arc<ServiceDefinition>| {
            definition.instances.iter().any(|instance| instance.location.host().is_some())
        };
        let files = self.files.values();
        let services = files.flat_map(|file| file.services.iter().map(|s| (&file.zone, s)));
        services
            .filter(move |(_, (_, definitions))| definitions.iter().any(external))
            .map(|(zone, (name, _))| ServiceKey { zone: zone.clone(), name: name.clone() })
    }

    fn apply_file(&mut self, change: FileChange, scripts: Scripts, touched: &mut Touched) {
        let FileChange { zone, path, content, diagnostics } = change;
        touched.complaints.extend(diagnostics.iter().cloned());
        let new = || FileState::new(zone.clone());
        let file = self.files.entry(Arc::clone(&path)).or_insert_with(new);
        self.errors.replace(&mut file.diagnostics, diagnostics);
        match content {
            Content::Zone(settings) => self.set_zone(&zone, Some(settings), touched),
            Content::Services(document) => {
                self.set_document(&path, Some(document), scripts, touched);
            }
            Content::Records(master) => {
                file.master = Some(master);
                touched.zones.insert(zone);
            }
            Content::Refused => self.refuse(&zone, &path, touched),
            Content::Gone => {
                if is_zone_file(&path) {
                    self.set_zone(&zone, None, touched);
                }
                self.set_document(&path, None, scripts, touched);
                let Some(gone) = self.files.remove(&path) else { return };
                self.errors.remove(&gone.diagnostics);
                self.errors.remove(&gone.refused);
                if gone.master.is_some() {
                    touched.zones.insert(zone);
                }
            }
        }
    }

    fn set_zone(&mut self, apex: &Name, settings: Option<ZoneSettings>, touched: &mut Touched) {
        let Some(zone) = self.zones.get_mut(apex) else { return };
        zone.file = if settings.is_some() { ZoneFile::Parsed } else { ZoneFile::Absent };
        zone.settings = settings.unwrap_or_else(|| zone.defaults.clone());
        touched.zones.insert(apex.clone());
        touched.services.extend(self.services_of(apex));
    }

    /// A refused file keeps what it said before. A zone that was served by the defaults goes on so;
    /// one that comes with a zone.toml that cannot be read has no settings: the defaults are not
    /// what its owner wrote.
    fn refuse(&mut self, apex: &Name, path: &Path, touched: &mut Touched) {
        let Some(zone) = self.zones.get_mut(apex).filter(|_| is_zone_file(path)) else { return };
        if zone.file == ZoneFile::Unread {
            zone.file = ZoneFile::NeverParsed;
            touched.zones.insert(apex.clone());
        }
    }

    fn set_document(
        &mut self,
        path: &Arc<Path>,
        document: Option<Arc<Document>>,
        scripts: Scripts,
        touched: &mut Touched,
    ) {
        let Some(file) = self.files.get_mut(path) else { return };
        for name in std::mem::take(&mut file.services).into_keys() {
            let key = ServiceKey { zone: file.zone.clone(), name };
            if let Some(paths) = self.contributors.get_mut(&key)
                && let Ok(place) = paths.binary_search(path)
            {
                paths.remove(place);
            }
            touched.services.insert(key);
        }
        let permitted = document.as_deref().map(|document| permitted(document, scripts));
        let (definitions, refused) = permitted.unwrap_or_default();
        touched.complaints.extend(news(&refused, &file.refused));
        self.errors.replace(&mut file.refused, refused);
        for definition in definitions {
            let name = definition.name.value.clone();
            let key = ServiceKey { zone: file.zone.clone(), name: name.clone() };
            // Most services stand in one file, and there once.
            let one = || Vec::with_capacity(1);
            let paths = self.contributors.entry(key.clone()).or_insert_with(one);
            if let Err(place) = paths.binary_search(path) {
                paths.insert(place, Arc::clone(path));
            }
            touched.services.insert(key);
            let definitions = file.services.entry(name);
            definitions.or_insert_with(|| Vec::with_capacity(1)).push(definition);
        }
        file.document = document;
    }

    /// Merges the static names of a zone. Its services stay as they are; those that a static name
    /// meets, or met, hear of it.
    fn merge_statics(&mut self, apex: &Name, touched: &mut Touched) {
        let Some(zone) = self.zones.get_mut(apex) else { return };
        let files = self.files.values().filter(|file| file.zone == *apex);
        let files: Vec<_> = files.filter_map(|file| file.master.clone()).collect();
        let merged = statics::merge(&zone.settings, &files);
        touched.complaints.extend(news(&merged.conflicts, &zone.statics.conflicts));
        self.errors.add(&merged.conflicts);
        let old = zone.set_statics(merged);
        self.errors.remove(&old.conflicts);
        let met = |key: &&ServiceKey| {
            let name = key.name.as_str();
            key.zone == *apex && (old.may_meet(name) || zone.statics.may_meet(name))
        };
        touched.services.extend(self.contributors.keys().filter(met).cloned());
    }
}

fn is_zone_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "zone.toml")
}

/// The complaints that were not `known` before.
fn news<'d>(
    complaints: &'d [Diagnostic],
    known: &'d [Diagnostic],
) -> impl Iterator<Item = Diagnostic> + use<'d> {
    complaints.iter().filter(|complaint| !known.contains(complaint)).cloned()
}
