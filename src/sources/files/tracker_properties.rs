//! What the tracker promises for whatever is done to the folder, told or not, slow disks included.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use crate::model::name::Name;
use crate::sources::files::file::FileContent;
use crate::sources::files::protocol::{Entry, Event, News, Task};
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

/// What the kernel may tell of a file of the folder before.
fn last_word() -> impl Strategy<Value = Last> {
    prop::sample::select(vec![Last::Vanished, Last::Vanished, Last::Modified, Last::Created])
}

#[derive(Clone, Copy, Debug)]
enum Last {
    Vanished,
    Modified,
    Created,
}

impl Last {
    fn of(self, entry: Entry) -> Event {
        match self {
            Self::Vanished => Event::Vanished(entry),
            Self::Modified => Event::Modified(entry),
            Self::Created => Event::Created(entry),
        }
    }
}

/// How the kernel tells that a zone's folder is another one.
fn swap_event() -> impl Strategy<Value = Event> {
    prop::sample::select(vec![
        Event::Swapped("a.b".into()),
        Event::Root(Cause::Swap),
        Event::Zone(Name::parse("a.b").unwrap(), Cause::Swap),
    ])
}

proptest! {
    /// A folder is put in the place of another, again and again, and the one before is removed at once:
    /// what is told of it, and every listing and reading, may come at any moment.
    #[test]
    fn a_swapped_folder_is_told_without_any_wait_and_loses_nothing(
        rounds in prop::collection::vec(
            (
                (swap_event(), last_word()),
                any::<bool>(),
                prop::collection::vec(0_usize..100, 0..4),
                0_u64..1_500,
            ),
            1..8,
        ),
        draws in prop::collection::vec(prop::collection::vec(0_usize..100, 0..4), 48),
    ) {
        let mut world = World::settled();
        world.put("a.b", "more.toml", "one");
        world.event(Event::Written(entry("a.b", "more.toml")));
        world.pass(Duration::from_secs(30));
        let mut draws = draws.iter().cycle();
        for (number, ((swapped, last), has_more, early, wait)) in rounds.into_iter().enumerate() {
            let before = world.zones["a.b"].0;
            let zone = Name::parse("a.b").unwrap();
            let text = format!("round {number}");
            let files = [("web.toml", &*text), ("more.toml", &*text)];
            world.swap("a.b", if has_more { &files } else { &files[..1] });
            // A listing for another reason sees it before it is told.
            world.event(Event::Zone(zone.clone(), Cause::Changed));
            world.work_slowly(&early);
            world.event(swapped);
            world.work_slowly(draws.next().unwrap());
            for file in ["web.toml", "more.toml"] {
                world.event_in(before, "a.b", last.of(entry("a.b", file)));
                world.work_slowly(draws.next().unwrap());
            }
            world.event_in(before, "a.b", Event::Zone(zone.clone(), Cause::Changed));
            world.event(Event::Root(Cause::Changed));
            while !world.flight.is_empty() {
                world.work_slowly(&[0]);
            }
            let lies = &world.lies()[&zone];
            for (key, told) in &world.told[&zone] {
                prop_assert_eq!(lies.get(key).unwrap_or(told), told);
            }
            prop_assert!(world.told[&zone].len() >= lies.len());
            let gone = |news: &News| matches!(news, News::ZoneGone(_))
                || matches!(news, News::File(entry, _, None) if entry.key.name == "web.toml");
            prop_assert!(!world.news.iter().any(gone));
            world.pass(Duration::from_millis(wait));
        }
        world.pass(Duration::from_secs(2));
        prop_assert_eq!(&world.told, &world.lies());
    }

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
                News::File(_, _, Some(FileContent::Text(text))) => &**text == "half",
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
