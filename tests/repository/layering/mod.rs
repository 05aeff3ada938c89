//! Modules import only what stands above them in `lib.rs`, no files import each other in
//! circles, and only the rim waits.

mod circles;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use circles::{Imports, Module};

/// The modules in the order data flows, and the files and folders of each that may wait: those on
/// the rim, where tokio and `.await` are allowed.
const LAYERS: [(&str, &[&str]); 19] = [
    ("model", &[]),
    ("diagnostic", &[]),
    ("complaints", &[]),
    ("log", &[]),
    ("syntax", &[]),
    ("wire", &[]),
    ("config", &[]),
    ("metrics", &[]),
    ("sources", &[]),
    ("registry", &[]),
    ("health", &["checks"]),
    ("snapshot", &[]),
    ("store", &[]),
    ("engine", &["runs.rs", "task.rs", "tickets.rs"]),
    ("answer", &[]),
    (
        "transport",
        &["tcp/mod.rs", "tcp/accept.rs", "tcp/alarm.rs", "tcp/connection.rs", "tcp/seats.rs"],
    ),
    (
        "http",
        &[
            "mod.rs",
            "bodies.rs",
            "listener.rs",
            "conversation.rs",
            "stream.rs",
            "gzip.rs",
            "health.rs",
            "metrics.rs",
            "orders.rs",
            "services.rs",
            "consul/answer.rs",
            "consul/catalog.rs",
            "consul/checks.rs",
            "consul/discover.rs",
            "consul/health.rs",
            "consul/healths.rs",
            "consul/listing.rs",
            "consul/node.rs",
            "consul/request.rs",
            "consul/services.rs",
            "consul/wait.rs",
            "consul/watches.rs",
        ],
    ),
    (
        "server",
        &["mod.rs", "ready.rs", "reload.rs", "signals.rs", "threads.rs", "watchdog.rs", "web.rs"],
    ),
    ("cli", &["client.rs", "demo/backends.rs"]),
];

/// Modules that stand above others in `lib.rs` and are no business of theirs: what both need is a
/// fact of `model` or stands in the snapshot.
const NOTHING_OF: [(&str, &[&str]); 2] = [
    ("answer", &["sources", "registry", "health", "store", "engine"]),
    ("transport", &["sources", "registry", "health", "store", "engine"]),
];

/// Folders whose `mod.rs` holds what its files share, and imports them: both ways are allowed there.
const SHARED_BY_CHILDREN: [&str; 10] = [
    "answer/lookup",
    "answer",
    "cli",
    "config",
    "health/checks/http",
    "http",
    "registry/statics",
    "server",
    "sources/consul",
    "sources/files/master",
];

/// Every file of the library below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The lines of a file that are no test and no comment, with their numbers. A module for tests
/// stands last in its file, or is a file of its own that `#[cfg(test)] mod NAME;` names.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let (mut lines, mut skip_next) = (Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line == "#[cfg(test)]" {
            skip_next = true;
        } else if skip_next {
            if line.starts_with("mod ") && line.ends_with('{') {
                break;
            }
            skip_next = line.starts_with("#[");
        } else if !line.starts_with("//") {
            lines.push((number + 1, line.to_owned()));
        }
    }
    lines
}

/// Files and folders that are compiled for tests alone.
fn test_files(all: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in all {
        let text = fs::read_to_string(path).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let [cfg, module] = pair else { continue };
            let name = module.strip_prefix("mod ").and_then(|m| m.strip_suffix(';'));
            if let Some(name) = name.filter(|_| *cfg == "#[cfg(test)]") {
                let folder = path.parent().unwrap();
                let folder = match path.file_stem().unwrap().to_str().unwrap() {
                    "mod" | "lib" => folder.to_owned(),
                    stem => folder.join(stem),
                };
                found.push(folder.join(format!("{name}.rs")));
                found.push(folder.join(name));
            }
        }
    }
    found
}

