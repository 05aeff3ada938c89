//! What lies in the folders and is no file that can be read.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::Ordering;

use nix::sys::stat::Mode;

use crate::diagnostic::Severity;
use crate::sources::files::watch_rig::Rig;

#[test]
fn what_is_no_regular_file_is_passed_over_without_waiting() {
    let mut rig = Rig::new();
    let zone = rig.zone();
    nix::unistd::mkfifo(&zone.join("fifo.toml"), Mode::S_IRWXU).unwrap();
    symlink("fifo.toml", zone.join("to-fifo.toml")).unwrap();
    symlink("/dev/zero", zone.join("zero.toml")).unwrap();
    symlink("nowhere", zone.join("dangling.toml")).unwrap();
    fs::create_dir(zone.join("folder.toml")).unwrap();
    rig.handle.rescan();
    rig.later(|rig| rig.clock.load(Ordering::SeqCst) > 30_000);
    rig.pass_marker("here");
    assert_eq!(rig.told.len(), 2, "{:?}", rig.told);
    assert!(rig.complaints.is_empty());
}

#[test]
fn a_link_in_a_circle_and_a_file_that_cannot_be_read_are_errors_of_their_own() {
    let mut rig = Rig::new();
    let zone = rig.zone();
    symlink("loop.toml", zone.join("loop.toml")).unwrap();
    // A regular file that cannot be read, whoever asks.
    symlink("/proc/self/mem", zone.join("closed.toml")).unwrap();
    rig.later(|rig| rig.complaints.len() >= 2);
    rig.pass_marker("here");
    let of = |name: &str| rig.complaints.iter().any(|c| *c.path == zone.join(name));
    assert!(of("loop.toml") && of("closed.toml"), "{:?}", rig.complaints);
    assert!(rig.says("a.b/web.toml", "one"));
}

#[test]
fn a_file_may_turn_into_a_folder_and_back() {
    let mut rig = Rig::new();
    let file = rig.zone().join("web.toml");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    rig.later(|rig| !rig.told.contains_key("a.b/web.toml"));
    fs::remove_dir(&file).unwrap();
    fs::write(&file, "two").unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
}

#[test]
fn what_is_wrong_with_folders_is_told_and_taken_back() {
    let mut rig = Rig::new();
    let (stranger, circle) = (rig.zones_dir.join("not a name"), rig.zones_dir.join("c.d"));
    fs::create_dir(&stranger).unwrap();
    symlink("c.d", &circle).unwrap();
    rig.later(|rig| rig.troubles.len() == 2);
    let paths: Vec<&Path> = rig.troubles.iter().map(|trouble| &*trouble.path).collect();
    assert_eq!(paths, [circle.as_path(), stranger.as_path()]);
    fs::remove_dir(&stranger).unwrap();
    fs::remove_file(&circle).unwrap();
    rig.later(|rig| rig.troubles.is_empty());
    assert!(rig.says("a.b/web.toml", "one"));
}

#[test]
fn a_file_that_is_not_utf_8_is_refused_with_its_name() {
    let mut rig = Rig::new();
    fs::write(rig.zone().join("web.toml"), b"one\xff").unwrap();
    rig.at_once(|rig| !rig.complaints.is_empty());
    let complaint = &rig.complaints[0];
    assert_eq!(complaint.severity, Severity::Error);
    assert_eq!(&*complaint.path, rig.zone().join("web.toml"));
    assert!(rig.says("a.b/web.toml", "one"));
    fs::write(rig.zone().join("web.toml"), "two").unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "two"));
}

#[test]
fn a_file_that_is_too_large_is_refused_unread() {
    let mut rig = Rig::new();
    let file = File::create(rig.zone().join("web.toml")).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    drop(file);
    rig.at_once(|rig| !rig.complaints.is_empty());
    assert_eq!(rig.complaints[0].message, "this file is larger than 64 MiB");
}
