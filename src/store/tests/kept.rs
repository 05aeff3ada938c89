//! What was committed is there after a restart, and nothing else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::sync_channel;

use super::{commit, give_orders, opened, put, remove, row, sound, still};
use crate::store::open::{Recover, open};
use crate::store::registrations::{Batch, Durability, Op, Opened, Records, StoreError, Table};

#[test]
fn committed_records_are_there_after_a_restart_in_the_order_of_their_keys() {
    let folder = tempfile::tempdir().unwrap();
    let (store, records) = sound(folder.path());
    assert_eq!(records, Records::default());
    let check = Op::new(Table::Checks, "mem", Some("{}"));
    commit(&store, vec![put("web", r#"{"a":1}"#), put("api", "{}"), check]).unwrap();
    commit(&store, vec![put("web", r#"{"a":2}"#), put("old", "{}"), remove("old")]).unwrap();
    commit(&store, vec![remove("never")]).unwrap();
    drop(store);
    let (_store, records) = sound(folder.path());
    assert_eq!(records.services, [row("api", "{}"), row("web", r#"{"a":2}"#)]);
    assert_eq!(records.checks, [row("mem", "{}")]);
}

#[test]
fn what_is_wanted_soon_is_written_with_the_next_batch_that_is_wanted_now() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = sound(folder.path());
    let (sender, order) = sync_channel(2);
    for durability in [Durability::Soon, Durability::Now] {
        let (sender, ops) = (sender.clone(), vec![Op::new(Table::Beats, "b", Some("1"))]);
        let done = Box::new(move |result: Result<_, _>| {
            sender.send((durability, result.is_ok())).unwrap();
        });
        store.commit(Batch { ops, durability, done });
    }
    // The clock stands still: alone it would wait for ever.
    assert_eq!(order.recv().unwrap(), (Durability::Soon, true));
    assert_eq!(order.recv().unwrap(), (Durability::Now, true));
}

#[test]
fn the_end_writes_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = sound(folder.path());
    let (sender, answer) = sync_channel(1);
    let done = Box::new(move |result: Result<(), _>| sender.send(result.is_ok()).unwrap());
    let ops = vec![Op::new(Table::Beats, "b", Some("1"))];
    store.commit(Batch { ops, durability: Durability::Soon, done });
    drop(store);
    assert!(answer.recv().unwrap());
    assert_eq!(sound(folder.path()).1.beats, [row("b", "1")]);
}

#[test]
fn without_a_directory_everything_is_refused_in_words() {
    let Opened { store, problems, .. } = open(None, Recover::FromExport, still());
    assert_eq!(problems, []);
    let error = commit(&store, vec![put("web", "{}")]).unwrap_err();
    assert!(matches!(error, StoreError::NoDirectory) && error.to_string().contains("directory"));
    assert!(give_orders(&store, &["x"]).is_err());
}

#[test]
fn every_file_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = sound(folder.path());
    commit(&store, vec![put("web", "{}")]).unwrap();
    give_orders(&store, &["x"]).unwrap();
    drop(store);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    let expected = ["orders.1", "orders.2", "registrations.export", "registrations.redb"];
    assert_eq!(names, expected);
}

#[test]
fn registering_and_deregistering_for_ever_does_not_let_the_file_grow() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = sound(folder.path());
    let size = || fs::metadata(folder.path().join("registrations.redb")).unwrap().len();
    let value = format!("\"{}\"", "x".repeat(600));
    let round = |from: u32| {
        let keys: Vec<String> = (from..from + 1000).map(|n| format!("web-{n}")).collect();
        commit(&store, keys.iter().map(|key| put(key, &value)).collect()).unwrap();
        commit(&store, keys.iter().map(|key| remove(key)).collect()).unwrap();
    };
    (0..5).for_each(|n| round(n * 1000));
    let before = size();
    (5..25).for_each(|n| round(n * 1000));
    assert!(size() <= before * 2, "{before} octets, then {}", size());
    drop(store);
    assert!(opened(folder.path()).records.services.is_empty());
}
