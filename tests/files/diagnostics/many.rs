//! Files with very many mistakes: what is said of them stays small, and all are counted.

use std::fs;

use livezone::complaints::MOST_OF_FILE;

use super::command::check;

/// Octets that are printed at most of a file: a complaint is a few lines.
const MOST_OCTETS: usize = MOST_OF_FILE * 1000;

const MANY: usize = 100_000;

/// What `livezone check` prints of one file of a zone, and its exit code.
fn checked(name: &str, text: &str) -> (String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zones/service.internal");
    fs::create_dir_all(&zone).unwrap();
    fs::write(zone.join(name), text).unwrap();
    check(folder.path())
}

fn shown(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with("error: ")).count()
}

/// So many are shown of a file with `count` errors, and the rest are counted.
fn holds(name: &str, text: &str, count: usize) {
    let (said, code) = checked(name, text);
    let cut: String = said.chars().take(3000).collect();
    assert_eq!(code, Some(1), "{name}: {cut}");
    assert_eq!(shown(&said), MOST_OF_FILE + 1, "{name}: {cut}");
    assert!(said.len() < MOST_OCTETS, "{name}: {} octets", said.len());
    assert!(said.ends_with(&format!(": {count} errors\n")), "{name}: {cut}");
    assert!(said.contains("00 more errors in this file"), "{name}: {cut}");
}

fn times(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

#[test]
fn a_million_errors_in_one_line() {
    let text = format!("[[service]]\nname = \"web\"\ntags = [{}]\n", "1,".repeat(1_000_000));
    holds("a.toml", &text, 1_000_000);
}

#[test]
fn errors_of_every_format_in_one_line_and_in_many() {
    for between in [", ", ",\n"] {
        let keys = times(MANY, |n| format!("{between}\"prt{n}\": 1"));
        let json = format!("{{ \"service\": {{ \"name\": \"web\"{keys} }} }}");
        holds("a.json", &json, MANY);
    }
    holds("a.hcl", &format!("service {{\n{}}}\n", times(MANY, |n| format!("prt{n} = 1\n"))), MANY);
    let keys = times(MANY, |n| format!("prt{n} = 1\n"));
    holds("a.toml", &format!("[[service]]\nname = \"web\"\n{keys}"), MANY);
    holds("a.toml", &format!("[[service]]\n{}", "x y\n".repeat(MANY)), MANY);
    holds("zone.toml", &times(MANY, |n| format!("key{n} = 1\n")), MANY);
    holds("a.zone", &format!("$TTL 5\n{}", times(MANY, |n| format!("a{n} AX 1\n"))), MANY);
    holds("b.zone", &format!("$TTL 5\n{}", times(MANY, |n| format!("a{n} A (\n"))), MANY);
}

#[test]
fn errors_that_refuse_a_service_each() {
    let services =
        times(MANY, |n| format!("{{ \"name\": \"a {n}\", \"address\": \"10.0.0.1\" }},"));
    holds("a.json", &format!("{{ \"services\": [{services}] }}"), MANY);
    let command = "[[service.check]]\nargs = [\"/bin/true\"]\n[[service.instance]]\n\
                   address = \"10.0.0.1\"\n";
    let services = times(20_000, |n| format!("[[service]]\nname = \"a{n}\"\n{command}"));
    holds("b.toml", &services, 20_000);
}

#[test]
fn one_line_of_50_million_octets() {
    let text = format!("[[service]]\nname = \"web\"\ntags = [\"{}\", 1]\n", "é".repeat(25_000_000));
    let (said, code) = checked("a.toml", &text);
    assert_eq!((code, shown(&said)), (Some(1), 2));
    assert!(said.len() < 10_000, "{} octets", said.len());
    assert!(said.contains("a.toml:3:25000013\n"), "{said}");
}

#[test]
fn many_files_with_many_errors_each() {
    let folder = tempfile::tempdir().unwrap();
    let zone = folder.path().join("zones/service.internal");
    fs::create_dir_all(&zone).unwrap();
    let text = times(1000, |n| format!("key{n} = 1\n"));
    for number in 0..100 {
        fs::write(zone.join(format!("{number:03}.toml")), &text).unwrap();
    }
    let (said, code) = check(folder.path());
    assert_eq!(code, Some(1));
    // Ten files are shown, with how many more each has, and the other ninety are counted.
    assert_eq!(shown(&said), 10 * (MOST_OF_FILE + 1) + 1);
    assert!(said.contains("error: 90,000 more errors in 90 other files\n\n1 zone"), "{said}");
    assert!(said.ends_with(": 100000 errors\n"));
}

#[test]
fn errors_of_livezone_toml() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("zones")).unwrap();
    let text = format!("[dns]\nallow = [{}]\n", "\"office\",".repeat(MANY));
    fs::write(folder.path().join("livezone.toml"), text).unwrap();
    let (said, code) = check(folder.path());
    assert_eq!((code, shown(&said)), (Some(1), MOST_OF_FILE + 1));
    assert!(said.len() < MOST_OCTETS && said.contains("99,900 more errors in this file"));
    assert!(said.ends_with(": 100000 errors\n"));
}
