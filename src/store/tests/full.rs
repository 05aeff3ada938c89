//! No room: what is refused is refused in words, never appears, and all goes on when there is room.

use std::fs;
use std::path::Path;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, Signal};

use super::{CHILD, child, commit, give_orders, put, sound};
use crate::store::registrations::StoreError;

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
    let found: Vec<_> = sound(directory).1.services.into_iter().map(|(key, _)| key).collect();
    expected.sort();
    assert_eq!(found, expected);
    println!("\nall went on");
}

#[test]
fn what_finds_no_room_never_appears_and_all_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let output = child(NAME, &folder.path().display().to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("all went on"), "{output:?}");
}
