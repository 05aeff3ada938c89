//! Damage never stops the start, and nothing that is damaged is lost.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{commit, opened, put, remove, row, sound, still};
use crate::store::open::{Recover, open};
use crate::store::registrations::{Opened, Problem, Records};

fn fill(directory: &Path) {
    let (store, _) = sound(directory);
    let keys: Vec<String> = (0..200).map(|n| format!("web-{n}")).collect();
    let value = format!("\"{}\"", "x".repeat(300));
    commit(&store, keys.iter().map(|key| put(key, &value)).collect()).unwrap();
}

#[test]
fn what_is_no_database_is_renamed_and_told_and_the_store_works() {
    type Make = fn(&Path);
    let make: [(&str, Make); 8] = [
        ("empty", |path| fs::write(path, "").unwrap()),
        ("text", |path| fs::write(path, "registrations\n").unwrap()),
        ("long text", |path| fs::write(path, "x".repeat(1 << 20)).unwrap()),
        ("a directory", |path| fs::create_dir_all(path.join("within")).unwrap()),
        ("a FIFO", |path| mkfifo(path, Mode::S_IRWXU).unwrap()),
        ("a link", |path| symlink("/dev/zero", path).unwrap()),
        ("somebody else's database", |path| drop(redb::Database::create(path).unwrap())),
        ("a truncated one", |path| {
            fill(path.parent().unwrap());
            let file = fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
    ];
    for (what, make) in make {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registrations.redb");
        make(&path);
        let Opened { store, records, problems, .. } = opened(folder.path());
        assert_eq!(records, Records::default(), "{what}");
        let aside = folder.path().join("registrations.damaged-1");
        assert!(
            matches!(&problems[..], [Problem::Damaged { aside: named, .. }] if *named == aside),
            "{what}: {problems:?}"
        );
        assert!(fs::symlink_metadata(&aside).is_ok(), "{what}");
        commit(&store, vec![put("web", "{}")]).unwrap();
        drop(store);
        assert_eq!(sound(folder.path()).1.services, [row("web", "{}")], "{what}");
    }
}

#[test]
fn a_flipped_bit_anywhere_costs_at_most_the_database_and_never_the_start() {
    flip(60);
}

#[test]
#[ignore = "takes a minute"]
fn thousands_of_flipped_bits_cost_at_most_the_database_and_never_the_start() {
    flip(5000);
}

fn flip(count: u32) {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let path = folder.path().join("registrations.redb");
    let (good, records) = (fs::read(&path).unwrap(), sound(folder.path()).1);
    let mut random = fastrand::Rng::with_seed(count.into());
    for _ in 0..count {
        let folder = tempfile::tempdir().unwrap();
        let mut octets = good.clone();
        let at = if random.bool() { random.usize(..4096) } else { random.usize(..octets.len()) };
        octets[at] ^= 1 << random.u8(..8);
        fs::write(folder.path().join("registrations.redb"), octets).unwrap();
        let Opened { records: found, problems, .. } = opened(folder.path());
        let is_damaged = matches!(problems[..], [Problem::Damaged { .. }]);
        assert!(is_damaged || (problems.is_empty() && found == records), "{at}: {problems:?}");
    }
}

#[test]
fn a_record_that_is_no_json_stays_where_it_is_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = sound(folder.path());
    commit(&store, vec![put("bad", "{"), put("web", "{}")]).unwrap();
    drop(store);
    let Opened { records, problems, .. } = opened(folder.path());
    assert_eq!(records.services, [row("web", "{}")]);
    assert!(matches!(problems[..], [Problem::Unreadable { unreadable: 1, .. }]), "{problems:?}");
}

#[test]
fn the_last_export_is_kept_until_it_is_asked_for_and_loaded_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registrations.redb");
    let (store, _) = sound(folder.path());
    commit(&store, vec![put("api", r#"{"a": [1, 2.50]}"#), put("web", "{}")]).unwrap();
    drop(store);
    fs::write(&path, "damaged").unwrap();
    // Damage, then life goes on, and with it the exports.
    let Opened { store, .. } = opened(folder.path());
    commit(&store, vec![put("web", r#"{"new":true}"#)]).unwrap();
    drop(store);
    let recovered = || open(Some(folder.path()), Recover::FromExport, still());
    let Opened { store, records, problems, .. } = recovered();
    let expected = [row("api", r#"{"a": [1, 2.50]}"#), row("web", r#"{"new":true}"#)];
    assert_eq!(records.services, expected, "what is there wins");
    assert!(matches!(problems[..], [Problem::Recovered { records: 1, .. }]), "{problems:?}");
    commit(&store, vec![remove("api")]).unwrap();
    drop(store);
    let Opened { records, problems, .. } = recovered();
    assert_eq!(records.services, [row("web", r#"{"new":true}"#)], "never a second time");
    assert_eq!(problems, [Problem::NothingToRecover]);
}

#[test]
fn a_database_that_is_gone_is_told_and_its_export_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path());
    let records = sound(folder.path()).1;
    fs::remove_file(folder.path().join("registrations.redb")).unwrap();
    let Opened { problems, .. } = opened(folder.path());
    assert!(matches!(problems[..], [Problem::Lost { .. }]), "{problems:?}");
    assert_eq!(open(Some(folder.path()), Recover::FromExport, still()).records, records);
}
