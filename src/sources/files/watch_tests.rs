//! What the source promises, on real folders.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use crate::model::name::Name;
use crate::model::time::Now;
use crate::sources::Change;
use crate::sources::files::watch::{ScanError, load};

use crate::sources::files::watch_rig::{AT_ONCE, Rig, ZONE, options, reading};

#[test]
fn the_first_scan_tells_each_zone_then_zone_toml_then_files_by_path() {
    let top = tempfile::tempdir().unwrap();
    for (zone, file, text) in [
        ("c.d", "a.toml", "c"),
        ("a.b", "B.toml", "b"),
        ("a.b", "a.toml", "a"),
        ("a.b", "zone.toml", "bad"),
    ] {
        fs::create_dir_all(top.path().join(zone)).unwrap();
        fs::write(top.path().join(zone).join(file), text).unwrap();
    }
    fs::create_dir(top.path().join("not a name")).unwrap();
    let (_, changes) = load(options(top.path()), Now::default()).unwrap();
    let line = |change: &Change| match change {
        Change::Zone(_, settings) => settings.apex.to_string(),
        Change::ZoneGone(_, name) => panic!("{name}"),
        Change::Put(file) => {
            file.id.path().unwrap().file_name().unwrap().to_str().unwrap().to_owned()
        }
        Change::Gone(id) => panic!("{id:?}"),
        Change::Synced(origin) => format!("all {}", origin.word()),
        Change::Troubles(_, troubles) => troubles[0].path.to_str().unwrap().to_owned(),
    };
    let lines: Vec<String> = changes.iter().map(line).collect();
    let stranger = top.path().join("not a name");
    let stranger = stranger.to_str().unwrap();
    assert_eq!(
        lines,
        ["a.b.", "zone.toml", "B.toml", "a.toml", "c.d.", "a.toml", stranger, "all files"]
    );
}

#[test]
fn without_zones_dir_there_is_nothing_to_load() {
    let top = tempfile::tempdir().unwrap();
    let ScanError::ZonesDir { path, .. } =
        load(options(&top.path().join("zones")), Now::default()).unwrap_err();
    assert_eq!(path, top.path().join("zones"));
}

#[test]
fn what_happens_between_the_first_scan_and_the_watching_is_not_lost() {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir(top.path().join(ZONE)).unwrap();
    let (source, _) = load(options(top.path()), Now::default()).unwrap();
    fs::write(top.path().join(ZONE).join("web.toml"), "one").unwrap();
    let (sender, changes) = channel();
    let clock = AtomicU64::new(0);
    // Every look at the clock finds a tenth of a second gone.
    let ticking = move || {
        clock.fetch_add(100, Ordering::SeqCst);
        reading(&clock)
    };
    let handle = source.watch(ticking, move |batch| sender.send(batch).unwrap()).unwrap();
    assert_eq!(changes.recv_timeout(AT_ONCE).unwrap().len(), 1);
    handle.join().unwrap();
}

#[test]
fn an_editor_that_renames_a_backup_away_and_writes_anew_is_one_change() {
    let mut rig = Rig::new();
    let zone = rig.zone();
    fs::write(zone.join("4913"), "").unwrap();
    fs::remove_file(zone.join("4913")).unwrap();
    fs::rename(zone.join("web.toml"), zone.join("web.toml~")).unwrap();
    fs::write(zone.join("web.toml"), "two").unwrap();
    fs::remove_file(zone.join("web.toml~")).unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
    assert_eq!(rig.told.len(), 1);
}

#[test]
fn a_file_renamed_or_linked_into_place_is_told_at_once() {
    let mut rig = Rig::new();
    let zone = rig.zone();
    fs::write(zone.join(".new"), "two").unwrap();
    fs::rename(zone.join(".new"), zone.join("web.toml")).unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
    let outside = rig.top.path().join("outside");
    fs::write(&outside, "three").unwrap();
    fs::hard_link(&outside, zone.join("hard.toml")).unwrap();
    rig.at_once(|rig| rig.says("a.b/hard.toml", "three"));
    symlink(&outside, zone.join("soft.toml")).unwrap();
    rig.at_once(|rig| rig.says("a.b/soft.toml", "three"));
    fs::write(&outside, "four").unwrap();
    rig.at_once(|rig| rig.says("a.b/soft.toml", "four"));
}

