//! No room: what is refused is refused in words, never appears, and all goes on when there is room.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};

use super::{CHILD, child, commit, give_orders, opened, put, remove, row, sound, still};
use crate::store::database::Database;
use crate::store::export::Exporter;
use crate::store::orders::Orders;
use crate::store::registrations::{Batch, Durability, Message, Opened, Problem, StoreError};
use crate::store::writer::Writer;

const NAME: &str = "store::tests::full::a_child_runs_out_of_room";

/// Files of this process end here: writing beyond fails as on a full disk.
fn limit(octets: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    setrlimit(Resource::RLIMIT_FSIZE, octets, hard).unwrap();
}

#[test]
#[ignore = "a child of other tests"]
fn a_child_runs_out_of_room() {
    let Ok(directory) = std::env::var(CHILD) else { return };
    let directory = Path::new(&directory);
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGXFSZ);
    signals.thread_block().unwrap();
    let value = format!("\"{}\"", "x".repeat(20_000));
    let (store, _) = sound(directory);
    commit(&store, vec![put("first", &value)]).unwrap();
    let mut expected = vec!["first".to_owned()];
    for round in 0..5 {
        limit(fs::metadata(directory.join("registrations.redb")).unwrap().len());
        let mut refused = None;
        for number in 0..2000 {
            let key = format!("{round}-{number}");
            match commit(&store, vec![put(&key, &value)]) {
                Ok(()) => expected.push(key),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        let Some(StoreError::Write { why, .. }) = refused else { panic!("{refused:?}") };
        assert!(why.contains("File too large"), "{why}");
        limit(10);
        give_orders(&store, &["an order that does not fit"]).unwrap_err();
        limit(1 << 40);
        commit(&store, vec![put(&format!("{round}-after"), &value)]).unwrap();
        expected.push(format!("{round}-after"));
        give_orders(&store, &["fits"]).unwrap();
    }
    drop(store);
    starts_without_room(directory, expected.len());
    let found: Vec<_> = sound(directory).1.services.into_iter().map(|(key, _)| key).collect();
    expected.sort();
    assert_eq!(found, expected);
    println!("\nall went on");
}

/// All is read, writing is refused, and goes on when there is room.
fn starts_without_room(directory: &Path, count: usize) {
    limit(10);
    let Opened { store, records, problems, .. } = opened(directory);
    assert_eq!(records.services.len(), count);
    assert!(matches!(problems[..], [Problem::Write { .. }]), "{problems:?}");
    let error = commit(&store, vec![put("never", "{}")]).unwrap_err().to_string();
    assert!(error.contains("File too large"), "{error}");
    limit(1 << 40);
    commit(&store, vec![remove("never")]).unwrap();
}

/// Fills what is left of a file system, twice.
#[test]
#[ignore = "needs a small file system: mount -t tmpfs -o size=8m none DIR; \
            TEST_OF_THE_STORE=DIR cargo test --lib -- --ignored small_file_system"]
fn a_full_small_file_system_refuses_and_goes_on() {
    let Ok(directory) = std::env::var(CHILD) else { return };
    let directory = Path::new(&directory);
    let (store, _) = sound(directory);
    let value = format!("\"{}\"", "x".repeat(20_000));
    let mut expected = vec!["first".to_owned()];
    commit(&store, vec![put("first", &value)]).unwrap();
    for round in 0..2 {
        let ballast = directory.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        drop(file);
        let mut refused = 0;
        for number in 0..100 {
            let key = format!("{round}-{number}");
            match commit(&store, vec![put(&key, &value)]) {
                Ok(()) => expected.push(key),
                Err(error) => {
                    assert!(error.to_string().contains("No space left"), "{error}");
                    refused += 1;
                }
            }
        }
        assert!(refused > 0);
        give_orders(&store, &[&value]).unwrap_err();
        fs::remove_file(&ballast).unwrap();
        commit(&store, vec![put(&format!("{round}-after"), &value)]).unwrap();
        expected.push(format!("{round}-after"));
    }
    drop(store);
    let found: Vec<_> = sound(directory).1.services.into_iter().map(|(key, _)| key).collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn what_a_failed_batch_left_is_undone_before_anything_else_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    // As an error of the last fsync leaves it: refused, and in the file.
    let before = [put("changed", "\"old\""), put("removed", "\"old\"")];
    let refused = [put("changed", "1"), remove("removed"), put("new", "1"), put("changed", "2")];
    let mut owed = Vec::new();
    let database = Database::create(&path).unwrap();
    database.apply(&before.iter().collect::<Vec<_>>(), &mut Vec::new()).unwrap();
    database.apply(&refused.iter().collect::<Vec<_>>(), &mut owed).unwrap();
    drop(database);
    owed.reverse();
    let exporter = Exporter::new(folder.path().join("export"));
    let orders = Orders::open(folder.path(), &mut Vec::new()).0;
    let (sender, queue) = sync_channel(1);
    let (answer, answered) = sync_channel(1);
    let done = Box::new(move |result| answer.send(result).unwrap());
    let batch = Batch { ops: vec![put("next", "1")], durability: Durability::Now, done };
    sender.send(Message::Commit(batch)).unwrap();
    drop(sender);
    let (database, existed, clock, waiting, due) = (None, true, still(), Vec::new(), None);
    let writer = Writer {
        path: path.clone(),
        database,
        existed,
        owed,
        orders,
        exporter,
        clock,
        waiting,
        due,
    };
    writer.run(&queue);
    answered.recv().unwrap().unwrap();
    let records = Database::open(&path).unwrap().load().unwrap().records;
    let old = |key| row(key, "\"old\"");
    assert_eq!(records.services, [old("changed"), row("next", "1"), old("removed")]);
}

#[test]
fn what_finds_no_room_never_appears_and_all_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let output = child(NAME, &folder.path().display().to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("all went on"), "{output:?}");
}
