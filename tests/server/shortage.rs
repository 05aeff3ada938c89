//! Starts with too little of what the system must give: each ends as a server that answers, or with an
//! error in words and exit code 1. None ends in a panic, by a signal or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use crate::support::needs;
use crate::support::server::{Process, TestServer, livezone};
use crate::support::time::{SOON, eventually};

const MIB: u64 = 1 << 20;
const WEB: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.0.1\"\n";

/// The server of a server as `before` starts what follows it.
fn limited(server: &TestServer, program: &str, before: &[String]) -> Command {
    let serve = server.serve();
    let mut command = Command::new(&before[0]);
    command.args(&before[1..]).arg(program).args(serve.get_args()).current_dir(server.path());
    command.env_remove("MALLOC_ARENA_MAX").env_remove("NOTIFY_SOCKET");
    command
}

/// Whether it came to answer; else it has said why not.
fn answered(server: &TestServer, what: &str, command: Command) -> bool {
    let ready = server.path().join("ready");
    let _ = fs::remove_file(&ready);
    let mut process = Process::start(command);
    let ended = eventually(what, SOON, || {
        let ended = process.child().try_wait().unwrap();
        if ended.is_some() || ready.exists() { Ok(ended) } else { Err(process.log()) }
    });
    if let Some(status) = ended {
        // The pipe is read to its end by another thread.
        process.wait_for_log(&["error: cannot "]);
        assert_eq!(status.code(), Some(1), "{what}: {:?}", process.log());
        assert!(process.lines_with(&["panicked"]).is_empty(), "{what}: {:?}", process.log());
        return false;
    }
    process.signal(Signal::SIGINT);
    assert_eq!(process.exit_code(), Some(0), "{what}: {:?}", process.log());
    true
}

fn prlimit(option: &str, limit: u64) -> Vec<String> {
    vec!["prlimit".to_owned(), format!("--{option}={limit}")]
}

#[test]
fn a_start_with_too_little_memory_ends_with_an_error() {
    let test = "a_start_with_too_little_memory_ends_with_an_error";
    if !needs::programs(test, &["prlimit"]) {
        return;
    }
    let server = TestServer::with("web.toml", WEB);
    server.configure("[dns]\nworkers = 2\n");
    let program = livezone().get_program().to_str().unwrap().to_owned();
    // With less the program cannot even be loaded.
    let loads = |limit: &u64| {
        let before = prlimit("as", *limit);
        let mut command = Command::new(&before[0]);
        command.args(&before[1..]).args([&program, "--version"]);
        command.output().unwrap().status.success()
    };
    let least = (4..512).map(|n| n * 2 * MIB).find(loads).expect("it can be loaded");
    let outcome = |limit: u64| {
        let command = limited(&server, &program, &prlimit("as", limit));
        answered(&server, &format!("{limit} octets of address space"), command)
    };
    let outcomes: Vec<bool> = (1..24).map(|n| outcome(least + n * 3 * MIB)).collect();
    assert!(!outcomes[0], "so little is not enough: {outcomes:?}");
    assert!(outcomes.is_sorted(), "more is never worse: {outcomes:?}");
    assert!(outcome(4096 * MIB), "so much is");
}

#[test]
fn a_start_with_too_few_threads_ends_with_an_error() {
    let test = "a_start_with_too_few_threads_ends_with_an_error";
    let able = needs::programs(test, &["prlimit", "setpriv"])
        && needs::had(test, "root", geteuid().is_root());
    if !able {
        return;
    }
    let server = TestServer::with("web.toml", WEB);
    for folder in [server.path().to_owned(), server.path().join("zones"), server.zone()] {
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    }
    // The program may lie in a folder that only root may enter.
    let program = server.path().join("livezone");
    fs::copy(env!("CARGO_BIN_EXE_livezone"), &program).unwrap();
    // Threads are counted by user: nobody else is this one.
    let user = 60_000 + std::process::id() % 5000;
    let outcome = |limit: u64| {
        let mut before = prlimit("nproc", limit);
        before.extend(["setpriv", "--clear-groups"].map(str::to_owned));
        before.extend([format!("--reuid={user}"), format!("--regid={user}")]);
        let command = limited(&server, program.to_str().unwrap(), &before);
        answered(&server, &format!("{limit} threads"), command)
    };
    let enough = (1..500).find(|&limit| outcome(limit)).expect("so many are enough");
    assert!(enough > 5, "{enough} threads do all that a server does");
    // Which thread asks first is chance; from here on it does not matter.
    assert!(outcome(enough + 20));
}