fn of_the_library<'a>(
    all: &'a [PathBuf],
    tests: &'a [PathBuf],
) -> impl Iterator<Item = &'a PathBuf> {
    all.iter().filter(|path| !tests.iter().any(|test| path.starts_with(test)))
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The module a file belongs to, and its place within.
fn module_of(path: &Path) -> (String, String) {
    let relative = path.strip_prefix(source()).unwrap().to_str().unwrap();
    match relative.split_once('/') {
        Some((module, rest)) => (module.to_owned(), rest.to_owned()),
        None => (relative.trim_end_matches(".rs").to_owned(), String::new()),
    }
}

#[test]
fn lib_rs_lists_the_modules_in_order() {
    let text = fs::read_to_string(source().join("lib.rs")).unwrap();
    let listed: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").and_then(|m| m.strip_suffix(';')))
        .collect();
    let listed_here: Vec<&str> = LAYERS.iter().map(|(module, _)| *module).collect();
    assert_eq!(listed, listed_here);
}

#[test]
fn a_module_imports_only_what_stands_above_it() {
    let all = files(&source());
    let tests = test_files(&all);
    let place = |module: &str| LAYERS.iter().position(|(name, _)| *name == module);
    let mut wrong = Vec::new();
    for path in of_the_library(&all, &tests) {
        let (module, _) = module_of(path);
        let Some(own) = place(&module) else { continue };
        for (number, line) in code(path) {
            for import in line.split("crate::").skip(1) {
                let end = import.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &import[..end.unwrap_or(import.len())];
                let is_barred =
                    |(of, barred): &(&str, &[&str])| *of == module && barred.contains(&name);
                if place(name).is_none_or(|other| other > own) || NOTHING_OF.iter().any(is_barred) {
                    wrong.push(format!("{}:{number}: {module} uses {name}", path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The code of each module, by its path.
fn modules() -> BTreeMap<Module, String> {
    let all = files(&source());
    let tests = test_files(&all);
    let mut modules = BTreeMap::new();
    for path in of_the_library(&all, &tests) {
        let relative = path.strip_prefix(source()).unwrap().with_extension("");
        let mut module: Module =
            relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        if module == ["lib"] || module == ["main"] {
            continue;
        }
        let lines = code(path).into_iter().map(|(_, line)| line);
        modules.insert(module, lines.collect::<Vec<_>>().join("\n"));
    }
    modules
}

/// Circles, but for those between these parents and their children.
fn circles_without(parents: impl Iterator<Item = &'static str>) -> Vec<String> {
    let mut imports = Imports::of(&modules());
    parents.for_each(|parent| imports.forgive_children_of(parent));
    imports.circles()
}

#[test]
fn no_files_import_each_other_in_circles() {
    let circles = circles_without(SHARED_BY_CHILDREN.into_iter());
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn the_parents_that_share_with_their_children_are_still_needed() {
    for parent in SHARED_BY_CHILDREN {
        let others = SHARED_BY_CHILDREN.into_iter().filter(|other| *other != parent);
        assert!(!circles_without(others).is_empty(), "{parent} has no circle: take it out");
    }
}

#[test]
fn only_the_rim_waits() {
    let all = files(&source());
    let tests = test_files(&all);
    let mut wrong = Vec::new();
    for path in of_the_library(&all, &tests) {
        let (module, place) = module_of(path);
        let Some((_, rim)) = LAYERS.iter().find(|(name, _)| *name == module) else { continue };
        if rim.iter().any(|rim| Path::new(&place).starts_with(rim)) {
            continue;
        }
        for (number, line) in code(path) {
            let waits =
                line.split(".await").skip(1).any(|rest| !rest.starts_with(char::is_alphanumeric));
            if waits || line.contains("tokio::") || line.contains("async fn") {
                wrong.push(format!("{}:{number}: {line}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_rim_names_files_that_are_there() {
    for (module, rim) in LAYERS {
        for place in rim {
            let path = source().join(module).join(place);
            assert!(path.exists(), "{} is not there", path.display());
        }
    }
}
