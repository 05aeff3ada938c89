//! `livezone check` over folders full of mistakes says of each what is expected of it.

use std::fs;
use std::path::Path;

use super::mistakes;
use crate::support::server::livezone;

/// The mistake of each file stands in a zone of its own: nothing clashes with another's.
#[test]
fn livezone_check_tells_of_every_mistake_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for kind in ["native", "consul"] {
        for file in mistakes(&of_kind(kind)) {
            let name = file.file_name().unwrap().to_str().unwrap();
            // Which address this host has on its default route is its own business.
            if name.starts_with("without_address") {
                continue;
            }
            let zone = format!("zones/m{}.internal", expected.len());
            fs::create_dir_all(folder.path().join(&zone)).unwrap();
            fs::copy(&file, folder.path().join(&zone).join(name)).unwrap();
            let text = fs::read_to_string(file.with_extension("expected")).unwrap();
            expected.push((zone + "/", text));
        }
    }
    assert!(expected.len() >= 100, "{} files", expected.len());
    fs::write(folder.path().join("livezone.toml"), "consul.node_address = \"192.0.2.1\"\n")
        .unwrap();
    let (said, code) = check(folder.path());
    assert_eq!(code, Some(1));
    for (zone, text) in expected {
        hold(&zone, &said.replace(&zone, ""), &text);
    }
}

/// What is said of these names the zone.
#[test]
fn livezone_check_tells_of_every_mistake_in_a_zone() {
    let of =
        |kind: &'static str| mistakes(&of_kind(kind)).into_iter().map(move |file| (kind, file));
    for (kind, file) in of("master").chain(of("zone")) {
        let folder = tempfile::tempdir().unwrap();
        let zone = folder.path().join("zones/service.internal");
        fs::create_dir_all(&zone).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let shown = if kind == "zone" { "zone.toml" } else { name };
        fs::copy(&file, zone.join(shown)).unwrap();
        let text = fs::read_to_string(file.with_extension("expected")).unwrap();
        let (said, _) = check(folder.path());
        hold(name, &said.replace("zones/service.internal/", ""), &text.replace(name, shown));
    }
}

fn of_kind(kind: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad").join(kind)
}

/// What the command prints in that folder, and its exit code.
pub(crate) fn check(folder: &Path) -> (String, Option<i32>) {
    let output =
        livezone().args(["check", "--zones", "zones"]).current_dir(folder).output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// Every complaint that is expected is made, each in its whole length.
fn hold(of: &str, said: &str, expected: &str) {
    for complaint in expected.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
        assert!(said.contains(complaint), "{of}: not said:\n{complaint}\n\nsaid:\n{said}");
    }
}
