//! What the files of this folder share.

mod crash;
mod damaged;
mod exported;
mod full;
mod kept;
mod orders;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use crate::model::time::{Clock, Now};
use crate::store::open::{Recover, open};
use crate::store::registrations::{
    Batch, Durability, Op, Opened, Records, Store, StoreError, Table,
};

fn still() -> Clock {
    Arc::new(Now::default)
}

fn opened(directory: &Path) -> Opened {
    open(Some(directory), Recover::No, still())
}

/// Where nothing may be wrong.
fn sound(directory: &Path) -> (Store, Records) {
    let Opened { store, records, problems, .. } = opened(directory);
    assert_eq!(problems, []);
    (store, records)
}

fn put(key: &str, value: &str) -> Op {
    Op::new(Table::Services, key, Some(value))
}

fn remove(key: &str) -> Op {
    Op::new(Table::Services, key, None)
}

/// Waits for the answer.
fn commit(store: &Store, ops: Vec<Op>) -> Result<(), StoreError> {
    let (sender, answer) = sync_channel(1);
    let done = Box::new(move |result| sender.send(result).unwrap());
    store.commit(Batch { ops, durability: Durability::Now, done });
    answer.recv().unwrap()
}

fn give_orders(store: &Store, lines: &[&str]) -> Result<(), StoreError> {
    let (sender, answer) = sync_channel(1);
    let lines = lines.iter().map(ToString::to_string).collect();
    store.orders(lines, Box::new(move |result| sender.send(result).unwrap()));
    answer.recv().unwrap()
}

fn row(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// What tells a child of a test from a run of all ignored tests.
const CHILD: &str = "TEST_OF_THE_STORE";

/// This program again, running the one ignored test `name` with `argument`.
fn child(name: &str, argument: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", name]).env(CHILD, argument);
    command.stdout(Stdio::piped());
    command
}
