//! The rules of livezone, each as a file that an operator can read: what is registered, what checks
//! find, what time it is, what is answered. README.md has the format.
//!
//! `script` reads a file, `world` drives the engine's and the answer's pure functions with a clock
//! of its own, `dns` asks as a client would and writes what it got as text.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod dns;
mod script;
mod show;
mod world;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Places in the interval and order are drawn: a rule holds whatever they are.
const SEEDS: [u64; 3] = [1, 20, 300];

#[test]
fn every_scenario_holds() {
    let wanted = std::env::var("SCENARIO").unwrap_or_default();
    let files = scenarios();
    let mut failures = String::new();
    let mut count = 0;
    for path in files.iter().filter(|path| path.to_string_lossy().contains(&wanted)) {
        count += 1;
        if let Some(failure) = run(path) {
            writeln!(failures, "\n{failure}").unwrap();
        }
    }
    assert!(failures.is_empty(), "of {count} scenarios these fail:\n{failures}");
    assert!(!wanted.is_empty() || count >= 60, "only {count} scenarios were found");
}

/// What fails in a scenario, with its place.
fn run(path: &Path) -> Option<String> {
    let name = format!("tests/scenarios/{}", path.file_name().unwrap().to_string_lossy());
    let steps = match script::read(&fs::read_to_string(path).unwrap()) {
        Ok(steps) => steps,
        Err(failure) => return Some(format!("{name}:{failure}")),
    };
    SEEDS.iter().find_map(|&seed| {
        let mut world = world::Driver::new(seed);
        for step in &steps {
            if let Err(failure) = world.perform(&step.action) {
                return Some(format!("{name}:{}: (seed {seed}) {failure}", step.line));
            }
        }
        world.end().err().map(|failure| format!("{name}: {failure}"))
    })
}

fn scenarios() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files
}
