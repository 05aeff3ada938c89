//! `kill -9` at any instant: what was acknowledged is there, and no batch is there in half.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::{CHILD, child, commit, put, remove, sound};
use crate::store::registrations::{Op, Records};

const NAME: &str = "store::tests::crash::a_child_commits_until_it_is_killed";

/// The `number`th batch: the same for parent and child.
fn batch(number: u64) -> Vec<Op> {
    let mut random = fastrand::Rng::with_seed(number);
    let mut op = || {
        let key = format!("web-{}", random.u8(..60));
        let padding = "x".repeat(random.usize(..3000));
        if random.u8(..3) == 0 {
            remove(&key)
        } else {
            put(&key, &format!("\"{number} {padding}\""))
        }
    };
    (0..=number % 9).map(|_| op()).collect()
}

#[test]
#[ignore = "a child of other tests"]
fn a_child_commits_until_it_is_killed() {
    let Ok(argument) = std::env::var(CHILD) else { return };
    let (first, directory) = argument.split_once(' ').unwrap();
    let (store, _) = sound(Path::new(directory));
    for number in first.parse::<u64>().unwrap().. {
        commit(&store, batch(number)).unwrap();
        println!("\nacknowledged {number}");
    }
}

fn apply(expected: &mut BTreeMap<String, String>, batch: &[Op]) {
    for op in batch {
        match op.value() {
            Some(value) => expected.insert(op.key().to_owned(), value.to_owned()),
            None => expected.remove(op.key()),
        };
    }
}

fn rounds(count: u32) {
    let folder = tempfile::tempdir().unwrap();
    let (mut next, mut expected) = (0, BTreeMap::new());
    for round in 0..count {
        let argument = format!("{next} {}", folder.path().display());
        let mut running = child(NAME, &argument).spawn().unwrap();
        let mut lines =
            BufReader::new(running.stdout.take().unwrap()).lines().map_while(Result::ok);
        let acknowledged = |line: String| line.strip_prefix("acknowledged ")?.parse::<u64>().ok();
        let until = fastrand::usize(1..100);
        let mut last = lines.by_ref().filter_map(acknowledged).take(until).last();
        running.kill().unwrap();
        running.wait().unwrap();
        // It may have said more meanwhile.
        last = lines.filter_map(acknowledged).last().or(last);
        let last = last.expect("the child commits");
        (next..=last).for_each(|number| apply(&mut expected, &batch(number)));
        let Records { services, .. } = sound(folder.path()).1;
        let found: BTreeMap<_, _> = services.into_iter().collect();
        next = last + 1;
        if found != expected {
            // Safe, and not said yet.
            apply(&mut expected, &batch(next));
            next += 1;
        }
        assert!(found == expected, "round {round}, after batch {last}");
    }
}

#[test]
fn what_was_acknowledged_survives_five_kills() {
    rounds(5);
}

#[test]
#[ignore = "takes a while: cargo test --release --lib store::tests::crash -- --ignored"]
fn what_was_acknowledged_survives_a_hundred_kills() {
    rounds(100);
}
