//! How many registrations a second the store keeps, and how long a start with many of them takes.
//!
//! `cargo bench --bench store [-- DIRECTORY]`: the directory decides which disk is measured; without it,
//! `target`.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "a benchmark")]
#![expect(clippy::print_stdout, reason = "its output")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use livezone::server::clock;
use livezone::store::open::{Recover, open};
use livezone::store::registrations::{Batch, Durability, Op, Opened, Store, Table};

/// Clients that each wait for an answer before they register again.
const WRITERS: [usize; 3] = [1, 16, 64];
const EACH: Duration = Duration::from_secs(5);
const RECORDS: usize = 100_000;

fn main() {
    let parent = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parent = PathBuf::from(parent.unwrap_or_else(|| "target".to_owned()));
    let folder = tempfile::tempdir_in(parent).unwrap();
    let directory = folder.path();
    let Opened { store, problems, .. } = opened(directory);
    assert!(problems.is_empty(), "{problems:?}");
    for writers in WRITERS {
        let began = Instant::now();
        let count = sustained(&store, writers, began);
        let rate = count / usize::try_from(began.elapsed().as_secs()).unwrap();
        println!("{writers:>3} writers: {rate} registrations/s");
    }
    drop(store);
    for name in ["registrations.redb", "registrations.export"] {
        fs::remove_file(directory.join(name)).unwrap();
    }
    fill(&opened(directory).store);
    load("after a clean end", directory);
    // As kill -9 leaves it: the file while the store has it open.
    let (held, path) = (opened(directory).store, directory.join("registrations.redb"));
    commit(&held, vec![registration(0)]);
    let killed = tempfile::tempdir_in(directory).unwrap();
    fs::copy(&path, killed.path().join("registrations.redb")).unwrap();
    load("after kill -9", killed.path());
}

fn opened(directory: &Path) -> Opened {
    open(Some(directory), Recover::No, clock::start())
}

/// As large as one of a usual client with an HTTP check.
fn registration(number: usize) -> Op {
    let value = format!(
        r#"{{"id":"web-{number}","name":"web","tags":["v1","http"],"address":"10.1.2.3","port":8080,"meta":{{"version":"1.2.3","zone":"eu-1a"}},"tagged_addresses":{{}},"weights":{{"passing":1,"warning":1}},"enable_tag_override":false,"checks":[{{"id":"service:web-{number}","name":"Service 'web' check","notes":"","definition":{{"HTTP":"http://10.1.2.3:8080/health","Interval":"10s","Timeout":"2s","DeregisterCriticalServiceAfter":"10m"}},"status":"critical"}}]}}"#
    );
    let key = format!("web-{number}").into();
    Op::Put { table: Table::Services, key, value: value.into() }
}

fn commit(store: &Store, ops: Vec<Op>) {
    let (sender, answer) = sync_channel(1);
    let done = Box::new(move |result| sender.send(result).unwrap());
    store.commit(Batch { ops, durability: Durability::Now, done });
    answer.recv().unwrap().unwrap();
}

/// How many registrations were answered.
fn sustained(store: &Store, writers: usize, began: Instant) -> usize {
    let one = |writer: usize| {
        let mut count = 0;
        while began.elapsed() < EACH {
            commit(store, vec![registration(writer * 1_000_000 + count)]);
            count += 1;
        }
        count
    };
    thread::scope(|scope| {
        let writers: Vec<_> = (0..writers).map(|writer| scope.spawn(move || one(writer))).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    })
}

fn fill(store: &Store) {
    for first in (0..RECORDS).step_by(1000) {
        commit(store, (first..first + 1000).map(registration).collect());
    }
}

fn load(when: &str, directory: &Path) {
    let size = fs::metadata(directory.join("registrations.redb")).unwrap().len() >> 20;
    let began = Instant::now();
    let Opened { store, records, problems, .. } = opened(directory);
    let took = began.elapsed();
    assert!(problems.is_empty() && records.services.len() == RECORDS, "{problems:?}");
    println!("{RECORDS} records ({size} MiB) opened {when}: {took:?}");
    drop(store);
}
