//! RFC 1035: Domain names, implementation and specification. Messages.

use std::io::Write;
use std::net::Shutdown;

use crate::query::{AA, RA, RD, Stream, TC, Z, ask, framed, nothing, silent};

/// Section 4.1.1.
#[test]
fn the_id_is_the_askers() {
    for id in [0, 1, 0x00ff, 0xff00, 0xffff] {
        for reply in ask("www.a.test", "A").id(id).both() {
            assert_eq!(reply.id, id);
        }
    }
}

/// Section 4.1.1: a response is never answered; two servers would talk for ever.
#[test]
fn a_response_gets_no_answer_whatever_it_says() {
    ask("www.a.test", "A").flags(0x8000).gets_nothing();
    ask("www.a.test", "A").flags(0x8000).opcode(4).gets_nothing();
    nothing().flags(0x8000).gets_nothing();
    nothing().flags(0x8001).count(0, 9).gets_nothing();
    ask("www.a.test", "A").flags(0x8000).opt(1232, 0x0001_0000, &[]).gets_nothing();
    ask("www.elsewhere.net", "A").flags(0x8000).gets_nothing();
}

#[test]
fn less_than_a_header_gets_no_answer() {
    let whole = ask("www.a.test", "A").octets();
    for length in 0..12 {
        silent(&whole[..length]);
    }
}

/// Section 4.1.1: in a query AA, TC, RA and Z mean nothing, and no answer repeats them.
#[test]
fn flags_that_are_ours_are_neither_minded_nor_repeated() {
    for flags in [AA, TC, RA, Z, AA | TC | RA | Z, AA | TC | RD | RA | Z] {
        for reply in ask("www.a.test", "A").flags(flags).both() {
            assert_eq!(reply.answer.len(), 2, "{flags:#x}");
            assert_eq!(reply.flags & !RD, 0x8400, "{flags:#x}");
        }
    }
}

/// Section 4.1.1: an rcode in a query means nothing.
#[test]
fn an_rcode_in_a_query_is_neither_minded_nor_repeated() {
    for rcode in 1..16 {
        assert_eq!(ask("www.a.test", "A").flags(rcode).udp().rcode(), "NOERROR");
    }
}

/// Section 4.1.1: opcodes 1 (IQUERY) and 2 (STATUS), and those that nobody has defined.
#[test]
fn an_opcode_that_is_not_query_is_not_implemented() {
    for opcode in 1..16 {
        for reply in ask("www.a.test", "A").opcode(opcode).both() {
            assert_eq!((reply.rcode(), reply.aa()), ("NOTIMP", false), "{opcode}");
            assert!(reply.is_empty());
        }
    }
}

/// Section 4.1.2: what is cut at any place cannot be answered but by FORMERR.
#[test]
fn a_question_cut_anywhere_is_a_format_error() {
    let ask = ask("www.a.test", "A");
    let whole = ask.octets();
    for end in 12..whole.len() {
        let cut = nothing().id(ask.id).count(0, 1).tail(&whole[12..end]);
        for reply in cut.both() {
            assert_eq!(reply.rcode(), "FORMERR", "{end}");
            assert!(reply.is_header_alone());
        }
    }
}

/// Section 4.1.1: counts that promise more than there is.
#[test]
fn records_that_are_promised_and_not_there_are_a_format_error() {
    for section in 1..4 {
        for count in [1, 2, 0xffff] {
            let reply = ask("www.a.test", "A").count(section, count).udp();
            assert_eq!(reply.rcode(), "FORMERR", "{section} {count}");
            assert!(reply.is_header_alone());
        }
    }
}

/// Section 4.1.3: records that a query has no use for.
#[test]
fn records_in_a_query_are_read_and_not_minded() {
    let record = crate::query::record(b"\xc0\x0c", 1, 1, 60, &[192, 0, 2, 1]);
    for section in 1..4 {
        for reply in ask("www.a.test", "A").record_in(section, &record).both() {
            assert_eq!(reply.answer.len(), 2);
        }
        let cut = &record[..record.len() - 1];
        let reply = ask("www.a.test", "A").record_in(section, cut).udp();
        assert_eq!(reply.rcode(), "FORMERR");
    }
}

#[test]
fn octets_behind_a_message_are_not_minded() {
    for reply in ask("www.a.test", "A").tail(b"more").both() {
        assert_eq!(reply.answer.len(), 2);
    }
}

/// Section 4.1.4: the owner is a pointer to the question.
#[test]
fn owners_that_are_the_question_are_compressed() {
    let reply = ask("www.a.test", "A").udp();
    let second = reply.octets.len() - 16;
    assert_eq!(reply.octets[second..second + 2], [0xc0, 12]);
    assert_eq!(reply.octets.len(), 12 + 16 + 2 * 16);
}

