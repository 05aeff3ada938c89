//! The binary as scripts see it: exit codes, and what goes where.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

use crate::support::server;

const GOOD: &str = "[[service]]\nname = \"web\"\nport = 80\n\
                    [[service.instance]]\nid = \"web-1\"\naddress = \"192.0.2.1\"\n";

const COMMANDS: [&str; 13] = [
    "serve",
    "demo",
    "check",
    "status",
    "register",
    "deregister",
    "pass",
    "warn",
    "fail",
    "drain",
    "maintenance",
    "force",
    "completions",
];

/// Runs the binary in `folder`.
fn livezone(folder: &Path, arguments: &[&str]) -> Output {
    server::livezone().current_dir(folder).args(arguments).output().unwrap()
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

/// A folder with one zone of one file.
fn folder(registration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zones/service.internal");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join("web.toml"), registration).unwrap();
    folder
}

#[test]
fn help_and_version_go_to_standard_output() {
    let here = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let told = livezone(here.path(), &[command, "--help"]);
        assert_eq!(told.status.code(), Some(0), "{command}");
        assert!(text(&told.stdout).contains("Examples:"), "{command}");
    }
    let version = livezone(here.path(), &["--version"]);
    assert_eq!(text(&version.stdout), concat!("livezone ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_mistake_of_usage_is_exit_2() {
    let here = tempfile::tempdir().unwrap();
    for arguments in [&[][..], &["swerve"], &["serve", "--dns", "127.0.0.1"], &["check", "--no"]] {
        let told = livezone(here.path(), arguments);
        assert_eq!(told.status.code(), Some(2), "{arguments:?}");
        assert!(told.stdout.is_empty() && !told.stderr.is_empty(), "{arguments:?}");
    }
    let told = livezone(here.path(), &["serve", "--dns", "127.0.0.1"]);
    assert!(text(&told.stderr).contains("127.0.0.1:8600"), "{}", text(&told.stderr));
}

#[test]
fn check_tells_good_from_bad() {
    let good = livezone(folder(GOOD).path(), &["check"]);
    assert_eq!(text(&good.stdout), "1 zone, 1 service, 1 instance: all is well\n");
    assert_eq!(good.status.code(), Some(0));
    let bad = livezone(folder("[[service]]\nnmae = \"web\"\n").path(), &["check"]);
    assert_eq!(bad.status.code(), Some(1));
    let told = text(&bad.stdout);
    assert!(told.contains("zones/service.internal/web.toml:2:1"), "{told}");
    assert!(!told.contains('\x1b'), "no colour in a pipe: {told}");
}

#[test]
fn a_configuration_that_is_bad_or_missing_is_exit_1() {
    let here = folder(GOOD);
    let missing = livezone(here.path(), &["serve", "--config", "none.toml"]);
    assert_eq!(missing.status.code(), Some(1));
    let wanted = "error: cannot read configuration none.toml\n  caused by: No such file";
    assert!(text(&missing.stderr).starts_with(wanted), "{}", text(&missing.stderr));
    fs::write(here.path().join("livezone.toml"), "zone_dir = \"a\"\n").unwrap();
    for command in ["serve", "check"] {
        assert_eq!(livezone(here.path(), &[command]).status.code(), Some(1), "{command}");
    }
    let told = livezone(here.path(), &["serve"]);
    assert!(text(&told.stderr).ends_with("error: livezone.toml has 1 error\n"));
}

#[test]
fn a_server_that_cannot_be_reached_is_exit_3_with_what_to_do() {
    let here = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let told = livezone(here.path(), &["status", "--http", &free]);
    assert_eq!(told.status.code(), Some(3));
    let error = text(&told.stderr);
    assert!(error.contains(&free) && error.contains("livezone serve"), "{error}");
    assert!(error.contains("caused by:"), "{error}");
}
