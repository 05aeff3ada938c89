//! RFC 4343: DNS case insensitivity clarification.

use crate::query::{ask, nothing, question, wire};

/// Every mixture of cases of a name's letters.
fn mixtures(name: &str) -> impl Iterator<Item = String> {
    let letters = name.bytes().filter(u8::is_ascii_alphabetic).count();
    (0..1u32 << letters).map(move |upper| {
        let mut letter = 0;
        let cased = name.chars().map(|c| {
            letter += u32::from(c.is_ascii_alphabetic());
            let is_upper = c.is_ascii_alphabetic() && upper >> (letter - 1) & 1 == 1;
            if is_upper { c.to_ascii_uppercase() } else { c }
        });
        cased.collect()
    })
}

/// Sections 3 and 4.1: case is not minded, and comes back as it was asked. The harness holds the
/// question against the one asked, octet by octet.
#[test]
fn every_mixture_of_cases_is_the_same_name_and_is_echoed() {
    for name in mixtures("www.a.test") {
        let reply = ask(&name, "A").udp();
        assert_eq!(reply.answer.len(), 2, "{name}");
        // The owner points to the question, and has its case.
        assert!(reply.answer.iter().all(|record| record.owner == format!("{name}.")));
    }
}

#[test]
fn services_tags_instances_and_addresses_are_found_in_any_case() {
    for name in [
        "WEB.service.internal",
        "V1.Web.SERVICE.internal",
        "Web-1.WEB.service.INTERNAL",
        "_WEB._TCP.service.internal",
        "_Web._V1.service.internal",
        "0A000001.ADDR.service.internal",
    ] {
        for reply in ask(name, "A").both() {
            assert!(!reply.answer.is_empty(), "{name}");
            assert!(reply.answer.iter().all(|record| record.owner == format!("{name}.")));
        }
    }
}

#[test]
fn wildcards_delegations_and_dnames_are_found_in_any_case() {
    assert_eq!(
        ask("X.WILD.a.TEST", "TXT").udp().answers(),
        ["x.wild.a.test. 300 TXT \"from the wildcard\""]
    );
    assert_eq!(ask("X.SUB.A.TEST", "A").udp().authority.len(), 2);
    assert_eq!(ask("WWW.MOVED.A.TEST", "A").udp().answer.len(), 3);
    assert!(ask("NONE.A.TEST", "A").udp().is_nxdomain());
}

/// Section 3.1: ASCII letters alone have two cases; 0xc1 is no A, nor is '[' a '{'.
#[test]
fn only_ascii_letters_have_cases() {
    for (lower, upper) in [(b'{', b'['), (b'~', b'^'), (0xe9, 0xc9), (b'@', b'`'), (b'-', 0x0d)] {
        let name = [&[3, b'o', b'd', upper], &wire("a.test")[..]].concat();
        assert!(nothing().question(&question(&name, 1, 1)).udp().is_nxdomain(), "{lower}");
    }
    let name = [&b"\x06byte\x00\xdf"[..], &wire("a.test")].concat();
    assert!(nothing().question(&question(&name, 1, 1)).udp().is_nxdomain());
    let name = [&b"\x06BYte\x00\xff"[..], &wire("a.test")].concat();
    assert_eq!(nothing().question(&question(&name, 1, 1)).udp().answer.len(), 1);
}
