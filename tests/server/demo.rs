//! The tour, as its own words tell it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::support::needs;
use crate::support::server::{Process, livezone};
use crate::support::time::{SOON, becomes};

/// "A second or two later": an interval of 1 s and the time to confirm, on a slow machine.
const SHORTLY: Duration = Duration::from_secs(10);

#[test]
fn the_lines_that_the_demo_prints_do_what_it_says() {
    if !needs::programs("the_lines_that_the_demo_prints_do_what_it_says", &["sh", "dig", "curl"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut command = livezone();
    command.args(["demo", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    command.current_dir(folder.path()).env("TMPDIR", folder.path()).stdout(Stdio::piped());
    let mut demo = Process::start(command);
    let mut output = BufReader::new(demo.child().stdout.take().unwrap());
    let tour = read_until(&mut output, "Ctrl-C");
    let line = |words: &str| {
        let found = tour.lines().map(str::trim).find(|line| line.starts_with(words));
        found.unwrap_or_else(|| panic!("{words} in {tour}")).to_owned()
    };
    let (dig, fail) = (line("dig "), line("curl -X POST http"));
    let recover = fail.replace("/fail", "/recover");
    assert!(fail.ends_with("/fail") && tour.contains(&recover), "{tour}");

    let answers = || shell(&dig).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let all = ["127.0.0.2", "127.0.0.3", "127.0.0.4"].map(str::to_owned);
    becomes("all three", SOON, &BTreeSet::from(all.clone()), answers);
    shell(&fail);
    let rest = BTreeSet::from([all[0].clone(), all[2].clone()]);
    becomes("the one that fails has left", SHORTLY, &rest, answers);
    demo.wait_for_log(&["health changed", "web-2", "critical"]);
    let status = line("livezone status").replacen("livezone", env!("CARGO_BIN_EXE_livezone"), 1);
    assert!(shell(&status).contains("critical"));
    shell(&recover);
    becomes("it is back", SHORTLY, &BTreeSet::from(all), answers);

    demo.signal(Signal::SIGINT);
    assert_eq!(demo.exit_code(), Some(0));
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

/// Standard output up to the line with `word`.
fn read_until(output: &mut BufReader<ChildStdout>, word: &str) -> String {
    let mut text = String::new();
    while !text.contains(word) {
        assert!(output.read_line(&mut text).unwrap() > 0, "it ended after {text}");
    }
    text
}

/// A line as a reader copies it.
fn shell(line: &str) -> String {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
