//! What registrations and heartbeats cost the engine, measured without its store.
#![expect(clippy::print_stdout, reason = "what was measured")]

use std::time::Duration;

use livezone::config::Config;
use livezone::engine::event::{Effects, Event, Ticket};
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::agent::Write;
use livezone::model::health::Verdict;
use livezone::model::time::Now;
use livezone::server::clock;
use livezone::sources::consul::api::body;
use livezone::store::registrations::{Op, Records};

/// What is registered, each with a check that waits for heartbeats.
const MANY: u64 = 100_000;
/// Of one service.
const EACH: u64 = 20;
/// Writers at once.
const TOGETHER: u64 = 64;

struct Registering {
    world: World,
    now: Now,
    records: Records,
    longest: Duration,
}

fn register(number: u64) -> Write {
    let (service, [_, a, b, c]) = (number / EACH, u32::try_from(number).unwrap().to_be_bytes());
    let text = format!(
        r#"{{"ID": "s{service}-{number}", "Name": "s{service}", "Address": "10.{a}.{b}.{c}",
            "Port": 80, "Tags": ["v1"], "Check": {{"TTL": "30s"}}}}"#
    );
    let service = Box::new(body::service(text.as_bytes()).unwrap());
    Write::Register { service, replace_checks: false }
}

fn beat(number: u64) -> Write {
    let check = format!("service:s{}-{number}", number / EACH).into();
    Write::Beat { check, verdict: Verdict::Passing, output: "".into() }
}

impl Registering {
    fn again(records: Records) -> Self {
        let mut world = World::new(Settings::of(&Config::default()), 1, 1);
        let now = Now::default();
        let loaded = world.restore(&records, &[], Vec::new());
        let mut all = Self { world, now, records, longest: Duration::ZERO };
        all.feed(Event::Loaded(loaded));
        all
    }

    fn feed(&mut self, event: Event) -> Effects {
        let clock = clock::start();
        let began = clock().mono;
        let mut effects = turn(&mut self.world, event, self.now);
        self.longest = self.longest.max(clock().mono.since(began));
        while effects.more {
            effects = turn(&mut self.world, Event::Timer, self.now);
        }
        effects
    }

    /// All are answered, however many turns it takes.
    fn write(&mut self, writes: impl Iterator<Item = Write>) {
        let writes: Vec<_> = writes.map(|write| (Ticket(0), write)).collect();
        let wanted = writes.len();
        let mut effects = self.feed(Event::Writes(writes));
        let mut answered = effects.answers.len();
        while !effects.keep.now.is_empty() {
            for op in effects.keep.now {
                if let Op::Put { key, value, .. } = op {
                    self.records.services.push((key.to_string(), value.to_string()));
                }
            }
            effects = self.feed(Event::Stored(Ok(())));
            answered += effects.answers.iter().filter(|(_, answer)| answer.is_ok()).count();
        }
        assert_eq!(answered, wanted);
    }
}

fn measure(most: u64) {
    let clock = clock::start();
    let timed =
        |what: &str, count: u64, world: &mut Registering, work: &dyn Fn(&mut Registering)| {
            world.longest = Duration::ZERO;
            let began = clock().mono;
            work(world);
            let took = clock().mono.since(began);
            let each = took / u32::try_from(count).unwrap();
            println!("{what}: {took:?}, {each:?} each; longest turn {:?}", world.longest);
        };
    let together = |from: u64| from..(from + TOGETHER).min(most);
    let mut world = Registering::again(Records::default());
    timed("registrations", most, &mut world, &|world| {
        (0..most).step_by(64).for_each(|from| world.write(together(from).map(register)));
    });
    timed("the same again", most, &mut world, &|world| {
        (0..most).step_by(64).for_each(|from| world.write(together(from).map(register)));
    });
    for what in ["first heartbeats", "heartbeats"] {
        timed(what, most, &mut world, &|world| {
            (0..most).step_by(64).for_each(|from| world.write(together(from).map(beat)));
        });
    }
    let records = std::mem::take(&mut world.records);
    assert_eq!(records.services.len() as u64, most);
    let mut again = Registering::again(Records::default());
    timed("a start with all of them", most, &mut again, &|again| {
        *again = Registering::again(records.clone());
    });
    assert_eq!(again.world.agent().services.len() as u64, most);
}

#[test]
fn a_thousand_registrations_and_their_heartbeats_are_answered_and_come_back() {
    measure(1_000);
}

#[test]
#[ignore = "a measurement: cargo test --release --test properties registering -- --ignored --nocapture"]
fn a_hundred_thousand_registrations_and_their_heartbeats_measured() {
    measure(MANY);
}
