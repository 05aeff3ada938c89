//! One toolchain builds everything, and Cargo.toml promises no older one than its dependencies do.

use std::process::Command;

use crate::read;

/// The text between the first `before` and the next `after`.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

/// `1.95` and `1.95.0` are the same.
fn version(text: &str) -> [u32; 3] {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap());
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

fn pinned() -> String {
    between(&read("rust-toolchain.toml"), "\nchannel = \"", "\"").to_owned()
}

fn promised() -> String {
    between(&read("Cargo.toml"), "\nrust-version = \"", "\"").to_owned()
}

#[test]
fn every_image_is_built_with_the_pinned_toolchain() {
    let channel = pinned();
    let minor = channel.rsplit_once('.').unwrap().0;
    let image = format!("rust:{minor}-bookworm");
    for file in [
        "Dockerfile",
        "docker-compose.yml",
        "deploy/README.md",
        ".github/workflows/ci.yml",
        ".github/workflows/weekly.yml",
    ] {
        let text = read(file);
        let named: Vec<&str> = text
            .split(|c: char| c.is_whitespace() || "`=}\"".contains(c))
            .map(|word| word.trim_start_matches("${LIVEZONE_BUILD_IMAGE:-"))
            .filter(|word| word.starts_with("rust:"))
            .collect();
        assert!(!named.is_empty(), "{file} names no image of rust");
        assert!(named.iter().all(|name| *name == image), "{file} has {named:?}, not {image}");
    }
}

#[test]
fn the_promised_rust_is_no_newer_than_the_pinned_one() {
    assert!(version(&promised()) <= version(&pinned()));
}

/// That livezone itself needs no newer one is clippy's `incompatible_msrv` and the hosted job
/// `oldest-rust`, which builds with it.
#[test]
fn no_dependency_needs_a_newer_rust_than_is_promised() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}"])
        .current_dir(crate::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let used = String::from_utf8(output.stdout).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .current_dir(crate::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let mut compared = 0;
    for package in packages {
        let (name, number) = (package["name"].as_str().unwrap(), &package["version"]);
        let id = format!("{name} v{}", number.as_str().unwrap());
        let is_used = used.lines().any(|line| line.trim_end_matches(" (*)").starts_with(&id));
        if let (true, Some(needed)) = (is_used, package["rust_version"].as_str()) {
            compared += 1;
            assert!(version(needed) <= version(&promised()), "{id} needs Rust {needed}");
        }
    }
    assert!(compared > 50, "{compared} packages say what they need");
}
