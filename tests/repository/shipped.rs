//! Every file that is shipped to be used is read by the program that it is for.

use std::path::{Path, PathBuf};

use crate::support::server::livezone;
use crate::{files, read, root};

/// `livezone check` of a configuration, or of zones, that must be well.
fn is_well(configuration: Option<&Path>, zones: &Path) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut command = livezone();
    command.arg("check").arg("--zones").arg(zones).current_dir(elsewhere.path());
    if let Some(configuration) = configuration {
        command.arg("--config").arg(configuration);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{configuration:?} {}: {said}", zones.display());
    said
}

/// What holds each kind of file in `deploy/`. A file of another kind needs a line here, and a test.
fn holder(path: &Path) -> Option<&'static str> {
    let text = path.to_str().unwrap();
    match text.rsplit('/').next().unwrap() {
        "livezone.toml" => Some("every_configuration_that_is_shipped_is_well"),
        _ if text.contains("/zones/") => Some("every_zone_that_is_shipped_is_well"),
        "livezone.service" => Some("tests/repository/systemd.rs"),
        "livezone.yaml" => Some("tests/server/kubernetes"),
        "resolved.conf" => Some("the_part_for_resolved_is_what_its_document_says"),
        "coredns.yaml" => Some("the_manifests_have_one_address_for_the_name_server"),
        "Dockerfile" => Some("tests/compose/run"),
        "README.md" => Some("people"),
        _ => None,
    }
}

#[test]
fn every_file_of_deploy_is_held_by_a_test() {
    let all = files(&root().join("deploy"));
    let left: Vec<&PathBuf> = all.iter().filter(|path| holder(path).is_none()).collect();
    assert!(left.is_empty(), "no test reads {left:?}");
}

#[test]
fn every_configuration_that_is_shipped_is_well() {
    let nothing = tempfile::tempdir().unwrap();
    let all = files(&root().join("deploy"));
    let configurations: Vec<_> = all.iter().filter(|p| p.ends_with("livezone.toml")).collect();
    assert!(configurations.len() >= 2, "{configurations:?}");
    for configuration in configurations {
        let said = is_well(Some(configuration), nothing.path());
        assert_eq!(said, "0 zones, 0 services, 0 instances: all is well\n");
    }
}

#[test]
fn every_zone_that_is_shipped_is_well() {
    let mut folders = vec![root().join("zones")];
    let all = files(&root().join("deploy"));
    folders.extend(all.iter().filter_map(|path| {
        let zones = path.ancestors().find(|folder| folder.ends_with("zones"))?;
        Some(zones.to_owned())
    }));
    folders.dedup();
    assert!(folders.len() >= 2, "{folders:?}");
    for zones in folders {
        let said = is_well(None, &zones);
        let counted = said.ends_with(": all is well\n") && !said.starts_with("0 zones");
        assert!(counted, "{}: {said}", zones.display());
    }
}

/// tests/resolvers runs the real one with what docs/resolvers.md says.
#[test]
fn the_part_for_resolved_is_what_its_document_says() {
    let shipped = read("deploy/systemd/resolved.conf");
    let said = |line: &&str| !line.starts_with('#') && !line.is_empty();
    let shipped: Vec<&str> = shipped.lines().filter(said).collect();
    let document = read("docs/resolvers.md");
    let part = document.split_once("\n## systemd-resolved\n").unwrap().1;
    let block = part.split_once("```ini\n").unwrap().1.split_once("```").unwrap().0;
    assert_eq!(shipped, block.lines().collect::<Vec<_>>());
}

#[test]
fn the_manifests_have_one_address_for_the_name_server() {
    let livezone = read("deploy/kubernetes/livezone.yaml");
    let address = livezone.split_once("\n  clusterIP: ").unwrap().1.lines().next().unwrap();
    assert!(livezone.contains(&format!("static_addresses = {{ ns1 = [\"{address}\"] }}")));
    let coredns = read("deploy/kubernetes/coredns.yaml");
    let server = format!(
        "  livezone.server: |\n    service.internal:53 {{\n        errors\n        forward . {address}\n    }}\n"
    );
    assert!(coredns.ends_with(&server), "not at the end of coredns.yaml:\n{server}");
}
