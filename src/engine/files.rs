//! What changed files do to the world: services are merged anew, and of their checks all that ask
//! the same as before go on as they are.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::checks::{CheckState, Voice};
use crate::engine::turn::Turn;
use crate::engine::world::{
    InstanceState, ServiceState, Settings, TargetState, World, ZoneFile, ZoneState,
};
use crate::health::scheduler::CheckId;
use crate::health::state::State;
use crate::model::check::{Check, Probe};
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::service::{Endpoint, Instance, Service, ServiceKey};
use crate::model::zone::ZoneSettings;
use crate::registry::merge::{Contribution, merge};
use crate::snapshot::service::{Fitness, Standing};
use crate::sources::{Change, Content, FileChange};

/// What one file says, and what is wrong with it.
#[derive(Debug)]
pub(super) struct FileState {
    pub(super) zone: Name,
    pub(super) diagnostics: Vec<Diagnostic>,
    document: Option<Arc<Document>>,
    /// The document's definitions of each service.
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
                    self.zones.remove(&apex);
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
            }
        }
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
        self.settings = settings;
        turn.rules_changed = true;
        let keys: Vec<_> = self.services.keys().cloned().collect();
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
        let state = self.zones.entry(apex).or_insert_with(|| ZoneState {
            settings: defaults.clone(),
            defaults: defaults.clone(),
            file: ZoneFile::Unread,
        });
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
            document: None,
            services: HashMap::new(),
        });
        file.diagnostics = diagnostics;
        match content {
            Content::Zone(settings) => self.set_zone(&zone, Some(settings), affected, turn),
            Content::Services(document) => {
                self.set_document(&zone, &path, Some(document), affected);
            }
            Content::Refused => self.refuse(&zone, &path, turn),
            Content::Gone => {
                if is_zone_file(&path) {
                    self.set_zone(&zone, None, affected, turn);
                }
                self.set_document(&zone, &path, None, affected);
                self.files.remove(&path);
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
    fn refuse(&mut self, apex: &Name, path: &std::path::Path, turn: &mut Turn) {
        let Some(zone) = self.zones.get_mut(apex).filter(|_| is_zone_file(path)) else { return };
        if zone.file == ZoneFile::Unread {
            zone.file = ZoneFile::NeverParsed;
            turn.zones.insert(apex.clone());
        }
    }

    fn set_document(
        &mut self,
        zone: &Name,
        path: &Arc<std::path::Path>,
        document: Option<Arc<Document>>,
        affected: &mut BTreeSet<ServiceKey>,
    ) {
        let Some(file) = self.files.get_mut(path) else { return };
        for name in std::mem::take(&mut file.services).into_keys() {
            let key = ServiceKey { zone: zone.clone(), name };
            if let Some(paths) = self.contributors.get_mut(&key) {
                paths.remove(path);
            }
            affected.insert(key);
        }
        for definition in document.iter().flat_map(|d| &d.services) {
            let name = definition.name.value.clone();
            let key = ServiceKey { zone: zone.clone(), name: name.clone() };
            self.contributors.entry(key.clone()).or_default().insert(Arc::clone(path));
            affected.insert(key);
            file.services.entry(name).or_default().push(Arc::clone(definition));
        }
        file.document = document;
    }

    fn contributions(&self, key: &ServiceKey) -> Vec<Contribution> {
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
        let merged = merge(key, &contributions, &zone.settings, &self.settings.policy, &is_ours);
        let old = self.services.get_mut(key);
        let known = old.as_ref().map(|state| &state.conflicts);
        let news = merged.conflicts.iter().filter(|c| known.is_none_or(|known| !known.contains(c)));
        turn.effects.complaints.extend(news.cloned());
        if let Some(state) = old
            && *state.service == merged.service
        {
            state.conflicts = merged.conflicts;
            return;
        }
        let old = self.services.remove(key);
        let state = self.succeed(Arc::new(merged.service), old, turn);
        self.services.insert(key.clone(), ServiceState { conflicts: merged.conflicts, ..state });
        turn.dirty.insert(key.clone());
        self.assess(key, turn);
        self.hear(key, turn);
    }

    fn remove_service(&mut self, key: &ServiceKey, turn: &mut Turn) {
        let Some(state) = self.services.remove(key) else { return };
        self.waiting.remove(key);
        for instance in &state.instances {
            self.recount(Some(instance.condition), None);
        }
        for id in state.targets.iter().flat_map(|target| &target.checks) {
            self.remove_check(*id, turn);
        }
        turn.dirty.insert(key.clone());
    }

    /// The state of a service that takes the place of `old`: what both have goes on.
    fn succeed(
        &mut self,
        service: Arc<Service>,
        old: Option<ServiceState>,
        turn: &mut Turn,
    ) -> ServiceState {
        let mut old = old.map(Predecessor::new).unwrap_or_default();
        let key = Arc::new(service.key.clone());
        let (mut instances, mut targets) = (Vec::new(), Vec::new());
        for (place, instance) in service.instances.iter().enumerate() {
            instances.push(old.instances.remove(&instance.id).unwrap_or_else(|| {
                let condition = newcomer(instance).condition;
                self.recount(None, Some(condition));
                InstanceState { condition, since: turn.now }
            }));
            for endpoint in instance.location.endpoints() {
                let before = old.targets.remove(&(instance.id.clone(), endpoint.clone()));
                let target = self.succeed_target((&key, instance), endpoint, before, turn);
                for id in &target.checks {
                    if let Some(check) = self.checks.get_mut(id) {
                        check.place = targets.len();
                    }
                }
                targets.push(TargetState { instance: place, ..target });
            }
        }
        for gone in old.instances.into_values() {
            self.recount(Some(gone.condition), None);
        }
        for id in old.targets.into_values().flat_map(|target| target.checks) {
            self.remove_check(id, turn);
        }
        ServiceState { service, conflicts: Vec::new(), instances, targets }
    }

    fn succeed_target(
        &mut self,
        (service, instance): (&Arc<ServiceKey>, &Instance),
        endpoint: Endpoint,
        before: Option<TargetState>,
        turn: &mut Turn,
    ) -> TargetState {
        let served =
            before.as_ref().is_some_and(|t| matches!(t.standing.fitness, Fitness::Fit { .. }));
        let (mut old, standing, awaited) = match before {
            Some(target) => (target.checks, target.standing, target.awaited),
            None => (Vec::new(), newcomer(instance), false),
        };
        let mut checks = Vec::new();
        for check in &instance.checks {
            let Some(probe) = self.probe(instance, check, &endpoint) else { continue };
            let kept = old.iter().position(|id| self.asks_the_same(*id, check, &probe));
            if let Some(id) = kept.map(|at| old.swap_remove(at)) {
                self.retime(id, check, probe, turn.now);
                checks.push(id);
                continue;
            }
            let state = CheckState {
                service: Arc::clone(service),
                place: 0,
                state: State::initial(check.initial, &check.policy),
                check: check.clone(),
                probe,
                voice: if served { Voice::Provisional } else { Voice::Awaited },
                output: None,
                fault: None,
                started: None,
                spread: false,
            };
            checks.push(self.add_check(state, turn.now));
        }
        for id in old {
            self.remove_check(id, turn);
        }
        TargetState { instance: 0, endpoint, checks, standing, awaited }
    }

    fn asks_the_same(&self, id: CheckId, check: &Check, probe: &Probe) -> bool {
        self.checks.get(&id).is_some_and(|old| {
            old.check.id == check.id
                && old.probe.kind == probe.kind
                && old.probe.target == probe.target
        })
    }

    fn probe(&self, instance: &Instance, check: &Check, endpoint: &Endpoint) -> Option<Probe> {
        Some(Probe {
            kind: Arc::clone(&check.kind),
            target: instance.target(check, endpoint)?,
            policy: Arc::clone(&check.policy),
            sources: self.settings.sources(),
        })
    }
}

fn is_zone_file(path: &std::path::Path) -> bool {
    path.file_name().is_some_and(|name| name == "zone.toml")
}

/// How an instance stands that nothing was known of before.
fn newcomer(instance: &Instance) -> Standing {
    let (condition, fitness) = if instance.checks.is_empty() {
        (Condition::Unchecked, Fitness::WELL)
    } else {
        (Condition::Unknown, Fitness::Unfit { left: None })
    };
    Standing { condition, fitness, reason: None }
}

/// What a service's new state may take over.
#[derive(Default)]
struct Predecessor {
    instances: HashMap<Label, InstanceState>,
    targets: HashMap<(Label, Endpoint), TargetState>,
}

impl Predecessor {
    fn new(state: ServiceState) -> Self {
        let ids: Vec<Label> = state.service.instances.iter().map(|i| i.id.clone()).collect();
        let targets = state.targets.into_iter().filter_map(|target| {
            Some(((ids.get(target.instance)?.clone(), target.endpoint.clone()), target))
        });
        let targets = targets.collect();
        Self { instances: ids.into_iter().zip(state.instances).collect(), targets }
    }
}