#[test]
fn a_half_written_file_is_not_read_until_it_is_closed() {
    let mut rig = Rig::new();
    let mut file = File::create(rig.zone().join("web.toml")).unwrap();
    file.write_all(b"ha").unwrap();
    file.sync_all().unwrap();
    rig.pass_marker("first");
    rig.clock.fetch_add(30_000, Ordering::SeqCst);
    rig.handle.rescan();
    rig.pass_marker("second");
    assert!(rig.says("a.b/web.toml", "one"));
    file.write_all(b"lf").unwrap();
    drop(file);
    rig.at_once(|rig| !rig.says("a.b/web.toml", "one"));
    assert!(rig.says("a.b/web.toml", "half"));
}

#[test]
fn a_changed_included_file_tells_those_that_may_include_it_anew() {
    let mut rig = Rig::new();
    let part = rig.zone().join("part.inc");
    fs::write(rig.zone().join("main.zone"), "$INCLUDE ").unwrap();
    fs::write(rig.zone().join("other.zone"), "other").unwrap();
    rig.at_once(|rig| rig.says("a.b/main.zone", "$INCLUDE "));
    fs::write(&part, "one").unwrap();
    rig.at_once(|rig| rig.says("a.b/main.zone", "$INCLUDE one"));
    fs::write(&part, "two").unwrap();
    rig.at_once(|rig| rig.says("a.b/main.zone", "$INCLUDE two"));
    fs::remove_file(&part).unwrap();
    rig.later(|rig| rig.says("a.b/main.zone", "$INCLUDE "));
    assert!(rig.says("a.b/other.zone", "other") && !rig.told.contains_key("a.b/part.inc"));
}

#[test]
fn an_empty_file_is_read_when_it_kept_still_for_a_second() {
    let mut rig = Rig::new();
    fs::write(rig.zone().join("web.toml"), "").unwrap();
    rig.pass_marker("here");
    assert!(rig.says("a.b/web.toml", "one"));
    rig.later(|rig| rig.says("a.b/web.toml", ""));
}

#[test]
fn a_file_that_vanishes_is_taken_out_a_second_later() {
    let mut rig = Rig::new();
    fs::remove_file(rig.zone().join("web.toml")).unwrap();
    rig.pass_marker("here");
    assert!(rig.says("a.b/web.toml", "one"));
    rig.later(|rig| !rig.told.contains_key("a.b/web.toml"));
}

#[test]
fn a_zone_folder_made_anew_never_was_away() {
    let mut rig = Rig::new();
    for round in 0..3 {
        let text = format!("round {round}");
        fs::remove_dir_all(rig.zone()).unwrap();
        fs::create_dir(rig.zone()).unwrap();
        fs::write(rig.zone().join("web.toml"), &text).unwrap();
        rig.later(|rig| rig.says("a.b/web.toml", &text));
        // Its watch is in place again.
        rig.pass_marker(&text);
    }
    assert_eq!(rig.gone, []);
}

#[test]
fn a_zone_folder_renamed_into_place_is_told_at_once_and_one_renamed_away_a_second_later() {
    let mut rig = Rig::new();
    let aside = rig.top.path().join("aside");
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("web.toml"), "moved").unwrap();
    fs::rename(&aside, rig.zones_dir.join("c.d")).unwrap();
    rig.at_once(|rig| rig.says("c.d/web.toml", "moved"));
    fs::rename(rig.zones_dir.join("c.d"), &aside).unwrap();
    rig.later(|rig| rig.gone == [Name::parse("c.d").unwrap()]);
}

/// Points `link` to `target` in one step.
fn swap(target: &str, link: &Path) {
    let new = link.with_file_name("..new");
    symlink(target, &new).unwrap();
    fs::rename(&new, link).unwrap();
}

