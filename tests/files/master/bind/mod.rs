//! BIND serves the same master files and is sent the same packets. Needs `named` (Debian's bind9):
//! `cargo test --test files master::bind -- --ignored`.

mod packets;
mod pair;
mod said;
mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use packets::packets;
use pair::{EXPIRE, Pair, SUBNET};
use said::ReplyParts;
use servers::{Server, files};

const PACKETS: usize = 12_000;

/// Where the two differ, and may. An entry takes its difference out of both replies and says
/// whether there was one; one that is never there fails the test.
const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "BIND follows aliases inside the zone asked only",
        why: "a client would ask again, and so does the test",
        forgive: |pair| pair.ask_on(),
    },
    Difference {
        what: "BIND repeats CD",
        why: "RFC 4035 section 3.1.6: an authoritative server should clear it",
        forgive: |pair| pair.checking_disabled(),
    },
    Difference {
        what: "ANY is one RRset here",
        why: "RFC 8482 section 4.1",
        forgive: |pair| pair.one_of_any(),
    },
    Difference {
        what: "REFUSED comes with a reason here",
        why: "RFC 8914 section 4.21, for those who asked with EDNS",
        forgive: |pair| pair.extended_error(),
    },
    Difference {
        what: "a referral tells a DS here to who sets DO",
        why: "RFC 4035 section 3.1.4.1; BIND does so in signed zones",
        forgive: |pair| pair.proof_of_referral(),
    },
    Difference {
        what: "addresses beside an answer, or of other servers in a referral",
        why: "a courtesy of either; glue is compared",
        forgive: |pair| pair.courtesy(),
    },
    Difference {
        what: "a FORMERR is a header and nothing else here",
        why: "what made it wrong is not sent back; NSD and gdnsd do the same",
        forgive: |pair| pair.bare_format_error(),
    },
    Difference {
        what: "BIND reads a question that points into the header",
        why: "there is nothing before a question to point to: it is no name that a client writes",
        forgive: |pair| pair.compressed_question(),
    },
    Difference {
        what: "another class is REFUSED here; BIND has FORMERR, NOTIMP, or answers three CH a second",
        why: "we serve no such class, and nobody is left without an answer (RFC 8906)",
        forgive: |pair| pair.class(),
    },
    Difference {
        what: "a type that is no data is NOTIMP here and FORMERR there",
        why: "the message is well formed (RFC 6895 section 3.1)",
        forgive: |pair| pair.meta_type(),
    },
    Difference {
        what: "a transfer is REFUSED here, wherever it begins",
        why: "RFC 5936 section 2.2.1 lets us; NOTAUTH tells where zones begin",
        forgive: |pair| pair.transfer(),
    },
    Difference {
        what: "BIND puts its own time and the message's id into the TSIG record of an unknown key",
        why: "RFC 8945 section 5.3.2: it is not signed, and so is the query's, repeated",
        forgive: |pair| pair.unknown_key(),
    },
    Difference {
        what: "any other opcode is NOTIMP here; BIND knows NOTIFY and UPDATE and reads the question first",
        why: "zones come from files, and an opcode nobody knows may have any body",
        forgive: |pair| pair.opcode(),
    },
    Difference {
        what: "BIND repeats neither question nor RD in a NOTIMP",
        why: "RFC 1035 section 4.1.1 has RD copied",
        forgive: |pair| pair.bare_not_implemented(),
    },
    Difference {
        what: "BIND repeats a client's subnet",
        why: "RFC 7871 section 7.1.3: who does not know the option ignores it",
        forgive: |pair| pair.option_of_theirs(SUBNET),
    },
    Difference {
        what: "a record without data, of a type that nobody knows, is FORMERR here",
        why: "the library reads none but in UPDATE; no client sends one in a query",
        forgive: |pair| pair.empty_record(),
    },
    Difference {
        what: "BIND follows no alias for RRSIG, NSEC and their forerunners",
        why: "they may stand beside a CNAME in signed zones; ours are not",
        forgive: |pair| pair.beside_alias(),
    },
    Difference {
        what: "BIND leaves out glue that does not fit and sets no TC",
        why: "RFC 9471 section 3: all in-domain glue, or TC",
        forgive: |pair| pair.glue_that_does_not_fit(),
    },
    Difference {
        what: "BIND sets TC up to 20 octets before the size is reached",
        why: "it reserves for names before it compresses them",
        forgive: |pair| pair.cautious(),
    },
    Difference {
        what: "BIND sets AD beside TC when it was set in the query",
        why: "RFC 6840 section 5.8 speaks of validated data; there is none",
        forgive: |pair| pair.authentic(),
    },
    Difference {
        what: "BIND tells when a zone expires",
        why: "RFC 7314 is for secondaries, and zones are not transferred here",
        forgive: |pair| pair.option_of_theirs(EXPIRE),
    },
    Difference {
        what: "each leaves out other records when it sets TC",
        why: "RFC 2181 section 9: the asker comes again over TCP, where all is compared",
        forgive: |pair| pair.truncated(),
    },
];

