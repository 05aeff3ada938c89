//! RFC 8945: Secret key transaction authentication for DNS (TSIG). Nobody has a key.

use crate::message::Message;
use crate::query::{Ask, ask, opt, record, wire};

const TIME: [u8; 6] = [0, 0, 0x65, 1, 2, 3];
const FUDGE: [u8; 2] = [1, 0x2c];

fn tsig(key: &str, algorithm: &str, mac: &[u8]) -> Vec<u8> {
    let length = u16::try_from(mac.len()).unwrap().to_be_bytes();
    let id = [0xab, 0xcd];
    let rdata = [&wire(algorithm)[..], &TIME, &FUDGE, &length, mac, &id, &[0, 0], &[0, 0]].concat();
    record(&wire(key), 250, 255, 0, &rdata)
}

fn signed(ask: Ask) -> Ask {
    ask.record_in(3, &tsig("a-key.example", "hmac-sha256", &[7; 32]))
}

/// Sections 5.2.1 and 5.3.2: NOTAUTH, and an unsigned TSIG with BADKEY behind all else.
fn has_badkey(reply: &Message) {
    assert_eq!((reply.rcode(), reply.aa()), ("NOTAUTH", false));
    assert!(reply.answer.is_empty() && reply.authority.is_empty());
    let [tsig] = &reply.additional[..] else { panic!("no TSIG: {reply:?}") };
    assert_eq!((&*tsig.owner, tsig.rtype, tsig.class, tsig.ttl), ("a-key.example.", 250, 255, 0));
    let badkey = [0, 17];
    let expected =
        [&wire("hmac-sha256")[..], &TIME, &FUDGE, &[0, 0], &[0xab, 0xcd], &badkey, &[0, 0]];
    let data = &reply.octets[tsig.place..tsig.place + tsig.length];
    assert_eq!(data, expected.concat());
    assert_eq!(tsig.place + tsig.length, reply.octets.len(), "TSIG is last");
}

#[test]
fn a_key_that_nobody_knows_is_notauth_with_badkey() {
    for reply in signed(ask("a.test", "SOA")).both() {
        has_badkey(&reply);
    }
    // The OPT record stands before it.
    for reply in signed(ask("a.test", "SOA").edns(1232)).both() {
        has_badkey(&reply);
        assert!(reply.opt.is_some());
    }
}

/// A signature is judged before what it signs.
#[test]
fn what_is_signed_is_not_looked_at() {
    for (name, rtype) in [("elsewhere.net", "A"), ("a.test", "AXFR"), ("none.a.test", "A")] {
        has_badkey(&signed(ask(name, rtype)).udp());
    }
}

/// Section 5.1: it must be the last record, and the only one.
#[test]
fn a_tsig_that_is_not_last_or_not_alone_is_a_format_error() {
    let key = tsig("a-key.example", "hmac-sha256", &[7; 32]);
    for ask in [
        ask("a.test", "SOA").record_in(3, &key).edns(1232),
        ask("a.test", "SOA").record_in(3, &key).record_in(3, &key),
        ask("a.test", "SOA").record_in(1, &key),
        ask("a.test", "SOA").record_in(2, &key).record_in(3, &opt(1232, 0, &[])),
    ] {
        let reply = ask.udp();
        assert!(reply.rcode() == "FORMERR" && reply.answer.is_empty(), "{reply:?}");
    }
}

/// Section 5.2: what cannot be read is no signature.
#[test]
fn a_tsig_that_is_cut_is_a_format_error() {
    let algorithm = wire("hmac-sha256");
    for rdata in [
        algorithm.clone(),
        [&algorithm[..], &TIME, &FUDGE, &[0, 40], &[7; 8]].concat(),
        [&algorithm[..], &TIME, &FUDGE, &[0, 0], &[0xab, 0xcd, 0, 0, 0, 9]].concat(),
    ] {
        let cut = record(&wire("a-key.example"), 250, 255, 0, &rdata);
        let reply = ask("a.test", "SOA").record_in(3, &cut).udp();
        assert_eq!(reply.rcode(), "FORMERR", "{rdata:x?}");
    }
}