#[test]
fn a_config_map_in_a_zone_is_told_at_once_when_its_link_is_swapped() {
    let top = tempfile::tempdir().unwrap();
    let zone = top.path().join("zones").join(ZONE);
    for version in ["one", "two", "three"] {
        fs::create_dir_all(zone.join(format!("..{version}"))).unwrap();
        fs::write(zone.join(format!("..{version}/web.toml")), version).unwrap();
    }
    symlink("..one", zone.join("..data")).unwrap();
    symlink("..data/web.toml", zone.join("web.toml")).unwrap();
    let mut rig = Rig::watching(top, "zones", 4096);
    assert!(rig.says("a.b/web.toml", "one"));
    swap("..two", &zone.join("..data"));
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
    fs::remove_dir_all(zone.join("..one")).unwrap();
    swap("..three", &zone.join("..data"));
    rig.at_once(|rig| rig.says("a.b/web.toml", "three"));
}

#[test]
fn a_config_map_that_is_zones_dir_is_told_at_once_too() {
    let top = tempfile::tempdir().unwrap();
    let zones = top.path().join("zones");
    for version in ["one", "two", "three"] {
        fs::create_dir_all(zones.join(format!("..{version}/a.b"))).unwrap();
        fs::write(zones.join(format!("..{version}/a.b/web.toml")), version).unwrap();
    }
    symlink("..one", zones.join("..data")).unwrap();
    symlink("..data/a.b", zones.join("a.b")).unwrap();
    let mut rig = Rig::watching(top, "zones", 4096);
    for version in ["two", "three"] {
        swap(&format!("..{version}"), &zones.join("..data"));
        rig.at_once(|rig| rig.says("a.b/web.toml", version));
    }
}

/// As git-sync does it: a folder for each version, of which the one before is removed at once.
#[test]
fn a_linked_zone_folder_is_told_at_once_when_its_old_tree_is_removed() {
    let top = tempfile::tempdir().unwrap();
    let version = |n: usize| {
        let folder = top.path().join(format!("rev{n}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("web.toml"), n.to_string()).unwrap();
        fs::write(folder.join("same.toml"), "same").unwrap();
        folder
    };
    let mut before = version(0);
    fs::create_dir(top.path().join("zones")).unwrap();
    symlink("../rev0", top.path().join("zones").join(ZONE)).unwrap();
    let versions: Vec<_> = (1..30).map(version).collect();
    let mut rig = Rig::watching(top, "zones", 4096);
    for (n, folder) in (1..30).zip(versions) {
        swap(&format!("../rev{n}"), &rig.zone());
        fs::remove_dir_all(std::mem::replace(&mut before, folder)).unwrap();
        rig.at_once(|rig| rig.says("a.b/web.toml", &n.to_string()));
        assert!(rig.says("a.b/same.toml", "same"), "{n}");
    }
    assert_eq!(rig.gone, []);
}

#[test]
fn a_link_on_the_way_to_a_zone_folder_is_followed_when_it_is_swapped() {
    let top = tempfile::tempdir().unwrap();
    for version in ["one", "two", "three"] {
        let folder = top.path().join("repo").join(version);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("web.toml"), version).unwrap();
    }
    fs::create_dir(top.path().join("zones")).unwrap();
    symlink("one", top.path().join("repo/current")).unwrap();
    symlink("../repo/current", top.path().join("zones").join(ZONE)).unwrap();
    let mut rig = Rig::watching(top, "zones", 4096);
    let repo = rig.top.path().join("repo");
    for (before, version) in [("one", "two"), ("two", "three")] {
        swap(version, &repo.join("current"));
        rig.at_once(|rig| rig.says("a.b/web.toml", version));
        fs::remove_dir_all(repo.join(before)).unwrap();
    }
    // The end of the way, too: a folder renamed into its place.
    fs::create_dir(repo.join("new")).unwrap();
    fs::write(repo.join("new/web.toml"), "four").unwrap();
    fs::rename(repo.join("three"), repo.join("old")).unwrap();
    fs::rename(repo.join("new"), repo.join("three")).unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "four"));
    assert_eq!(rig.gone, []);
}

