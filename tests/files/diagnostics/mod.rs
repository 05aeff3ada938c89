//! What people are told about files with a mistake: `tests/bad/<kind>/<mistake>.toml` (or `.json`,
//! `.hcl`, `.zone`) beside its `.expected`. `LIVEZONE_BLESS=1` writes the expectations anew; read
//! the difference then.

mod command;
mod many;

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use livezone::config::{livezone_toml, zone_toml};
use livezone::diagnostic::{Colour, Diagnostic, Severity};
use livezone::model::name::Name;
use livezone::model::origin::Origin;
use livezone::registry::statics;
use livezone::sources::files::master;
use livezone::sources::{consul, native};

type Parse = fn(Arc<Path>, Arc<str>) -> (bool, Vec<Diagnostic>);

#[test]
fn registrations() {
    compare("native", |path, text| {
        let (document, diagnostics) = native::parse(path, text);
        (document.is_some(), diagnostics)
    });
}

#[test]
fn zone_settings() {
    compare("zone", |path, text| {
        let apex = Name::parse("service.internal").unwrap();
        let (settings, diagnostics) = zone_toml::parse(path, text, &apex, &[]);
        (settings.is_some(), diagnostics)
    });
}

#[test]
fn configuration() {
    compare("config", |path, text| {
        let (config, diagnostics) = livezone_toml::parse(path, text);
        (config.is_some(), diagnostics)
    });
}

/// Syntax, and what the records of one file do to each other.
#[test]
fn master_files() {
    compare("master", |path, text| {
        let apex = Name::parse("service.internal").unwrap();
        let zone = zone_toml::defaults(&apex, &[]);
        let (file, mut diagnostics) = master::parse(&apex, path, &text, &BTreeMap::new());
        let files: Vec<_> = file.into_iter().map(|file| (Origin::Files, Arc::new(file))).collect();
        diagnostics.extend(statics::merge(&zone, &files).conflicts);
        let errors = diagnostics.iter().any(|d| d.severity == Severity::Error);
        (!errors, diagnostics)
    });
}

/// A refused service leaves the others of its file: an error does not say that the file is refused.
#[test]
fn consul_definitions() {
    compare("consul", |path, text| {
        let node = IpAddr::from([192, 0, 2, 1]);
        let node = (!path.starts_with("without_address.json")).then_some(node);
        let (document, diagnostics) = consul::parse(path, text, node);
        (document.is_some(), diagnostics)
    });
}

/// Reads each file of the folder and holds what is said of it against the expectation.
fn compare(kind: &str, parse: Parse) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad").join(kind);
    let mut differences = String::new();
    for file in mistakes(&folder) {
        let text = fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let (taken, diagnostics) = parse(Path::new(name).into(), text.into());
        let errors = diagnostics.iter().any(|d| d.severity == Severity::Error);
        assert!(taken || errors, "{name}: refused without an error");
        assert!(!taken || !errors || kind == "consul", "{name}: taken with an error");
        let shown: Vec<_> = diagnostics.iter().map(|d| d.render(Colour::Plain) + "\n").collect();
        let (shown, expectation) = (shown.join("\n"), file.with_extension("expected"));
        if std::env::var_os("LIVEZONE_BLESS").is_some() {
            fs::write(&expectation, &shown).unwrap();
        } else if fs::read_to_string(&expectation).unwrap_or_default() != shown {
            differences.extend(["\n== ", name, "\n", &shown]);
        }
    }
    assert!(differences.is_empty(), "what is said now:\n{differences}");
}

/// The files of a folder, in the order of their names; never none.
fn mistakes(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending != "expected"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no mistakes", folder.display());
    files
}
