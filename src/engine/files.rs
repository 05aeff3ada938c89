//! What changed files do to the world: services are merged anew.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::turn::Turn;
use crate::engine::world::{ServiceState, Settings, World, ZoneFile, ZoneState};
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::{Label, Name};
use crate::model::records::MasterFile;
use crate::model::service::ServiceKey;
use crate::model::zone::ZoneSettings;
use crate::registry::merge::{Contribution, merge};
use crate::registry::permit::permit;
use crate::registry::statics::conflicts::conflicts;
use crate::sources::{Change, Content, FileChange};

/// What one file says, and what is wrong with it.
#[derive(Debug)]
pub(super) struct FileState {
    pub(super) zone: Name,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What it says as a master file.
    pub(super) master: Option<Arc<MasterFile>>,
    /// An error for each service that the configuration does not let in.
    pub(super) refused: Vec<Diagnostic>,
    document: Option<Arc<Document>>,
    /// The document's definitions of each service, as far as they are let in.
    services: HashMap<Label, Vec<Arc<ServiceDefinition>>>,
}

impl World {
    /// Takes changes in, and merges every service that they touch.
    pub(super) fn apply(&mut self, changes: Vec<Change>, turn: &mut Turn) {
        let mut affected = BTreeSet::new();
        let mut zones_moved = false;
        for change in changes {
            match change {
                Change::ZoneAppeared(settings) => {
                    zones_moved = true;
                    affected.extend(self.services_of(&settings.apex));
                    self.add_zone(settings, turn);
                }
                Change::ZoneGone(apex) => {
                    zones_moved = true;
                    turn.zones.insert(apex.clone());
                    affected.extend(self.services_of(&apex));
                    if let Some(zone) = self.zones.remove(&apex) {
                        self.errors.remove(&zone.statics.conflicts);
                    }
                    let gone: Vec<_> = self
                        .files
                        .iter()
                        .filter(|(_, f)| f.zone == apex)
                        .map(|(p, _)| Arc::clone(p))
                        .collect();
                    for path in gone {
                        let change = FileChange {
                            zone: apex.clone(),
                            path,
                            content: Content::Gone,
                            diagnostics: Vec::new(),
                        };
                        self.apply_file(change, &mut affected, turn);
                    }
                }
                Change::File(change) => self.apply_file(change, &mut affected, turn),
                Change::Troubles(troubles) => {
                    let news = troubles.iter().filter(|t| !self.troubles.contains(t));
                    turn.effects.complaints.extend(news.cloned());
                    self.errors.replace(&mut self.troubles, troubles);
                }
            }
        }
        self.merge_statics(&mut affected, turn);
        if zones_moved {
            affected.extend(self.with_hosts());
        }
        for zone in self.zones.values_mut().filter(|zone| zone.file == ZoneFile::Unread) {
            zone.file = ZoneFile::Absent;
        }
        for key in affected {
            self.merge(&key, turn);
        }
    }

    /// Takes a new configuration in.
    pub(super) fn configure(&mut self, settings: Settings, turn: &mut Turn) {
        self.scheduler.resize(settings.max_in_flight);
        let same_scripts = self.settings.scripts == settings.scripts;
        self.settings = settings;
        turn.rules_changed = true;
        let mut keys: BTreeSet<_> = self.services.keys().cloned().collect();
        if !same_scripts {
            let said = |(path, file): (&Arc<Path>, &FileState)| {
                Some((file.zone.clone(), Arc::clone(path), file.document.clone()?))
            };
            let said: Vec<_> = self.files.iter().filter_map(said).collect();
            for (zone, path, document) in said {
                self.set_document((&zone, &path), Some(document), &mut keys, turn);
            }
        }
        for key in keys {
            self.merge(&key, turn);
        }
        for check in self.checks.values_mut() {
            check.probe.sources = self.settings.sources();
        }
    }

    fn services_of(&self, apex: &Name) -> Vec<ServiceKey> {
        self.contributors.keys().filter(|key| key.zone == *apex).cloned().collect()
    }

    /// A zone that is there already keeps what its zone.toml said.
    fn add_zone(&mut self, defaults: ZoneSettings, turn: &mut Turn) {
        let apex = defaults.apex.clone();
        turn.zones.insert(apex.clone());
        let new = || ZoneState::new(defaults.clone());
        let state = self.zones.entry(apex).or_insert_with(new);
        if matches!(state.file, ZoneFile::Unread | ZoneFile::Absent) {
            state.settings = defaults.clone();
        }
        state.defaults = defaults;
    }

    /// The services with external instances: whether these may be checked hangs on which zones are
    /// served.
    fn with_hosts(&self) -> Vec<ServiceKey> {
        let external = |definition: &Arc<ServiceDefinition>| {
            definition.instances.iter().any(|instance| instance.location.host().is_some())
        };
        let files = self.files.values();
        let services = files.flat_map(|file| file.services.iter().map(|s| (&file.zone, s)));
        services
            .filter(|(_, (_, definitions))| definitions.iter().any(external))
            .map(|(zone, (name, _))| ServiceKey { zone: zone.clone(), name: name.clone() })
            .collect()
    }

