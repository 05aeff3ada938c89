//! What the tracker promises for whatever is done to the folder, told or not, slow disks included.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use crate::model::name::Name;
use crate::sources::files::errands::{Event, News, Task};
use crate::sources::files::file::Said;
use crate::sources::files::tracker_tests::{World, entry};
use crate::sources::files::zone::Cause;

impl World {
    /// Begins all that may begin, and ends of what has begun as many as there are `draws`.
    fn work_slowly(&mut self, draws: &[usize]) {
        for draw in draws.iter().copied().chain([usize::MAX]) {
            while let Some(task) = self.tracker.task(self.now.mono) {
                let doubled = self.flight.iter().any(|(other, ..)| same_thing(other, &task));
                assert!(!doubled, "{task:?} is being done");
                let found = self.look(&task);
                self.flight.push((task, found, self.now));
            }
            if draw < usize::MAX && !self.flight.is_empty() {
                let done = self.flight.swap_remove(draw % self.flight.len());
                self.deliver(done);
            }
        }
        self.tell();
    }
}

fn same_thing(one: &Task, other: &Task) -> bool {
    match (one, other) {
        (Task::ListRoot(_), Task::ListRoot(_)) => true,
        (Task::ListZone(one, ..), Task::ListZone(other, ..)) => one == other,
        (Task::Read(one, _), Task::Read(other, _)) => one == other,
        _ => false,
    }
}

#[test]
fn files_that_do_not_come_hold_up_neither_their_folder_nor_another() {
    let mut world = World::settled();
    world.make_zone("c.d");
    for number in 0..9 {
        world.put("a.b", &format!("{number}.toml"), "hangs");
        world.event(Event::Written(entry("a.b", &format!("{number}.toml"))));
    }
    world.put("c.d", "web.toml", "comes");
    world.event(Event::Root(Cause::Swap));
    let mut hanging = BTreeSet::new();
    while let Some(task) = world.tracker.task(world.now.mono) {
        if matches!(&task, Task::Read(entry, _) if entry.zone == Name::parse("a.b").unwrap()) {
            hanging.insert(format!("{task:?}"));
            continue;
        }
        let found = world.look(&task);
        world.deliver((task, found, world.now));
    }
    world.tell();
    assert_eq!(hanging.len(), 3, "a folder takes three readings and no more");
    assert!(world.told.contains_key(&Name::parse("c.d").unwrap()));
    assert_eq!(world.told[&Name::parse("c.d").unwrap()].len(), 1);
}

#[test]
fn zones_are_listed_again_while_the_listing_of_their_folder_hangs() {
    let mut world = World::settled();
    world.event(Event::Root(Cause::Changed));
    assert_eq!(world.tracker.task(world.now.mono), Some(Task::ListRoot(Cause::Changed)));
    world.put("a.b", "web.toml", "two");
    world.pass(Duration::from_secs(30));
    assert_eq!(world.told, world.lies());
}

#[test]
fn when_a_close_may_have_been_lost_stillness_tells() {
    let mut world = World::settled();
    world.put("a.b", "web.toml", "two");
    world.event(Event::Modified(entry("a.b", "web.toml")));
    world.event(Event::Lost);
    world.pass(Duration::from_secs(2));
    assert_eq!(world.told, world.lies());
}