struct Difference {
    /// What each does.
    what: &'static str,
    /// Why that is well.
    why: &'static str,
    forgive: fn(&mut Pair<'_>) -> bool,
}

#[test]
#[ignore = "needs BIND's named"]
fn bind_says_the_same() {
    let zones = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/master/bind/zones");
    let ours = Server::livezone(&zones);
    let theirs = Server::named(&zones, "yes");
    let mut used: BTreeMap<&str, usize> = DIFFERENCES.iter().map(|d| (d.what, 0)).collect();
    let mut unexplained = Vec::new();
    for packet in packets(&names(&zones), PACKETS) {
        let mut pair = Pair::new(&packet, &ours, &theirs);
        for difference in DIFFERENCES {
            if !pair.is_equal() && (difference.forgive)(&mut pair) {
                *used.get_mut(difference.what).unwrap() += 1;
            }
        }
        if !pair.is_equal() {
            unexplained.push(format!("{pair}"));
        }
    }
    let shown = unexplained.iter().take(40).cloned().collect::<Vec<_>>().join("\n");
    assert!(unexplained.is_empty(), "{} differences, the first:\n{shown}", unexplained.len());
    let unused = DIFFERENCES.iter().filter(|d| used[d.what] == 0).map(|d| (d.what, d.why));
    assert_eq!(unused.collect::<Vec<_>>(), [], "these differ no more");
}

/// Types whose records name a host, and some whose records do not: NS, MB, MG, MR, PTR, MINFO, MX, RP,
/// AFSDB, RT, SRV, NAPTR, KX, SVCB and HTTPS.
const NAMING: [u16; 15] = [2, 7, 8, 9, 12, 14, 15, 17, 18, 21, 33, 35, 36, 64, 65];

const HTTPS: u16 = 65;

/// What goes along with an answer when BIND may send it.
#[test]
#[ignore = "needs BIND's named"]
fn bind_sends_the_same_along() {
    let zones = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/master/bind/along");
    let ours = Server::livezone(&zones);
    let theirs = Server::named(&zones, "no-auth");
    let (mut differing, mut sent) = (Vec::new(), BTreeSet::new());
    for (name, rtype) in names(&zones).iter().flat_map(|n| NAMING.map(|rtype| (n, rtype))) {
        let packet = packets::plain(name, rtype);
        let said = |server: &Server| ReplyParts::read(&packet, &server.ask(&packet).unwrap());
        let (ours, theirs) = (said(&ours), said(&theirs));
        // BIND sends an alias that a HTTPS record names, and what it leads to. We send no aliases.
        let is_alias = rtype == HTTPS && name.starts_with("svc-cname.");
        if ours.answer.is_empty() || is_alias {
            continue;
        }
        if ours.additional != theirs.additional {
            let [ours, theirs] = [&ours.additional, &theirs.additional];
            differing.push(format!("{packet:?}\n  ours   {ours:?}\n  theirs {theirs:?}"));
        } else if !ours.additional.is_empty() {
            sent.insert(rtype);
        }
    }
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
    assert_eq!(sent, BTreeSet::from([2, 7, 15, 18, 21, 33, 35, 36, 64, 65]));
}

/// Every name of the files and those above.
fn names(zones: &Path) -> Vec<String> {
    let mut names = BTreeSet::new();
    for (apex, file) in files(zones) {
        let text = fs::read_to_string(file).unwrap();
        let owners = text.lines().filter(|l| !l.starts_with([' ', '$', ';', '@']));
        for owner in owners.filter_map(|line| line.split_whitespace().next()) {
            let mut name = format!("{owner}.{apex}.");
            while name.len() > apex.len() + 1 {
                names.insert(name.clone());
                name = name.split_once('.').unwrap().1.to_owned();
            }
        }
        names.insert(format!("{apex}."));
    }
    for outside in [".", "test.", "elsewhere.", "version.bind.", "xexample."] {
        names.insert(outside.to_owned());
    }
    names.into_iter().collect()
}