/// Section 4.2.1.
#[test]
fn without_edns_a_datagram_has_at_most_512_octets() {
    for (name, rtype) in
        [("many.a.test", "A"), ("texts.a.test", "TXT"), ("big.service.internal", "SRV")]
    {
        let ask = ask(name, rtype);
        let reply = ask.udp();
        assert!(reply.tc() && reply.octets.len() <= 512);
        assert!(ask.tcp().answer.len() > reply.answer.len());
    }
}

/// Section 4.2.2.
#[test]
fn over_tcp_each_message_has_its_length_before_it_and_all_are_answered() {
    let asks = ["www.a.test", "mail.a.test", "none.a.test"].map(|name| ask(name, "A"));
    let mut stream = Stream::open();
    stream.send(&asks.each_ref());
    let replies = asks.each_ref().map(|ask| stream.receive(ask).rcode());
    assert_eq!(replies, ["NOERROR", "NOERROR", "NXDOMAIN"]);
}

/// Section 4.2.2: a message may come in any pieces.
#[test]
fn over_tcp_a_message_may_come_octet_by_octet() {
    let ask = ask("www.a.test", "A");
    let mut stream = Stream::open();
    stream.0.set_nodelay(true).unwrap();
    for octet in framed(&ask.octets()) {
        stream.0.write_all(&[octet]).unwrap();
    }
    assert_eq!(stream.receive(&ask).answer.len(), 2);
}

#[test]
fn who_has_said_all_still_hears_the_answers() {
    let asks = ["www.a.test", "mail.a.test"].map(|name| ask(name, "A"));
    let mut stream = Stream::open();
    stream.send(&asks.each_ref());
    stream.0.shutdown(Shutdown::Write).unwrap();
    for ask in &asks {
        assert_eq!(stream.receive(ask).rcode(), "NOERROR");
    }
    assert_eq!(stream.next(), None);
}

/// Section 3.3.9: "MX records cause type A additional section processing for the host specified by
/// EXCHANGE": those of the zone, each once, and none for an alias, a delegated host or nobody.
#[test]
fn an_mx_brings_the_addresses_of_its_exchanges() {
    let mail = ["mail.along.test. 300 A 192.0.2.25", "mail.along.test. 300 AAAA 2001:db8::25"];
    for name in ["mx.along.test", "to-mx.along.test"] {
        for reply in ask(name, "MX").edns(1232).both() {
            assert_eq!(reply.additional_set(), mail, "{name}");
        }
    }
    // Sections 3.3.3 to 3.3.5: MB, MD and MF do so too.
    for (name, rtype) in [("mb", "TYPE7"), ("md", "TYPE3"), ("mf", "TYPE4")] {
        let reply = ask(&format!("{name}.along.test"), rtype).edns(1232).udp();
        assert_eq!(
            (reply.answer.len(), reply.additional_set()),
            (1, mail.map(str::to_owned).to_vec())
        );
    }
    assert!(ask("null.along.test", "MX").edns(1232).udp().additional.is_empty());
}

/// A host that is a service is as healthy as its instances, and no longer kept than they are.
#[test]
fn an_exchange_that_is_a_service_brings_its_healthy_addresses() {
    let reply = ask("service.along.test", "MX").edns(1232).udp();
    let expected = ["web.along.test. 7 A 10.0.0.1", "web.along.test. 7 AAAA fd00::1"];
    assert_eq!(reply.additional_set(), expected);
    let reply = ask("down.along.test", "MX").edns(1232).udp();
    assert_eq!((reply.answer.len(), reply.additional.len()), (1, 0));
}

/// RFC 2181 section 9: addresses that do not fit are left out, a whole set at a time, without TC; TC
/// means that answers are missing.
#[test]
fn addresses_of_exchanges_are_left_out_before_any_answer() {
    let reply = ask("wide.along.test", "MX").edns(1232).udp();
    assert_eq!((reply.tc(), reply.answer.len(), reply.additional.len()), (false, 1, 0));
    assert_eq!(ask("wide.along.test", "MX").tcp().additional.len(), 101);
    let sizes = (512..=4096).step_by(97).chain([1232]);
    for size in sizes {
        let reply = ask("many.along.test", "MX").edns(size).udp();
        assert_eq!(reply.tc(), reply.answer.len() < 100, "{size}");
        assert!(!reply.tc() || reply.additional.is_empty(), "{size}");
    }
    let reply = ask("many.along.test", "MX").tcp();
    assert_eq!((reply.answer.len(), reply.additional.len()), (100, 100));
}