/// What somebody does to the folder.
#[derive(Clone, Debug)]
enum Deed {
    /// Opens, writes half, the rest, and closes.
    Write(&'static str, &'static str, String),
    /// Writes and does not close.
    Begin(&'static str, &'static str),
    Remove(&'static str, &'static str),
    MakeZone(&'static str),
    RemoveZone(&'static str),
    Wait(u64),
}

/// Whether the kernel tells of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Yes,
    No,
}

fn deeds() -> impl Strategy<Value = Vec<(Deed, Told)>> {
    let zone = || prop::sample::select(vec!["a.b", "c.d"]);
    let file = || prop::sample::select(vec!["zone.toml", "x.toml", "y.toml"]);
    let deed = prop_oneof![
        4 => (zone(), file(), "[ab]{0,2}").prop_map(|(z, f, text)| Deed::Write(z, f, text)),
        2 => (zone(), file()).prop_map(|(z, f)| Deed::Begin(z, f)),
        3 => (zone(), file()).prop_map(|(z, f)| Deed::Remove(z, f)),
        1 => zone().prop_map(Deed::MakeZone),
        1 => zone().prop_map(Deed::RemoveZone),
        3 => (0_u64..2_500).prop_map(Deed::Wait),
    ];
    let told = prop_oneof![4 => Just(Told::Yes), 1 => Just(Told::No)];
    prop::collection::vec((deed, told), 0..40)
}

/// Does it; what the kernel tells of it.
fn done(world: &mut World, deed: Deed) -> Vec<Event> {
    match deed {
        Deed::Write(zone, file, text) => {
            world.put(zone, file, &text);
            vec![Event::Modified(entry(zone, file)), Event::Written(entry(zone, file))]
        }
        Deed::Begin(zone, file) => {
            world.put(zone, file, "half");
            vec![Event::Created(entry(zone, file)), Event::Modified(entry(zone, file))]
        }
        Deed::Remove(zone, file) => {
            world.remove(zone, file);
            vec![Event::Vanished(entry(zone, file))]
        }
        Deed::MakeZone(zone) => {
            world.make_zone(zone);
            vec![Event::Root(Cause::Changed)]
        }
        Deed::RemoveZone(zone) => {
            world.zones.remove(zone);
            let name = Name::parse(zone).unwrap();
            vec![Event::Zone(name, Cause::Changed), Event::Root(Cause::Changed)]
        }
        Deed::Wait(milliseconds) => {
            world.pass(Duration::from_millis(milliseconds));
            Vec::new()
        }
    }
}

fn carry_out(world: &mut World, deed: Deed, told: Told) {
    let events = done(world, deed);
    if told == Told::Yes {
        for event in events {
            world.event(event);
        }
    }
    world.work();
}

proptest! {
    #[test]
    fn after_quiet_what_was_told_is_what_lies_there(deeds in deeds()) {
        let mut world = World::new();
        for (deed, told) in deeds {
            carry_out(&mut world, deed, told);
        }
        world.pass(Duration::from_secs(90));
        prop_assert_eq!(&world.told, &world.lies());
    }

    #[test]
    fn slow_disks_lose_nothing(
        deeds in deeds(),
        draws in prop::collection::vec(prop::collection::vec(0_usize..100, 0..6), 40),
    ) {
        let mut world = World::new();
        for ((deed, told), draws) in deeds.into_iter().zip(draws) {
            if let Deed::Wait(milliseconds) = deed {
                world.now = world.now.after(Duration::from_millis(milliseconds));
            } else {
                let events = done(&mut world, deed);
                if told == Told::Yes {
                    for event in events {
                        world.event(event);
                    }
                }
            }
            world.work_slowly(&draws);
        }
        while !world.flight.is_empty() {
            world.work_slowly(&[0]);
        }
        world.pass(Duration::from_secs(90));
        prop_assert_eq!(&world.told, &world.lies());
    }

    #[test]
    fn what_is_only_half_written_is_never_told(deeds in deeds()) {
        let mut world = World::new();
        world.work();
        for (deed, _) in deeds {
            carry_out(&mut world, deed, Told::Yes);
            let half = |news: &News| match news {
                News::File(_, _, Some(Said::Text(text))) => &**text == "half",
                _ => false,
            };
            // A writer that rests for a minute is taken to have finished; none does here, but
            // the waits of a long run may add up to it.
            if world.now.mono.0 < Duration::from_secs(1_058) {
                prop_assert!(!world.news.iter().any(half));
            }
        }
    }
}
