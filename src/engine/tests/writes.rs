//! Writes seen through `turn`, with a store that answers when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use crate::config::Config;
use crate::engine::event::{Answer, Effects, Event, Keep, Ticket};
use crate::engine::settings::Settings;
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::model::agent::{AgentService, Refusal, Write, Written};
use crate::model::time::Now;
use crate::snapshot::Snapshot;
use crate::sources::consul::api::body;
use crate::store::registrations::{Op, Records, Table};

type Disk = BTreeMap<(Table, Arc<str>), Arc<str>>;

/// A world and its store.
struct Rig {
    world: World,
    snapshot: Arc<Snapshot>,
    disk: Disk,
    /// Given to the store, which has not answered yet.
    storing: Vec<Op>,
    answers: Vec<Answer<Written>>,
    tickets: u64,
}

impl Rig {
    fn new(disk: Disk) -> Self {
        let mut settings = Settings::of(&Config::default());
        settings.registering.node = Some("10.0.0.254".parse().unwrap());
        let mut world = World::new(settings, 1, 1);
        let of = |table| {
            let records = disk.iter().filter(move |((its, _), _)| *its == table);
            records.map(|((_, key), value)| (key.to_string(), value.to_string())).collect()
        };
        let records = Records {
            services: of(Table::Services),
            checks: of(Table::Checks),
            beats: of(Table::Beats),
        };
        let loaded = world.restore(&records, &[], Vec::new());
        let effects = turn(&mut world, Event::Loaded(loaded), Now::default());
        let snapshot = effects.snapshot.unwrap();
        Self { world, snapshot, disk, storing: Vec::new(), answers: Vec::new(), tickets: 0 }
    }

    fn feed(&mut self, event: Event) {
        let Effects { snapshot, keep: Keep { now: store, .. }, answers, .. } =
            turn(&mut self.world, event, Now::default());
        if let Some(snapshot) = snapshot {
            assert!(snapshot.generation > self.snapshot.generation);
            self.snapshot = snapshot;
        }
        if !store.is_empty() {
            assert!(self.storing.is_empty(), "one batch is stored at a time");
            self.storing = store;
        }
        for (_, answer) in &answers {
            if let Ok(written) = answer {
                assert_eq!(written.generation, self.snapshot.generation);
            }
        }
        self.answers.extend(answers);
    }

    fn write(&mut self, writes: impl IntoIterator<Item = Write>) {
        let ticket = |write| {
            self.tickets += 1;
            (Ticket(self.tickets), write)
        };
        let writes = writes.into_iter().map(ticket).collect();
        self.feed(Event::Writes(writes));
    }

    /// The store answers; what it keeps survives whatever comes.
    fn store(&mut self, well: bool) {
        let ops = std::mem::take(&mut self.storing);
        if !well {
            return self.feed(Event::Stored(Err("no space left".to_owned())));
        }
        for op in ops {
            match op {
                Op::Put { table, key, value } => drop(self.disk.insert((table, key), value)),
                Op::Remove { table, key } => drop(self.disk.remove(&(table, key))),
            }
        }
        self.feed(Event::Stored(Ok(())));
    }

    fn settle(&mut self) {
        while !self.storing.is_empty() {
            self.store(true);
        }
    }

    /// `name/id address`, as DNS answers.
    fn answered(&self) -> BTreeSet<String> {
        let zones = self.snapshot.zones.values();
        let views = zones.flat_map(|zone| zone.services.iter());
        let instances = views.flat_map(|(_, view)| {
            view.service.instances.iter().map(|i| {
                let address = i.location.addresses()[0];
                format!("{}/{} {address}", view.service.key.name, i.id)
            })
        });
        instances.collect()
    }

    fn stored(&self) -> BTreeSet<String> {
        let services = self.disk.iter().filter(|((table, _), _)| *table == Table::Services);
        let read = |(_, json): (_, &Arc<str>)| serde_json::from_str::<AgentService>(json).unwrap();
        services.map(read).map(|s| format!("{}/{} {}", s.name, s.id, s.address)).collect()
    }
}

fn service(text: &str) -> AgentService {
    body::service(text.as_bytes()).unwrap()
}

fn register(text: &str) -> Write {
    Write::Register { service: Box::new(service(text)), replace_checks: false }
}

