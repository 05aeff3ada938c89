//! What a test needs of the machine. A developer's machine may lack it, and the test says so by
//! name and does nothing; in continuous integration (`CI=true`) it fails instead.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

/// Whether all of the programs are there.
pub(crate) fn programs(test: &str, programs: &[&str]) -> bool {
    let runs = |program: &&str| {
        let mut command = Command::new("sh");
        command.args(["-c", "command -v \"$0\"", program]).stdout(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    programs.iter().all(|program| had(test, &format!("the program {program}"), runs(program)))
}

/// Whether there is IPv6 on the loopback interface.
pub(crate) fn ipv6(test: &str) -> bool {
    had(test, "IPv6 on loopback", TcpListener::bind("[::1]:0").is_ok())
}

/// Says so when it is not there.
pub(crate) fn had(test: &str, what: &str, there: bool) -> bool {
    if !there {
        let strict = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!strict, "{test} needs {what}");
        // The harness shows what `eprintln` says of tests that failed only. In one write, since
        // .ci/count.awk reads the line and other threads write too.
        let line = format!("skipped: {test} needs {what}\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    there
}
