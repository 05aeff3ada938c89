//! The system's own resolver asks livezone: what programs that know nothing of it get to see.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use nix::unistd::geteuid;

use crate::support::backend::Backend;
use crate::support::needs;
use crate::support::server::TestServer;
use crate::support::time::{SOON, becomes};

const PORT: u16 = 8081;
const NAME: &str = "web.service.internal";
/// Where the files that replace the system's own are.
const ETC: &str = "LIVEZONE_TEST_ETC";

#[test]
fn programs_reach_healthy_backends_only() {
    let test = "programs_reach_healthy_backends_only";
    if !needs::programs(test, &["unshare", "ip", "mount", "getent", "curl"])
        || !needs::had(test, "network and mount namespaces", has_namespaces())
    {
        return;
    }
    let etc = tempfile::tempdir().unwrap();
    fs::write(etc.path().join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
    fs::write(etc.path().join("nsswitch.conf"), "hosts: dns\n").unwrap();
    // nscd and its kin would answer from outside.
    let script = "set -e; ip link set lo up; touch_if() { [ -e /etc/$1 ] || return 0; \
                  mount --bind \"$LIVEZONE_TEST_ETC/$1\" \"$(readlink -f /etc/$1)\"; }; \
                  touch_if resolv.conf; touch_if nsswitch.conf; \
                  exec \"$LIVEZONE_TEST_EXE\" --exact --ignored --nocapture \
                  resolver::in_a_namespace_of_its_own";
    let output = inside(script)
        .env(ETC, etc.path())
        .env("LIVEZONE_TEST_EXE", std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert!(output.status.success(), "{}{}", said[0], said[1]);
    assert!(said[0].contains("1 passed"), "{}{}", said[0], said[1]);
}

fn has_namespaces() -> bool {
    inside("true").output().is_ok_and(|output| output.status.success())
}

/// A shell in a network and a mount namespace of its own.
fn inside(script: &str) -> Command {
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--net", "--mount", "--propagation", "private", "sh", "-c", script]);
    command
}

#[test]
#[ignore = "the part of the test above that runs in the namespace"]
fn in_a_namespace_of_its_own() {
    if std::env::var_os(ETC).is_none() {
        return;
    }
    // Equally far from 127.0.0.1: the system sorts by distance (RFC 6724, rule 9).
    let ips = ["127.0.0.4", "127.0.0.5", "127.0.0.6"];
    let mut backends = ips.map(|ip| Backend::start_at(SocketAddr::new(ip.parse().unwrap(), PORT)));
    let check = "[[service.check]]\nhttp = \"/\"\ninterval = \"500ms\"\ntimeout = \"300ms\"\n\
                 fast_interval = \"100ms\"\n";
    let mut text = format!("[[service]]\nname = \"web\"\nttl = \"0s\"\nmin_ttl = \"0s\"\n{check}");
    for (n, backend) in backends.iter().enumerate() {
        text += &backend.instance(&format!("web-{n}"));
    }
    let mut server = TestServer::with("web.toml", &text);
    server.arguments[1] = "127.0.0.1:53".to_owned();
    let _server = server.start();

    let all = ips.map(str::to_owned).into();
    becomes("getent finds all", SOON, &all, resolved);
    becomes("curl reaches all", SOON, &all, reached);
    backends[1].kill();
    let rest = [ips[0], ips[2]].map(str::to_owned).into();
    becomes("getent finds those that live", SOON, &rest, resolved);
    becomes("curl reaches those that live", SOON, &rest, reached);
    backends[1].restart();
    becomes("getent finds all again", SOON, &all, resolved);
}

/// What `getent ahosts` gives.
fn resolved() -> BTreeSet<String> {
    let output = Command::new("getent").args(["ahosts", NAME]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The backends that answered `curl`, which asks the system anew each time and takes the first
/// address that answers.
fn reached() -> BTreeSet<String> {
    let url = format!("http://{NAME}:{PORT}/");
    let ask = |_| {
        let mut curl = Command::new("curl");
        let output = curl.args(["-q", "--noproxy", "*", "-sS", "-m", "5", &url]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.trim().parse::<SocketAddr>().unwrap().ip().to_string()
    };
    (0..20).map(ask).collect()
}
