//! RFC 8906: A common operational problem in DNS servers: failure to communicate. The tests of its
//! section 8, and those of the flag day's checker; silence is what is tested for.

use crate::message::Message;
use crate::query::{AA, AD, Ask, CD, RA, RD, TC, Z, ask, nothing, option, record, wire};

const DO: u32 = 0x8000;
const VERSION_1: u32 = 0x0001_0000;

fn soa() -> Ask {
    ask("a.test", "SOA")
}

/// A SOA of ours, over both transports.
fn has_soa(ask: &Ask) -> [Message; 2] {
    let replies = ask.both();
    for reply in &replies {
        assert_eq!((reply.rcode(), reply.aa()), ("NOERROR", true));
        assert!(reply.answer.len() == 1 && reply.answer[0].rtype == 6);
        assert_eq!(reply.flags & (TC | RA | Z | AD | CD), 0);
    }
    replies
}

/// Section 8.1.1: `dig +noedns +noad +norec soa zone`.
#[test]
fn a_plain_question_for_the_soa() {
    has_soa(&soa());
}

/// Section 8.1.2: `dig +noedns +noad +norec type1000 zone`.
#[test]
fn an_unknown_type_is_no_data() {
    for reply in ask("a.test", "TYPE1000").both() {
        assert!(reply.is_nodata());
    }
}

/// Section 8.1.3.1: `+cd`.
#[test]
fn the_flag_cd() {
    has_soa(&soa().flags(CD));
}

/// Section 8.1.3.2: `+ad`.
#[test]
fn the_flag_ad() {
    has_soa(&soa().flags(AD));
}

/// Section 8.1.3.3: `+zflag`.
#[test]
fn the_reserved_bit() {
    has_soa(&soa().flags(Z));
}

/// Section 8.1.3.4: `+rec`; RA must be clear.
#[test]
fn recursion_desired() {
    for reply in has_soa(&soa().flags(RD)) {
        assert_ne!(reply.flags & RD, 0);
    }
}

/// The flag day's checker: `+aaflag`, `+raflag`, `+tcflag`.
#[test]
fn flags_of_answers_in_a_question() {
    for flag in [AA, RA, TC, AA | RA | TC, AA | RA | TC | Z | AD | CD | RD] {
        has_soa(&soa().flags(flag));
    }
}

/// Section 8.1.4: `+opcode=15 +header-only`; no SOA, the opcode kept.
#[test]
fn an_unknown_opcode() {
    for opcode in [3, 6, 7, 15] {
        for ask in [nothing().opcode(opcode), soa().opcode(opcode)] {
            for reply in ask.both() {
                assert!(reply.rcode() == "NOTIMP" && reply.is_empty(), "{opcode}");
            }
        }
    }
}

/// Section 8.1.5: `+tcp`.
#[test]
fn over_tcp() {
    assert_eq!(soa().tcp().answer.len(), 1);
}

/// Section 8.2.1: `+edns=0`.
#[test]
fn edns_version_0() {
    has_soa(&soa().edns(1232));
}

/// Section 8.2.2: `+edns=1`, and `+noednsneg`.
#[test]
fn edns_version_1() {
    for reply in soa().opt(1232, VERSION_1, &[]).both() {
        assert!(reply.rcode() == "BADVERS" && reply.is_empty());
        assert_eq!(reply.opt.unwrap().version, 0);
    }
}

/// Section 8.2.3: `+ednsopt=100`.
#[test]
fn an_unknown_option() {
    for reply in has_soa(&soa().opt(1232, 0, &option(100, b""))) {
        assert_eq!(reply.option(100), None);
    }
}

/// Section 8.2.4: `+ednsflags=0x40`.
#[test]
fn unknown_flags_of_edns() {
    for flag in [0x40, 0x80, 0x4000] {
        has_soa(&soa().opt(1232, flag, &[]));
    }
}

/// Section 8.2.5: `+edns=1 +ednsflags=0x40`.
#[test]
fn edns_version_1_with_unknown_flags() {
    for reply in soa().opt(1232, VERSION_1 | 0x40, &[]).both() {
        assert!(reply.rcode() == "BADVERS" && reply.is_empty());
    }
}

/// Section 8.2.6: `+edns=1 +ednsopt=100`.
#[test]
fn edns_version_1_with_an_unknown_option() {
    for reply in soa().opt(1232, VERSION_1, &option(100, b"x")).both() {
        assert!(reply.rcode() == "BADVERS" && reply.is_empty());
        assert_eq!(reply.option(100), None);
    }
}

/// Section 8.2.7: `+dnssec +bufsize=512 +ignore dnskey zone`, and what does not fit.
#[test]
fn a_small_buffer_with_dnssec_ok() {
    assert!(ask("a.test", "DNSKEY").opt(512, DO, &[]).udp().is_nodata());
    let reply = ask("many.a.test", "A").opt(512, DO, &[]).udp();
    assert!(reply.tc() && reply.opt.unwrap().flags == 0x8000);
}

/// Section 8.2.8: `+edns=1 +dnssec`.
#[test]
fn edns_version_1_with_dnssec_ok() {
    for reply in soa().opt(1232, VERSION_1 | DO, &[]).both() {
        assert!(reply.rcode() == "BADVERS" && reply.is_empty());
        assert_eq!(reply.opt.unwrap().flags, 0x8000);
    }
}

/// Section 8.2.9: `+nsid +expire +subnet +cookie` together.
#[test]
fn several_options_at_once() {
    let options = [
        option(3, b""),
        option(9, b""),
        option(8, &[0, 1, 0, 0]),
        option(10, &[1, 2, 3, 4, 5, 6, 7, 8]),
        option(11, b""),
    ];
    for reply in has_soa(&soa().opt(1232, 0, &options.concat())) {
        for not_done in [3, 9, 8] {
            assert_eq!(reply.option(not_done), None, "{not_done}");
        }
    }
}

/// The flag day's checker: `+dnssec`, over UDP and TCP.
#[test]
fn dnssec_ok() {
    for reply in has_soa(&soa().opt(1232, DO, &[])) {
        assert_eq!(reply.opt.unwrap().flags, 0x8000);
    }
}

/// Section 8.3 (the checker's `signed`): a TSIG of a key that nobody knows is answered.
#[test]
fn a_signature_of_an_unknown_key() {
    let algorithm = wire("hmac-sha256");
    let tail = [&[0, 0, 0x65, 0, 0, 0, 1, 0x2c, 0, 16][..], &[7; 16], &[0, 0, 0, 0, 0, 0]].concat();
    let tsig = record(&wire("a-key"), 250, 255, 0, &[algorithm, tail].concat());
    for reply in soa().edns(1232).record_in(3, &tsig).both() {
        assert_eq!((reply.rcode(), reply.aa()), ("NOTAUTH", false));
        assert!(reply.answer.is_empty());
    }
}
