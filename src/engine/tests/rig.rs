//! A world with one file of services, whose time passes, whose runs fail and whose store keeps all.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::engine::event::{Effects, Event, Start, Ticket};
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::agent::{Refusal, Write};
use crate::model::health::{Finding, Outcome, Verdict};
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::model::time::{Instant, Now};
use crate::model::zone::ZoneSettings;
use crate::snapshot::{Rules, Snapshot};
use crate::sources::consul::api::body;
use crate::sources::native;
use crate::sources::{Change, Content, Put};
use crate::store::registrations::{Op, Records, Table};

pub(super) struct Rig {
    pub(super) world: World,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) now: Now,
    pub(super) kept: Vec<(String, String)>,
    pub(super) lines: Vec<String>,
    /// Runs that fail once time passes.
    starting: Vec<Start>,
    tickets: u64,
}

pub(super) fn registered(text: &str) -> Write {
    Write::Register {
        service: Box::new(body::service(text.as_bytes()).unwrap()),
        replace_checks: false,
    }
}

fn file(zone: &Name, text: &str) -> Change {
    let path: Arc<Path> = Path::new("web.toml").into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let content = Content::Services(Arc::new(document.expect("the text is good")));
    Change::Put(Put { id: EntryId::of_file(&path), zone: zone.clone(), content, diagnostics })
}

impl Rig {
    pub(super) fn new(files: &str, beats: Vec<(String, String)>) -> Self {
        Self::again(files, beats, Vec::new())
    }

    /// After a restart.
    pub(super) fn again(files: &str, beats: Vec<(String, String)>, lines: Vec<String>) -> Self {
        let mut settings = Settings::of(&Config::default());
        settings.registering.node = Some("10.0.0.254".parse().unwrap());
        let zone = settings.registering.zone.apex.clone();
        let mut world = World::new(settings, 1, 1);
        let put = file(&zone, files);
        let mut loaded = vec![Change::Zone(Origin::Files, ZoneSettings::new(zone)), put];
        loaded.extend(world.restore(
            &Records { beats: beats.clone(), ..Records::default() },
            &lines,
            Vec::new(),
        ));
        let now = Now::default().after(Duration::from_secs(1000));
        let snapshot = Arc::new(Snapshot::empty(Rules::default()));
        let (kept, starting) = (beats, Vec::new());
        let mut rig = Self { world, snapshot, now, kept, lines, starting, tickets: 0 };
        rig.feed(Event::Loaded(loaded));
        rig
    }

    /// The file says something else.
    pub(super) fn file(&mut self, text: &str) {
        let zone = self.world.settings.registering.zone.apex.clone();
        self.feed(Event::Changed(vec![file(&zone, text)]));
    }

    pub(super) fn feed(&mut self, event: Event) -> Effects {
        let mut effects = turn(&mut self.world, event, self.now);
        if let Some(snapshot) = effects.snapshot.take() {
            self.snapshot = snapshot;
        }
        for op in effects.keep.soon.drain(..) {
            self.keep(&op);
            turn(&mut self.world, Event::Saved(true), self.now);
        }
        self.starting.append(&mut effects.start);
        if let Some(lines) = effects.keep.orders.take() {
            self.lines = lines;
            let more = self.feed(Event::Ordered(Ok(())));
            effects.answers.extend(more.answers);
            effects.ordered.extend(more.ordered);
            effects.keep.now.extend(more.keep.now);
            effects.wake = more.wake;
        }
        effects
    }

    fn keep(&mut self, op: &Op) {
        match op {
            Op::Put { table: Table::Beats, key, value } => {
                self.kept.retain(|(known, _)| **known != **key);
                self.kept.push((key.to_string(), value.to_string()));
            }
            Op::Remove { table: Table::Beats, key } => {
                self.kept.retain(|(known, _)| **known != **key);
            }
            Op::Put { .. } | Op::Remove { .. } => {}
        }
    }

    /// Time passes, and the world is woken when it wants to be.
    pub(super) fn wait(&mut self, millis: u64) -> Vec<Effects> {
        let end = self.now.after(Duration::from_millis(millis));
        let mut all = Vec::new();
        let woken = self.feed(Event::Timer).wake;
        let mut wake = self.fail().or(woken);
        while let Some(due) = wake.filter(|due| *due <= end.mono) {
            self.now = self.now.after(due.since(self.now.mono));
            let effects = self.feed(Event::Timer);
            wake = self.fail().or(effects.wake);
            all.push(effects);
        }
        self.now = self.now.after(end.mono.since(self.now.mono));
        all
    }

    /// What runs fails; when the world wants to be woken then.
    fn fail(&mut self) -> Option<Instant> {
        let failed = |start: Start| (start.id, Outcome::new(Finding::Fail, "refused"));
        let found: Vec<_> = self.starting.drain(..).map(failed).collect();
        if found.is_empty() { None } else { self.feed(Event::Outcomes(found)).wake }
    }

    pub(super) fn write(&mut self, write: Write) -> Result<(), Refusal> {
        self.tickets += 1;
        let mut effects = self.feed(Event::Writes(vec![(Ticket(self.tickets), write)]));
        if !effects.keep.now.is_empty() {
            effects.keep.now.iter().for_each(|op| self.keep(op));
            effects = self.feed(Event::Stored(Ok(())));
        }
        let (ticket, answer) = effects.answers.pop().unwrap();
        assert_eq!(ticket, Ticket(self.tickets));
        answer.map(drop)
    }

    pub(super) fn beat(&mut self, check: &str, verdict: Verdict) -> Result<(), Refusal> {
        let output = format!("{verdict:?}").into();
        self.write(Write::Beat { check: check.into(), verdict, output })
    }

    /// The state of each instance with what its first check says.
    pub(super) fn states(&self) -> Vec<String> {
        let services = self.world.report().services;
        let instances = services.into_iter().flat_map(|service| service.instances);
        instances
            .map(|i| {
                let output = i.checks.first().map(|check| check.output.clone());
                format!("{} {} {}", i.id, i.state, output.unwrap_or_default())
            })
            .collect()
    }

    /// What the service's name answers, and with which TTL.
    pub(super) fn answer(&self) -> (usize, u32) {
        let zone = self.snapshot.zones.values().next().unwrap();
        let view = zone.service("web").unwrap();
        (view.all.a.items.len(), view.all.ttl)
    }
}
