//! What has been is forgotten: a world that has seen ten thousand outcomes is as large as one that has
//! seen fifty.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use livezone::config::{Config, zone_toml};
use livezone::engine::event::{Effects, Event};
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::health::{Finding, Outcome};
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::Now;
use livezone::sources::native;
use livezone::sources::{Change, Content, Put};

const SERVICES: usize = 3;
/// Longer than an interval.
const CYCLE: Duration = Duration::from_secs(30);

struct Life {
    world: World,
    now: Now,
    /// Makes every reason another one.
    outcomes: u64,
    transitions: usize,
}

impl Life {
    fn new() -> Self {
        let world = World::new(Settings::of(&Config::default()), 1, 1);
        Self { world, now: Now::default(), outcomes: 0, transitions: 0 }
    }

    /// Lets a cycle pass in which every check finds the same.
    fn go_on(&mut self, event: Event, finding: Finding) {
        let end = self.now.mono + CYCLE;
        let mut effects = turn(&mut self.world, event, self.now);
        while let Some(event) = self.next(&effects, finding, end) {
            self.transitions += usize::from(effects.snapshot.is_some());
            effects = turn(&mut self.world, event, self.now);
        }
        self.now = self.now.after(end.since(self.now.mono));
    }

    fn next(
        &mut self,
        effects: &Effects,
        finding: Finding,
        end: livezone::model::time::Instant,
    ) -> Option<Event> {
        if effects.start.is_empty() {
            let wake = effects.wake.filter(|wake| *wake <= end)?;
            self.now = self.now.after(wake.since(self.now.mono));
            return Some(Event::Timer);
        }
        let mut outcome = || {
            self.outcomes += 1;
            Outcome::new(finding, format!("outcome {}", self.outcomes))
        };
        let outcomes = effects.start.iter().map(|start| (start.id, outcome()));
        Some(Event::Outcomes(outcomes.collect()))
    }

    /// Backends fail, recover, and come and go with their files.
    fn cycle(&mut self) {
        for service in 0..SERVICES {
            self.go_on(Event::Changed(vec![file(service, 2)]), Finding::Fail);
            self.go_on(Event::Changed(vec![file(service, 0)]), Finding::Pass);
            self.go_on(Event::Changed(vec![file(service, 3)]), Finding::Warn);
        }
        self.go_on(Event::Timer, Finding::Pass);
        self.go_on(Event::Timer, Finding::Pass);
    }

    /// How many values it is made of: digits may become more.
    fn size(&self) -> usize {
        let signs = |sign: &char| matches!(sign, '{' | '[' | '(' | ',');
        format!("{:?}", self.world).chars().filter(signs).count()
    }
}

fn file(service: usize, instances: u8) -> Change {
    let path: Arc<Path> = Path::new(&format!("s{service}.toml")).into();
    let mut text = format!(
        "[[service]]\nname = \"s{service}\"\nport = 80\n[[service.check]]\nhttp = \"/{instances}\"\n"
    );
    for n in 0..instances {
        let address = format!("10.0.{service}.{n}");
        write!(text, "[[service.instance]]\nid = \"i{n}\"\naddress = \"{address}\"\n").unwrap();
    }
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let content = Content::Services(Arc::new(document.expect("it is well written")));
    Change::Put(Put { id: EntryId::of_file(&path), zone: apex(), content, diagnostics })
}

fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

#[test]
fn a_world_does_not_grow_with_what_has_happened_in_it() {
    let mut life = Life::new();
    let zone = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    life.go_on(Event::Loaded(vec![zone]), Finding::Pass);
    (0..20).for_each(|_| life.cycle());
    let young = life.size();
    let seen = life.transitions;
    (0..150).for_each(|_| life.cycle());
    assert!(life.transitions > seen + 1000 && life.outcomes > 2000, "much has happened");
    assert!(life.size() <= young, "{young} values became {}", life.size());
}
