use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use tempfile::TempDir;

use super::*;
use crate::health::checks::Runner;
use crate::model::check::{Policy, Probe, Question, Sources};

fn subject() -> Subject {
    let address = "2001:db8::1".into();
    Subject { service: "web".into(), instance: "web-1".into(), address, port: Some(8080) }
}

fn probe(program: &str, arguments: &[&str], timeout: Duration) -> Probe {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    let check = ScriptCheck { program: program.into(), arguments };
    let policy = Arc::new(Policy { timeout, ..Policy::default() });
    Probe { question: Question::Script(check, subject()), policy, sources: Sources::default() }
}

/// Longer than any script here takes on a busy machine.
const PATIENT: Duration = Duration::from_secs(20);

async fn shell(text: &str) -> (Finding, String) {
    let outcome = Runner::new().run(&probe("/bin/sh", &["-c", text], PATIENT)).await;
    (outcome.finding, outcome.reason.to_string())
}

fn found(finding: Finding, reason: &str) -> (Finding, String) {
    (finding, reason.to_owned())
}

/// A script that writes its group's number into `file`, and then does `what`.
fn telling(file: &Path, what: &str) -> String {
    format!("echo $$ > {0}.new; mv {0}.new {0}; {what}", file.display())
}

/// Asks until there is an answer.
fn eventually<T>(what: &str, ask: impl Fn() -> Option<T>) -> T {
    let step = Duration::from_millis(5);
    for _ in 0..PATIENT.as_millis() / step.as_millis() {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(step);
    }
    panic!("{what}");
}

fn group(file: &Path) -> i32 {
    let text = eventually("the script did not start", || fs::read_to_string(file).ok());
    text.trim().parse().unwrap()
}

/// Waits until nobody of the group runs, and the script itself has been reaped. What it left is
/// its reaper's, who may be slow.
fn assert_gone(group: i32) {
    let is_member = |stat: &str| {
        // `pid (name) state parent group …`; the name may hold anything.
        let mut fields = stat.rsplit_once(") ").unwrap().1.split(' ');
        fields.next() != Some("Z") && fields.nth(1).unwrap().parse() == Ok(group)
    };
    eventually("something of the script is left", || {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let mut stats = processes.filter_map(|p| fs::read_to_string(p.path().join("stat")).ok());
        let gone =
            !stats.any(|stat| is_member(&stat)) && !Path::new(&format!("/proc/{group}")).exists();
        gone.then_some(())
    });
}

#[tokio::test]
async fn the_exit_code_decides_and_the_last_line_says_why() {
    for (text, finding, reason) in [
        ("exit 0", Finding::Pass, "exit 0"),
        ("echo starting; echo fine", Finding::Pass, "fine"),
        ("echo slow >&2; exit 1", Finding::Warn, "exit 1: slow"),
        ("echo one; echo two >&2; exit 2", Finding::Fail, "exit 2: two"),
        ("exit 255", Finding::Fail, "exit 255"),
        ("kill -SEGV $$", Finding::Fail, "killed by SIGSEGV"),
    ] {
        assert_eq!(shell(text).await, found(finding, reason), "{text}");
    }
}

