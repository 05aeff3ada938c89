//! What the tracker promises of folders that go, or take the place of others.

use crate::model::name::Name;
use crate::sources::files::protocol::{Event, News};
use crate::sources::files::tracker_tests::{A_SECOND, SHORTLY, World, entry};
use crate::sources::files::zone::Cause;

#[test]
fn a_swapped_folder_is_read_at_once() {
    let mut world = World::settled();
    world.zones.remove("a.b");
    world.make_zone("a.b");
    world.put("a.b", "web.toml", "two");
    world.event(Event::Root(Cause::Swap));
    world.work();
    assert_eq!(world.told, world.lies());
}

/// The old folder is removed at once, and the kernel tells of its files while the new one is listed.
#[test]
fn a_file_that_goes_with_the_folder_before_is_read_in_the_new_one_at_once() {
    let mut world = World::settled();
    let before = world.zones["a.b"].0;
    world.swap("a.b", &[("web.toml", "two")]);
    world.event(Event::Swapped("a.b".into()));
    for _ in 0..2 {
        let task = world.tracker.task(world.now.mono).unwrap();
        let found = world.look(&task);
        world.event_in(before, "a.b", Event::Vanished(entry("a.b", "web.toml")));
        world.deliver((task, found, world.now));
    }
    world.work();
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_swap_that_a_listing_saw_before_it_was_told_is_read_when_it_is_told() {
    let mut world = World::settled();
    world.swap("a.b", &[("web.toml", "two")]);
    world.event(Event::Zone(Name::parse("a.b").unwrap(), Cause::Changed));
    world.work();
    assert_eq!(world.news, [], "nothing has told that it is complete");
    world.event(Event::Swapped("a.b".into()));
    world.work();
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_swap_of_one_zone_says_nothing_of_another_that_is_being_filled() {
    let mut world = World::settled();
    world.make_zone("c.d");
    world.put("c.d", "web.toml", "half");
    world.event(Event::Root(Cause::Changed));
    world.work();
    world.swap("a.b", &[("web.toml", "two")]);
    world.event(Event::Swapped("a.b".into()));
    world.work();
    assert_eq!(world.news.len(), 2, "{:?}", world.news);
    world.put("c.d", "web.toml", "whole");
    world.event(Event::Written(entry("c.d", "web.toml")));
    world.work();
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_file_that_the_new_folder_lacks_is_gone_after_a_second() {
    let mut world = World::settled();
    let before = world.zones["a.b"].0;
    world.swap("a.b", &[("other.toml", "two")]);
    world.event(Event::Swapped("a.b".into()));
    world.event_in(before, "a.b", Event::Vanished(entry("a.b", "web.toml")));
    world.pass(SHORTLY);
    assert_eq!(world.told[&Name::parse("a.b").unwrap()].len(), 2);
    world.pass(A_SECOND);
    assert_eq!(world.told, world.lies());
}

#[test]
fn a_zone_that_goes_is_one_piece_of_news_and_a_second_late() {
    let mut world = World::settled();
    world.zones.clear();
    world.event(Event::Vanished(entry("a.b", "web.toml")));
    world.event(Event::Root(Cause::Changed));
    world.pass(SHORTLY);
    assert_eq!(world.news, []);
    world.pass(A_SECOND);
    assert_eq!(world.news, [News::ZoneGone(Name::parse("a.b").unwrap())]);
}
