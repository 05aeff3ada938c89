//! Every input that fuzzing has found worth keeping (`fuzz/corpus/`) is held against the rules
//! again; `fuzz/README.md` says how more are found.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod rules;
mod seeds;

use std::cell::Cell;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::Once;

use rules::message::Message;
use rules::{batch, files, respond};

/// Tries one input; breaking a rule panics.
type Run = fn(&[u8]);

/// The targets, by the names of their folders.
const TARGETS: [(&str, Run); 8] = [
    ("respond", respond::run),
    ("batch", batch::run),
    ("native", files::native),
    ("zone_toml", files::zone_toml),
    ("config", files::config),
    ("consul_json", files::consul_json),
    ("consul_hcl", files::consul_hcl),
    ("master", files::master),
];

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

#[test]
fn packets() {
    replay("respond");
}

#[test]
fn batches_of_messages() {
    replay("batch");
}

#[test]
fn registrations() {
    replay("native");
}

#[test]
fn zone_settings() {
    replay("zone_toml");
}

#[test]
fn configuration() {
    replay("config");
}

#[test]
fn consul_in_json() {
    replay("consul_json");
}

#[test]
fn consul_in_hcl() {
    replay("consul_hcl");
}

#[test]
fn master_files() {
    replay("master");
}

#[test]
fn every_target_is_replayed_and_the_corpus_is_small() {
    let source = fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    assert_eq!(source.matches("[[bin]]").count(), TARGETS.len());
    for (target, _) in TARGETS {
        assert!(source.contains(&format!("name = \"{target}\"")), "{target}");
    }
    let all = TARGETS.iter().flat_map(|(target, _)| inputs(&folder("fuzz/corpus").join(target)));
    let (files, octets) = all.fold((0, 0), |(files, octets), input| {
        (files + 1, octets + fs::metadata(input).unwrap().len())
    });
    assert!(files <= 2000 && octets <= 600_000, "{files} inputs of {octets} octets are too many");
}

/// What the OPT record of a query and of its reply hold, whether over TCP, and whether that is right.
const OPTIONS: [(&[u8], &[u8], bool, bool); 12] = [
    (b"", b"", false, true),
    (b"", b"\0\x0f\0\x02\0\x0f", false, true),
    (b"", b"\0\x0f\0\x03\0\x0f\xff", false, false),
    (b"", b"\0\x0f\0\x01\0", false, false),
    (b"\0\x03\0\0", b"\0\x03\0\0", false, false),
    (b"\0\x0a\0\x0812345678", b"", false, false),
    (b"", b"\0\x0a\0\x1812345678abcdefghijklmnop", false, false),
    (b"\0\x0a\0\x0812345678", b"\0\x0a\0\x1812345678abcdefghijklmnop", false, true),
    (b"\0\x0a\0\x0812345678", b"\0\x0a\0\x1892345678abcdefghijklmnop", false, false),
    (b"\0\x0b\0\0", b"\0\x0b\0\x02\0\x64", true, true),
    (b"\0\x0b\0\0", b"\0\x0b\0\x02\0\x64", false, false),
    (b"", b"\0\x0b\0\x02\0\x64", true, false),
];

#[test]
fn a_reply_that_breaks_a_rule_of_options_is_noticed() {
    let message = |flags: u8, rdata: &[u8]| {
        let length = u8::try_from(rdata.len()).unwrap();
        let header = [0, 1, flags, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        [&header[..], &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, length], rdata].concat()
    };
    for (asked, said, tcp, right) in OPTIONS {
        let (query, reply) = (message(0, asked), message(0x80, said));
        let judge = || {
            let (query, reply) = (Message::read(&query).unwrap(), Message::read(&reply).unwrap());
            rules::edns::check(query.header, Some(&query), &reply, tcp);
        };
        assert_eq!(panic::catch_unwind(judge).is_ok(), right, "{asked:?} {said:?} {tcp}");
    }
}

/// RFC 9018 appendix A.
#[test]
fn cookies_are_made_as_everybody_makes_them() {
    let client = *b"\x24\x64\xc4\xab\xcf\x10\xc9\x57";
    let peer = [198, 51, 100, 100].into();
    let made = rules::cookies::made(rules::cookies::SECRET, &client, peer, 1_559_731_985);
    assert_eq!(made[16..], *b"\x1f\x81\x30\xc3\xee\xe2\x94\x80");
}

/// Names every input that breaks a rule.
fn replay(target: &str) {
    count_panics();
    let (_, run) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let inputs = inputs(&folder("fuzz/corpus").join(target));
    assert!(!inputs.is_empty(), "{target} has no corpus");
    let breaks = |input: &&PathBuf| {
        let (octets, before) = (fs::read(input).unwrap(), PANICS.get());
        // A panic that the server itself caught counts, too. What it said is on standard error.
        panic::catch_unwind(|| run(&octets)).is_err() || PANICS.get() > before
    };
    let broken: Vec<_> = inputs.iter().filter(breaks).collect();
    assert!(broken.is_empty(), "these break a rule: {broken:#?}");
}

/// Those of each thread by themselves.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.set(PANICS.get() + 1);
            before(info);
        }));
    });
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut inputs: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    inputs
}
