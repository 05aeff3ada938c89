//! The unit that is shipped: how much it leaves open, by systemd's own count, and that systemd
//! reads all of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::needs;
use crate::support::server::livezone;

/// From 0, nothing open, to 10.
const MOST: f64 = 2.0;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd")
}

fn analyze(arguments: &[&str], unit: &Path) -> (Output, String) {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(arguments).arg(unit).env("LC_ALL", "C").output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8(text).unwrap())
}

/// `→ Overall exposure level for livezone.service: 1.4 OK`
fn exposure(report: &str) -> Option<f64> {
    let (_, rest) = report.split_once("Overall exposure level for ")?;
    rest.split_once(": ")?.1.split_whitespace().next()?.parse().ok()
}

#[test]
fn the_unit_leaves_little_open() {
    if !needs::programs("the_unit_leaves_little_open", &["systemd-analyze"]) {
        return;
    }
    let (_, report) = analyze(&["security", "--offline=true"], &folder().join("livezone.service"));
    let exposure = exposure(&report).unwrap_or_else(|| panic!("no exposure in {report}"));
    assert!(exposure <= MOST, "{report}");
}

/// What is counted is what is written: a unit without its protections is far above.
#[test]
fn a_unit_without_protections_would_be_seen() {
    if !needs::programs("a_unit_without_protections_would_be_seen", &["systemd-analyze"]) {
        return;
    }
    let bare = tempfile::tempdir().unwrap();
    let unit = bare.path().join("livezone.service");
    fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    let (_, report) = analyze(&["security", "--offline=true"], &unit);
    assert!(exposure(&report).unwrap() > MOST, "{report}");
}

#[test]
fn the_configuration_that_goes_with_it_is_sound() {
    let zones = tempfile::tempdir().unwrap();
    let mut command = livezone();
    command.arg("check").arg("--config").arg(folder().join("livezone.toml"));
    let output = command.arg("--zones").arg(zones.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    if !needs::programs("systemd_understands_every_line_of_the_unit", &["systemd-analyze"]) {
        return;
    }
    let text = fs::read_to_string(folder().join("livezone.service")).unwrap();
    assert!(text.contains("ExecStart=/usr/local/bin/livezone serve"), "{text}");
    // It is not installed where the tests run.
    let here = text.replace("/usr/local/bin/livezone", env!("CARGO_BIN_EXE_livezone"));
    let copies = tempfile::tempdir().unwrap();
    let unit = copies.path().join("livezone.service");
    fs::write(&unit, here).unwrap();
    let (output, said) = analyze(&["verify", "--man=no"], &unit);
    assert!(output.status.success() && said.is_empty(), "{said}");
    fs::write(&unit, text.replace("WatchdogSec", "WachdogSec")).unwrap();
    let (_, said) = analyze(&["verify", "--man=no"], &unit);
    assert!(said.contains("WachdogSec"), "a line that it does not know is told: {said}");
}
