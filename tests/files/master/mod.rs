//! Static records from their files to the octets of answers. `cases/NAME/zones` is what is served,
//! `questions` what is asked, `expected` what is said; `LIVEZONE_BLESS=1` writes that anew, read
//! the difference then.

mod bind;
mod reference;
mod server;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use server::{Server, shown};

#[test]
fn wildcards_are_those_of_rfc_4592() {
    compare("rfc4592");
}

#[test]
fn delegations_are_referred_and_a_ds_is_the_parents() {
    compare("delegations");
}

#[test]
fn aliases_are_followed_through_the_zones_served() {
    compare("aliases");
}

#[test]
fn services_win_and_static_records_stand_beside_them() {
    compare("services");
}

#[test]
fn glue_that_does_not_fit_sets_tc() {
    let mut zone = "$TTL 5\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.1\n".to_owned();
    for n in 0..13 {
        writeln!(zone, "sub NS ns{n}.sub\nns{n}.sub A 192.0.2.{n}\nns{n}.sub AAAA 2001:db8::{n}")
            .unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a.test")).unwrap();
    fs::write(folder.path().join("a.test/a.zone"), zone).unwrap();
    let server = Server::load(folder.path());
    let small = server.ask_udp("x.sub.a.test.", "A", 512);
    assert!(small.metadata.truncation && small.authorities.len() == 13);
    let large = server.ask_udp("x.sub.a.test.", "A", 1232);
    assert!(!large.metadata.truncation);
    assert_eq!(large.additionals.len(), 26);
}

/// Asks each question of a case and holds the answers against the expectation.
fn compare(case: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/master/cases").join(case);
    let server = Server::load(&folder.join("zones"));
    let mut said = String::new();
    for complaint in &server.complaints {
        let path = complaint.path.strip_prefix(folder.join("zones")).unwrap().display();
        let (line, column) = complaint.line_column().unwrap();
        writeln!(said, "{path}:{line}:{column}: {}", complaint.message).unwrap();
    }
    for line in fs::read_to_string(folder.join("questions")).unwrap().lines() {
        let Some((name, rtype)) = line.split_once(' ').filter(|_| !line.starts_with(';')) else {
            writeln!(said, "\n{line}").unwrap();
            continue;
        };
        writeln!(said, "\n{name} {rtype}\n{}", shown(&server.ask(name, rtype))).unwrap();
    }
    let expectation = folder.join("expected");
    if std::env::var_os("LIVEZONE_BLESS").is_some() {
        fs::write(expectation, said).unwrap();
    } else {
        assert_eq!(fs::read_to_string(expectation).unwrap_or_default(), said);
    }
}