    fn apply_file(
        &mut self,
        change: FileChange,
        affected: &mut BTreeSet<ServiceKey>,
        turn: &mut Turn,
    ) {
        let FileChange { zone, path, content, diagnostics } = change;
        turn.effects.complaints.extend(diagnostics.iter().cloned());
        let file = self.files.entry(Arc::clone(&path)).or_insert_with(|| FileState {
            zone: zone.clone(),
            diagnostics: Vec::new(),
            master: None,
            refused: Vec::new(),
            document: None,
            services: HashMap::new(),
        });
        self.errors.replace(&mut file.diagnostics, diagnostics);
        match content {
            Content::Zone(settings) => self.set_zone(&zone, Some(settings), affected, turn),
            Content::Services(document) => {
                self.set_document((&zone, &path), Some(document), affected, turn);
            }
            Content::Records(master) => {
                file.master = Some(master);
                turn.zones.insert(zone);
            }
            Content::Refused => self.refuse(&zone, &path, turn),
            Content::Gone => {
                if is_zone_file(&path) {
                    self.set_zone(&zone, None, affected, turn);
                }
                self.set_document((&zone, &path), None, affected, turn);
                let Some(gone) = self.files.remove(&path) else { return };
                self.errors.remove(&gone.diagnostics);
                self.errors.remove(&gone.refused);
                if gone.master.is_some() {
                    turn.zones.insert(zone);
                }
            }
        }
    }

    fn set_zone(
        &mut self,
        apex: &Name,
        settings: Option<ZoneSettings>,
        affected: &mut BTreeSet<ServiceKey>,
        turn: &mut Turn,
    ) {
        let Some(zone) = self.zones.get_mut(apex) else { return };
        zone.file = if settings.is_some() { ZoneFile::Parsed } else { ZoneFile::Absent };
        zone.settings = settings.unwrap_or_else(|| zone.defaults.clone());
        turn.zones.insert(apex.clone());
        affected.extend(self.services_of(apex));
    }

    /// A refused file keeps what it said before. A zone that was served by the defaults goes on so;
    /// one that comes with a zone.toml that cannot be read has no settings: the defaults are not
    /// what its owner wrote.
    fn refuse(&mut self, apex: &Name, path: &Path, turn: &mut Turn) {
        let Some(zone) = self.zones.get_mut(apex).filter(|_| is_zone_file(path)) else { return };
        if zone.file == ZoneFile::Unread {
            zone.file = ZoneFile::NeverParsed;
            turn.zones.insert(apex.clone());
        }
    }

    fn set_document(
        &mut self,
        (zone, path): (&Name, &Arc<Path>),
        document: Option<Arc<Document>>,
        affected: &mut BTreeSet<ServiceKey>,
        turn: &mut Turn,
    ) {
        let Some(file) = self.files.get_mut(path) else { return };
        for name in std::mem::take(&mut file.services).into_keys() {
            let key = ServiceKey { zone: zone.clone(), name };
            if let Some(paths) = self.contributors.get_mut(&key)
                && let Ok(place) = paths.binary_search(path)
            {
                paths.remove(place);
            }
            affected.insert(key);
        }
        let permitted = document.as_deref().map(|d| permit(d, self.settings.scripts));
        let (definitions, refused) = permitted.unwrap_or_default();
        let news = refused.iter().filter(|error| !file.refused.contains(error));
        turn.effects.complaints.extend(news.cloned());
        self.errors.replace(&mut file.refused, refused);
        for definition in definitions {
            let name = definition.name.value.clone();
            let key = ServiceKey { zone: zone.clone(), name: name.clone() };
            // Most services stand in one file, and there once.
            let one = || Vec::with_capacity(1);
            let paths = self.contributors.entry(key.clone()).or_insert_with(one);
            if let Err(place) = paths.binary_search(path) {
                paths.insert(place, Arc::clone(path));
            }
            affected.insert(key);
            let definitions = file.services.entry(name);
            definitions.or_insert_with(|| Vec::with_capacity(1)).push(definition);
        }
        file.document = document;
    }

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

    /// Merges one service from what its files say now.
    fn merge(&mut self, key: &ServiceKey, turn: &mut Turn) {
        let contributions = self.contributions(key);
        if contributions.is_empty() {
            self.contributors.remove(key);
        }
        let Some(zone) = self.zones.get(&key.zone).filter(|_| !contributions.is_empty()) else {
            self.remove_service(key, turn);
            return;
        };
        let is_ours = |name: &Name| name.is_within(&self.zones);
        let policy = &self.settings.policy;
        let mut merged = merge(key, &contributions, &zone.settings, policy, &is_ours);
        merged.conflicts.extend(conflicts(&merged.service, &zone.statics));
        let old = self.services.get_mut(key);
        let known = old.as_ref().map(|state| &state.conflicts);
        let news = merged.conflicts.iter().filter(|c| known.is_none_or(|known| !known.contains(c)));
        turn.effects.complaints.extend(news.cloned());
        if let Some(state) = old
            && *state.service == merged.service
        {
            self.errors.replace(&mut state.conflicts, merged.conflicts);
            return;
        }
        let old = self.services.remove(key);
        if let Some(old) = &old {
            self.errors.remove(&old.conflicts);
            self.unlink(old, turn);
        }
        self.errors.add(&merged.conflicts);
        let state = self.succeed(Arc::new(merged.service), old, turn);
        self.link(&state, turn);
        self.services.insert(key.clone(), ServiceState { conflicts: merged.conflicts, ..state });
        turn.dirty.insert(key.clone());
        self.assess(key, turn);
        self.hear(key, turn);
    }

    fn remove_service(&mut self, key: &ServiceKey, turn: &mut Turn) {
        let Some(state) = self.services.remove(key) else { return };
        self.errors.remove(&state.conflicts);
        self.unlink(&state, turn);
        self.drop_index(&key.zone);
        self.waiting.remove(key);
        for instance in &state.instances {
            self.recount(Some(instance.condition), None);
        }
        for id in state.runs.iter().flat_map(|runs| &runs.checks) {
            self.remove_check(*id, turn);
        }
        turn.dirty.insert(key.clone());
    }
}

fn is_zone_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "zone.toml")
}
