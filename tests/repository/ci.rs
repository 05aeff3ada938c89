//! What `.ci/run` counts, and that every script is run by it or every week.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::{files, read, root};

/// What one of the scripts in awk makes of `input`, in `folder`.
fn awk(script: &str, folder: &Path, variables: &str, input: &str) -> String {
    let mut awk = Command::new("awk")
        .args(["-v", variables, "-f"])
        .arg(root().join(script))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    awk.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(awk.wait_with_output().unwrap().stdout).unwrap()
}

/// What is counted in the output of several runs.
fn counted(status: u8, output: &str) -> String {
    awk(".ci/count.awk", root(), &format!("status={status}"), output)
}

const FIRST: &str = "\
== cargo test
test answer::finds ... ok
test result: ok. 10 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.01s
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
";

#[test]
fn tests_of_all_binaries_are_added_up() {
    assert_eq!(counted(0, FIRST), "livezone: 15 passed, 0 failed, 3 skipped\n");
}

#[test]
fn an_ignored_test_that_a_later_run_runs_was_not_skipped() {
    let again = format!(
        "{FIRST}== cargo test --test files master::bind -- --ignored\n\
         test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 9 filtered out\n"
    );
    assert_eq!(counted(0, &again), "livezone: 17 passed, 0 failed, 1 skipped\n");
}

#[test]
fn a_test_that_says_skipped_has_not_passed() {
    let output = format!(
        "skipped: asks needs the program dig\n\
         test hears ... skipped: hears needs IPv6 on loopback\n\
         skipped: hears needs the program ip\n{FIRST}"
    );
    assert_eq!(counted(0, &output), "livezone: 13 passed, 0 failed, 5 skipped\n");
}

#[test]
fn failed_tests_are_named() {
    let output = "test a::b ... FAILED\n\
                  test src/lib.rs - c (line 3) ... FAILED\n\
                  test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n";
    let expected = "FAILED: a::b\nFAILED: src/lib.rs - c (line 3)\n\
                    livezone: 1 passed, 2 failed, 0 skipped\n";
    assert_eq!(counted(1, output), expected);
}

#[test]
fn a_run_that_fails_without_a_failed_test_is_a_failure() {
    let output = "error[E0425]: cannot find value `x` in this scope\n";
    assert_eq!(counted(101, output), "livezone: 0 passed, 1 failed, 0 skipped\n");
    assert_eq!(counted(101, FIRST), "livezone: 15 passed, 1 failed, 3 skipped\n");
}

/// The image's context, as `tests/image/run` takes it.
#[test]
fn the_last_pattern_of_dockerignore_that_matches_decides() {
    let folder = tempfile::tempdir().unwrap();
    let patterns =
        "# what is taken\n*\n!src\n!a?c\n\n!deploy/container/\n**/*.md\nsrc/deep/**/old\n";
    fs::write(folder.path().join(".dockerignore"), patterns).unwrap();
    let taken = ["src/lib.rs", "src/a/b.rs", "abc/d", "deploy/container/livezone.toml"];
    let left = ["srcs", "README.md", "src/a/notes.md", "abbc", "deploy/x", "src/deep/er/old/b"];
    let all = [&taken[..], &left[..]].concat().join("\n");
    let said = awk("tests/image/context.awk", folder.path(), "unused=1", &all);
    assert_eq!(said.lines().collect::<Vec<_>>(), taken);
}

/// Scripts in `tests/`, `fuzz/` and `benches/` that people are told to run.
#[test]
fn every_script_is_run_by_ci_or_every_week() {
    let run = [read(".ci/run"), read(".github/workflows/weekly.yml")].concat();
    let mut scripts = Vec::new();
    for folder in ["tests", "fuzz", "benches"] {
        for path in files(&root().join(folder)) {
            let executable = path.metadata().unwrap().permissions().mode() & 0o100 != 0;
            let name = path.file_name().unwrap();
            if executable && (name == "run" || name == "compare") {
                scripts.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    assert!(scripts.len() >= 7, "{scripts:?}");
    let run_nowhere: Vec<_> = scripts.iter().filter(|script| !run.contains(*script)).collect();
    assert!(run_nowhere.is_empty(), "neither .ci/run nor weekly.yml runs {run_nowhere:?}");
}

#[test]
fn the_hosted_workflow_runs_what_everybody_runs() {
    assert!(read(".github/workflows/ci.yml").contains("- run: .ci/run\n"));
}