#[tokio::test]
async fn a_script_knows_whom_it_is_about_and_nothing_else_of_ours() {
    let (_, line) =
        shell("echo $LIVEZONE_SERVICE $LIVEZONE_INSTANCE $LIVEZONE_ADDRESS $LIVEZONE_PORT").await;
    assert_eq!(line, "web web-1 2001:db8::1 8080");
    let (_, line) =
        shell("pwd; cat; env | cut -d= -f1 | grep -v '^_$' | sort | tr '\\n' ' '").await;
    let known = ["HOME", "LANG", "PATH", "PWD", "OLDPWD", "SHLVL"];
    let foreign = |name: &&str| !known.contains(name) && !name.starts_with("LIVEZONE_");
    assert_eq!(line.split(' ').find(foreign), None, "{line}");
    assert_eq!(shell("pwd").await.1, "/");
    assert_eq!(shell("cat; echo no input").await.1, "no input");
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_critical_and_says_why() {
    let folder = TempDir::new().unwrap();
    let plain = folder.path().join("plain");
    fs::write(&plain, "#!/bin/sh\n").unwrap();
    let plain = plain.to_str().unwrap();
    for (program, reason) in
        [("/nowhere/at-all", "no such file or directory"), (plain, "permission denied")]
    {
        let outcome = Runner::new().run(&probe(program, &[], PATIENT)).await;
        let expected = format!("cannot run {program}: {reason}");
        assert_eq!((outcome.finding, outcome.reason.to_string()), (Finding::Fail, expected));
    }
}

#[test]
fn a_machine_that_cannot_fork_is_no_evidence() {
    let check = ScriptCheck { program: "/bin/true".into(), arguments: Arc::new([]) };
    for errno in [Errno::EAGAIN, Errno::ENOMEM, Errno::EMFILE, Errno::ENFILE] {
        let outcome = not_started(&check, &io::Error::from_raw_os_error(errno as i32));
        assert_eq!(outcome.finding, Finding::Nothing, "{errno}");
    }
}

#[tokio::test]
async fn a_script_that_hangs_is_killed_with_its_children_whatever_it_ignores() {
    let folder = TempDir::new().unwrap();
    let hanging = [
        "sleep 1000",
        "trap '' TERM INT HUP; while :; do sleep 1000; done",
        "sleep 1000 & sleep 1000 & (sleep 1000 & sleep 1000); wait",
        "exec >&- 2>&-; sleep 1000",
    ];
    for (number, what) in hanging.into_iter().enumerate() {
        let file = folder.path().join(number.to_string());
        let text = telling(&file, what);
        let limit = Duration::from_millis(500);
        let outcome = Runner::new().run(&probe("/bin/sh", &["-c", &text], limit)).await;
        assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "timed out after 500ms"));
        assert_gone(group(&file));
    }
}

#[tokio::test]
async fn a_run_that_is_dropped_takes_its_script_with_it() {
    let folder = TempDir::new().unwrap();
    for delay in [0, 1, 5, 50, 300] {
        let file = folder.path().join(delay.to_string());
        let text = telling(&file, "sleep 1000 & wait");
        let (runner, probe) = (Runner::new(), probe("/bin/sh", &["-c", &text], PATIENT));
        let limit = Duration::from_millis(delay);
        assert!(tokio::time::timeout(limit, runner.run(&probe)).await.is_err());
        // One that was killed at once has not told its number.
        tokio::time::sleep(Duration::from_millis(300)).await;
        if delay == 300 || file.exists() {
            assert_gone(group(&file));
        }
        assert_eq!(runner.places.0.available_permits(), MOST_UNENDED);
    }
}

#[tokio::test]
async fn children_that_hold_the_output_do_not_hold_the_run_and_do_not_survive() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("group");
    let outcome = shell(&telling(&file, "sleep 1000 & echo left a child; exit 1")).await;
    assert_eq!(outcome, found(Finding::Warn, "exit 1: left a child"));
    assert_gone(group(&file));
}

#[tokio::test]
async fn a_flood_neither_blocks_the_script_nor_hides_its_last_line() {
    let flood = "head -c 20000000 /dev/zero | tr '\\0' 'x'; echo; echo done; exit 2";
    assert_eq!(shell(flood).await, found(Finding::Fail, "exit 2: done"));
    let limit = Duration::from_millis(300);
    let endless = probe("/bin/sh", &["-c", "yes"], limit);
    let outcome = Runner::new().run(&endless).await;
    assert_eq!(&*outcome.reason, "timed out after 300ms");
}

#[tokio::test]
async fn scripts_that_cannot_be_killed_do_not_add_up_for_ever() {
    let runner = Runner::new();
    let all = u32::try_from(MOST_UNENDED).unwrap();
    let taken = Arc::clone(&runner.places.0).try_acquire_many_owned(all).unwrap();
    let probe = probe("/bin/true", &[], PATIENT);
    assert_eq!(runner.run(&probe).await.finding, Finding::Nothing);
    drop(taken);
    assert_eq!(runner.run(&probe).await.finding, Finding::Pass);
}