fn web(id: &str, address: u8) -> Write {
    register(&format!(r#"{{"ID": "{id}", "Name": "web", "Address": "10.0.0.{address}"}}"#))
}

fn writes() -> impl Strategy<Value = Write> {
    let id = || (0..3_u8).prop_map(|id| format!("i{id}"));
    prop_oneof![
        3 => (id(), 0..2_u8, 1..4_u8, 0..3_u8).prop_map(|(id, name, address, tag)| register(&format!(
            r#"{{"ID": "{id}", "Name": "s{name}", "Address": "10.0.0.{address}", "Tags": ["t{tag}"]}}"#
        ))),
        1 => id().prop_map(|id| Write::Deregister(id.as_str().into())),
        1 => Just(register(r#"{"ID": "i0", "Name": "not a name"}"#)),
    ]
}

/// What happens next to a world.
#[derive(Clone, Debug)]
enum Step {
    Writes(Vec<Write>),
    Stored(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        prop::collection::vec(writes(), 1..4).prop_map(Step::Writes),
        any::<bool>().prop_map(Step::Stored),
    ];
    prop::collection::vec(step, 1..30)
}

proptest! {
    #[test]
    fn what_is_answered_is_what_is_stored_and_a_batch_that_is_not_stored_leaves_no_trace(
        steps in steps(),
    ) {
        let mut rig = Rig::new(Disk::new());
        for step in steps {
            let (before, answered) = (rig.world.report(), rig.answers.len());
            match step {
                Step::Writes(writes) => rig.write(writes),
                Step::Stored(_) if rig.storing.is_empty() => continue,
                Step::Stored(well) => {
                    rig.store(well);
                    let now = &rig.answers[answered..];
                    if !well {
                        prop_assert_eq!(&rig.world.report(), &before);
                        prop_assert!(now.iter().any(|(_, a)| matches!(a, Err(Refusal::NotStored(_)))));
                    }
                }
            }
            prop_assert_eq!(rig.answered(), rig.stored());
        }
        rig.settle();
        let tickets: BTreeSet<_> = rig.answers.iter().map(|(ticket, _)| *ticket).collect();
        prop_assert_eq!(rig.answers.len() as u64, rig.tickets);
        prop_assert_eq!(tickets.len() as u64, rig.tickets);
        let again = Rig::new(rig.disk.clone());
        prop_assert_eq!(again.answered(), rig.answered());
        let sorted = |rig: &Rig| rig.world.agent().services.iter().map(|(id, s)| (Arc::clone(id), Arc::clone(s))).collect::<BTreeMap<_, _>>();
        prop_assert_eq!(sorted(&again), sorted(&rig));
    }

    #[test]
    fn a_question_asked_after_the_answer_sees_the_write(steps in steps(), address in 1..9_u8) {
        let mut rig = Rig::new(Disk::new());
        for step in steps {
            match step {
                Step::Writes(writes) => rig.write(writes),
                Step::Stored(_) if rig.storing.is_empty() => {}
                Step::Stored(well) => rig.store(well),
            }
        }
        rig.settle();
        let expected = format!("web/one 10.0.0.{address}");
        rig.write([web("one", address)]);
        let own = rig.tickets;
        while !rig.answers.iter().any(|(ticket, _)| *ticket == Ticket(own)) {
            prop_assert!(!rig.answered().contains(&expected));
            rig.store(true);
        }
        prop_assert!(rig.answered().contains(&expected));
        rig.write([Write::Deregister("one".into())]);
        rig.store(true);
        prop_assert_eq!(rig.answers.len() as u64, rig.tickets);
        prop_assert!(!rig.answered().iter().any(|instance| instance.starts_with("web/one")));
    }
}

#[test]
fn the_same_again_costs_no_write_and_no_generation() {
    let mut rig = Rig::new(Disk::new());
    rig.write([web("a", 1)]);
    rig.store(true);
    let generation = rig.snapshot.generation;
    rig.write([web("a", 1), web("a", 1)]);
    assert!(rig.storing.is_empty());
    assert_eq!(rig.snapshot.generation, generation);
    assert_eq!(rig.answers.len(), 3);
    rig.write([web("a", 2), web("a", 1)]);
    assert!(rig.storing.is_empty(), "it is what it was");
    assert_eq!(rig.answers[3..].iter().filter(|(_, a)| a.is_ok()).count(), 2);
}

#[test]
fn a_registration_under_another_name_moves_the_id() {
    let mut rig = Rig::new(Disk::new());
    rig.write([web("a", 1), register(r#"{"ID": "a", "Name": "db", "Address": "10.0.0.1"}"#)]);
    rig.store(true);
    assert_eq!(rig.answered(), ["db/a 10.0.0.1".to_owned()].into());
}

#[test]
fn a_stored_record_that_cannot_be_taken_is_told_of_and_stays_stored() {
    let mut rig = Rig::new(Disk::new());
    rig.write([web("a", 1), web("b", 2)]);
    rig.store(true);
    let mut disk = rig.disk.clone();
    disk.insert((Table::Services, "b".into()), "{\"id\": \"b\"".into());
    let refused = disk[&(Table::Services, "a".into())].replace("10.0.0.1", "not an address!");
    disk.insert((Table::Services, "c".into()), refused.replace("\"a\"", "\"c\"").as_str().into());
    let again = Rig::new(disk);
    assert_eq!(again.answered(), ["web/a 10.0.0.1".to_owned()].into());
    let sources = again.world.report().sources;
    let errors = &sources.iter().find(|source| source.name == "api").unwrap().errors;
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors.iter().any(|error| error.starts_with("api:b: ")), "{errors:?}");
    assert!(errors.iter().any(|error| error.starts_with("api:c: ")), "{errors:?}");
    assert!(again.world.is_ready());
}