#[test]
fn a_link_on_the_way_to_a_file_is_followed_when_it_is_swapped() {
    let top = tempfile::tempdir().unwrap();
    for version in ["one", "two"] {
        fs::create_dir_all(top.path().join("shared").join(version)).unwrap();
        fs::write(top.path().join("shared").join(version).join("x"), version).unwrap();
    }
    fs::create_dir_all(top.path().join("zones").join(ZONE)).unwrap();
    symlink("one", top.path().join("shared/current")).unwrap();
    let link = top.path().join("zones").join(ZONE).join("web.toml");
    symlink("../../shared/current/x", link).unwrap();
    let mut rig = Rig::watching(top, "zones", 4096);
    assert!(rig.says("a.b/web.toml", "one"));
    let shared = rig.top.path().join("shared");
    swap("two", &shared.join("current"));
    fs::remove_dir_all(shared.join("one")).unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
}

#[test]
fn a_zone_folder_renamed_into_the_place_of_another_is_told_at_once() {
    let mut rig = Rig::new();
    for n in 0..10 {
        let text = format!("version {n}");
        let [new, old] = ["new", "old"].map(|name| rig.top.path().join(name));
        fs::create_dir(&new).unwrap();
        fs::write(new.join("web.toml"), &text).unwrap();
        fs::rename(rig.zone(), &old).unwrap();
        fs::rename(&new, rig.zone()).unwrap();
        fs::remove_dir_all(&old).unwrap();
        rig.at_once(|rig| rig.says("a.b/web.toml", &text));
    }
    assert_eq!(rig.gone, []);
}

#[test]
fn what_a_swapped_folder_lacks_is_taken_out_a_second_later() {
    let top = tempfile::tempdir().unwrap();
    for (version, file) in [("one", "web.toml"), ("two", "other.toml")] {
        fs::create_dir(top.path().join(version)).unwrap();
        fs::write(top.path().join(version).join(file), version).unwrap();
    }
    fs::create_dir(top.path().join("zones")).unwrap();
    symlink("../one", top.path().join("zones").join(ZONE)).unwrap();
    let mut rig = Rig::watching(top, "zones", 4096);
    swap("../two", &rig.zone());
    fs::remove_dir_all(rig.top.path().join("one")).unwrap();
    rig.at_once(|rig| rig.says("a.b/other.toml", "two"));
    assert!(rig.says("a.b/web.toml", "one"));
    rig.later(|rig| rig.told.len() == 1);
}

#[test]
fn zones_dir_behind_a_link_follows_the_swap_and_is_watched_again() {
    let top = tempfile::tempdir().unwrap();
    for version in ["one", "two"] {
        let zone = top.path().join(format!("{version}/etc/zones/a.b"));
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("web.toml"), version).unwrap();
    }
    symlink("one", top.path().join("current")).unwrap();
    symlink("current/etc/zones", top.path().join("zones")).unwrap();
    let mut rig = Rig::watching(top, "zones", 4096);
    swap("two", &rig.top.path().join("current"));
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
    fs::write(rig.top.path().join("two/etc/zones/a.b/web.toml"), "edited").unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "edited"));
    // Nobody listens to what was swapped out.
    fs::write(rig.top.path().join("one/etc/zones/a.b/old.toml"), "old").unwrap();
    rig.pass_marker("here");
    assert!(!rig.told.contains_key("a.b/old.toml"));
    swap("one/etc/zones", &rig.top.path().join("zones"));
    rig.at_once(|rig| rig.says("a.b/web.toml", "one"));
    assert_eq!(rig.gone, []);
}

#[test]
fn zones_dir_removed_and_made_again_loses_nothing() {
    let mut rig = Rig::new();
    fs::remove_dir_all(&rig.zones_dir).unwrap();
    rig.handle.rescan();
    rig.clock.fetch_add(30_000, Ordering::SeqCst);
    fs::create_dir_all(rig.zone()).unwrap();
    fs::write(rig.zone().join("web.toml"), "two").unwrap();
    rig.later(|rig| rig.says("a.b/web.toml", "two"));
    rig.pass_marker("here");
    assert_eq!(rig.gone, []);
}

#[test]
fn the_thread_ends_when_it_is_told_to() {
    let rig = Rig::new();
    rig.handle.stop();
    rig.handle.join().unwrap();
    assert!(rig.changes.recv_timeout(AT_ONCE).is_err());
}
