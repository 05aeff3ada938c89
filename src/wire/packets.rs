//! Packets octet by octet, and what they become.

use hickory_proto::rr::RData;

use crate::model::dns::{Rcode, Rtype};
use crate::model::name::Name;
use crate::wire::header::{HEADER, Head};
use crate::wire::options::{Edns, Options};
use crate::wire::records::{self, hickory};
use crate::wire::request::{Ignored, Incoming, parse};

const WEB: &[u8] = b"\x03wEb\x07service\x08internal\x00";

/// A message with this header tail (flags and counts), a question and more records.
fn packet(flags: u16, counts: [u16; 4], question: &[u8], records: &[u8]) -> Vec<u8> {
    let mut out = vec![0x12, 0x34];
    out.extend(flags.to_be_bytes());
    out.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    out.extend(question);
    out.extend(records);
    out
}

fn question(name: &[u8], rtype: u16, class: u16) -> Vec<u8> {
    [name, &rtype.to_be_bytes(), &class.to_be_bytes()].concat()
}

fn opt(version: u8, dnssec_ok: u8, rdata: &[u8]) -> Vec<u8> {
    let len = u16::try_from(rdata.len()).unwrap().to_be_bytes();
    [&[0, 0, 41, 0x10, 0x00, 0, version, dnssec_ok, 0], &len[..], rdata].concat()
}

fn rcode(packet: &[u8]) -> (Rcode, bool, bool) {
    match parse(packet) {
        Incoming::Reject(r) => (r.rcode, r.question.is_some(), r.edns.is_some()),
        other => panic!("{other:?}"),
    }
}

fn asks(rtype: u16, class: u16) -> Vec<u8> {
    packet(0, [1, 0, 0, 0], &question(WEB, rtype, class), b"")
}

#[test]
fn a_query_is_folded_for_the_zones_and_kept_for_the_echo() {
    let raw = packet(0x0130, [1, 0, 0, 1], &question(WEB, 1, 1), &opt(0, 0x80, b""));
    let Incoming::Query(query) = parse(&raw) else { panic!() };
    assert_eq!(query.asked.name, Name::parse("web.service.internal").unwrap());
    assert_eq!(query.asked.octets, question(WEB, 1, 1));
    assert_eq!(query.head, Head { id: 0x1234, echoed: 0x0100 });
    assert_eq!(query.asked.rtype, Rtype::A);
    assert_eq!(
        query.edns,
        Some(Edns { payload: 4096, dnssec_ok: true, options: Options::default() })
    );
}

#[test]
fn the_question_has_the_type_and_class_of_the_packet_whatever_they_are() {
    for rtype in 0..=u16::MAX {
        let class = rtype.swap_bytes();
        let raw = asks(rtype, class);
        let asked = match parse(&raw) {
            Incoming::Query(query) => query.asked,
            Incoming::Reject(rejected) => rejected.question.unwrap(),
            Incoming::Ignore(why) => panic!("{rtype} {why:?}"),
        };
        assert_eq!((asked.rtype, asked.class), (Rtype(rtype), class));
        assert_eq!(asked.octets, question(WEB, rtype, class));
    }
}

#[test]
fn a_name_of_255_octets_is_read_and_a_longer_one_is_a_format_error() {
    let name = |last: u8| {
        let full = [&[63u8][..], &[b'A'; 63]].concat().repeat(3);
        [&full[..], &[last], &vec![b'A'; last.into()], &[0]].concat()
    };
    let ask = |name: &[u8]| packet(0, [1, 0, 0, 0], &question(name, 1, 1), b"");
    let longest = ask(&name(61));
    let Incoming::Query(query) = parse(&longest) else { panic!() };
    assert_eq!(query.asked.name.as_wire(), name(61).to_ascii_lowercase());
    assert_eq!(query.asked.octets, question(&name(61), 1, 1));
    assert_eq!(rcode(&ask(&name(62))), (Rcode::FormErr, false, false));
}

#[test]
fn responses_and_fragments_are_ignored_however_wrong_they_are() {
    assert_eq!(parse(b""), Incoming::Ignore(Ignored::Short));
    assert_eq!(parse(&[0x80; 11]), Incoming::Ignore(Ignored::Short));
    assert_eq!(parse(&[0xff; 12]), Incoming::Ignore(Ignored::Response));
    let malformed = packet(0x8000, [7, 0, 0, 0], b"\xff", b"");
    assert_eq!(parse(&malformed), Incoming::Ignore(Ignored::Response));
}

#[test]
fn other_opcodes_are_not_implemented_and_their_question_is_echoed_if_there_is_one() {
    let question = question(WEB, 6, 1);
    for opcode in 1..16u16 {
        let whole = packet(opcode << 11, [1, 0, 0, 1], &question, &opt(0, 0, b""));
        assert_eq!(rcode(&whole), (Rcode::NotImp, true, true), "{opcode}");
        let none = packet(opcode << 11, [0, 0, 0, 0], b"", b"");
        assert_eq!(rcode(&none), (Rcode::NotImp, false, false), "{opcode}");
    }
}

#[test]
fn no_question_or_two_is_a_format_error_without_an_echo() {
    let one = question(WEB, 1, 1);
    let two = [one.clone(), one].concat();
    for count in [0, 2, 0xffff] {
        let packet = packet(0, [count, 0, 0, 0], &two, b"");
        assert_eq!(rcode(&packet), (Rcode::FormErr, false, false), "{count}");
    }
}

#[test]
fn a_question_that_is_not_written_out_is_a_format_error() {
    let long = [&[63u8][..], &[b'a'; 63]].concat().repeat(4);
    let long = [&long[..], &[0]].concat();
    for name in [&b"\xc0\x0c"[..], b"\x03web\xc0\x0c", b"\x40a\x00", b"\x03we", &long] {
        let packet = packet(0, [1, 0, 0, 0], &question(name, 1, 1), b"");
        assert_eq!(rcode(&packet), (Rcode::FormErr, false, false), "{name:?}");
    }
    // hickory follows these: to the root in ANCOUNT, and to the name `a` in the id.
    for name in [&b"\xc0\x06"[..], b"\x03web\xc0\x06", b"\xc0\x00", b"\x03web\xc0\x00"] {
        for (flags, expected) in
            [(0, (Rcode::FormErr, false, false)), (0x2800, (Rcode::NotImp, false, true))]
        {
            let mut packet = packet(flags, [1, 0, 0, 1], &question(name, 1, 1), &opt(0, 0, b""));
            packet[..2].copy_from_slice(b"\x01a");
            assert_eq!(rcode(&packet), expected, "{name:?}");
        }
    }
    let whole = asks(1, 1);
    for cut in HEADER..whole.len() {
        assert_eq!(rcode(&whole[..cut]).0, Rcode::FormErr, "{cut}");
    }
}

#[test]
fn a_wrong_opt_record_is_a_format_error() {
    let question = question(WEB, 1, 1);
    let good = opt(0, 0, b"");
    let twice = packet(0, [1, 0, 0, 2], &question, &[&good[..], &good].concat());
    let below_root = packet(0, [1, 0, 0, 1], &question, &[b"\x01a", &good[..]].concat());
    let overrun = packet(0, [1, 0, 0, 1], &question, &opt(0, 0, b"\x00\x0a\x00\xff\x00"));
    let cut = packet(0, [1, 0, 0, 1], &question, &good[..good.len() - 1]);
    let in_answer = packet(0, [1, 1, 0, 0], &question, &good);
    let in_authority = packet(0, [1, 0, 1, 0], &question, &good);
    for wrong in [twice, below_root, overrun, cut, in_answer, in_authority] {
        assert_eq!(rcode(&wrong), (Rcode::FormErr, false, false), "{wrong:?}");
    }
}

#[test]
fn unknown_options_and_flags_and_other_records_are_ignored() {
    let question = question(WEB, 1, 1);
    // NSID, option 100, padding, and a client subnet of the family that `dig +subnet=0` names.
    let options = b"\x00\x03\x00\x00\x00\x64\x00\x01x\x00\x0c\x00\x02\x00\x00";
    let subnet = b"\x00\x08\x00\x04\x00\x00\x00\x00";
    let options = opt(0, 0x7f, &[&options[..], subnet].concat());
    let a_record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04";
    // Where another record has its class, this has the payload: ANY and NONE mean nothing here.
    for payload in [0, 1, 254, 255, 0xffff_u16] {
        let [high, low] = payload.to_be_bytes();
        let option = [0, 0, 41, high, low, 0xff, 0, 0xff, 0xff, 0, 4, 0, 3, 0, 0];
        let raw = packet(0, [1, 0, 0, 1], &question, &option);
        let Incoming::Query(query) = parse(&raw) else { panic!("{payload}") };
        assert_eq!(query.edns.unwrap().payload, payload);
    }
    for raw in [
        packet(0x06e0, [1, 0, 0, 1], &question, &options),
        packet(0, [1, 1, 1, 0], &question, &a_record.repeat(2)),
        packet(0, [1, 0, 0, 0], &question, b"trailing"),
    ] {
        assert!(matches!(parse(&raw), Incoming::Query(_)), "{raw:?}");
    }
}

#[test]
fn records_behind_an_opt_record_are_read_where_they_stand() {
    let question = question(WEB, 1, 1);
    let a_record = |owner: &[u8]| {
        [owner, b"\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x01\x02\x03\x04"].concat()
    };
    // hickory knows no client subnet of family 0, and a cut option is not for it to forgive.
    for options in [&b""[..], b"\x00\x08\x00\x04\x00\x00\x00\x00"] {
        let opt = opt(0, 0, options);
        let place = u8::try_from(HEADER + question.len() + opt.len()).unwrap();
        let ask = |pointer: u8| {
            let records = [&opt[..], &a_record(b"\x01b\x00"), &a_record(&[0xc0, pointer])];
            packet(0, [1, 0, 0, 3], &question, &records.concat())
        };
        let raw = ask(place);
        let Incoming::Query(query) = parse(&raw) else { panic!("{options:?}") };
        assert_eq!(query.edns.unwrap().payload, 4096);
        assert_eq!(rcode(&ask(0xff)), (Rcode::FormErr, false, false));
        let short = [&opt[..], b"\x00\x00\x01\x00\x01\x00\x00\x00\x01\x00\x03\x01\x02\x03"];
        let short = packet(0, [1, 0, 0, 2], &question, &short.concat());
        assert_eq!(rcode(&short), (Rcode::FormErr, false, false));
    }
}

#[test]
fn hickory_keeps_the_soa_of_an_incremental_transfer_and_sees_no_opt_and_no_tsig() {
    let soa = [&b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x18"[..], b"\xc0\x0c\xc0\x0c"];
    let soa = [&soa.concat()[..], &7u32.to_be_bytes(), &[0; 16]].concat();
    let records = [&soa[..], &opt(0, 0, b"\x00\x03\x00\x00"), TSIG].concat();
    let counts = [1, 0, 1, 2];
    let raw = packet(0, counts, &question(WEB, 251, 1), &records);
    let read = records::read(&raw, counts).unwrap();
    let request = hickory(&raw, &read.others).unwrap();
    let [soa] = &request.authorities[..] else { panic!("{:?}", request.authorities) };
    assert!(matches!(&soa.data, RData::SOA(soa) if soa.serial == 7), "{soa:?}");
    assert!(request.additionals.is_empty() && request.edns.is_none());
    assert!(request.signature.is_none());
}

#[test]
fn a_later_version_of_edns_and_a_signature_are_told_so() {
    let question = question(WEB, 1, 1);
    let later = packet(0, [1, 0, 0, 1], &question, &opt(1, 0x80, b""));
    assert_eq!(rcode(&later), (Rcode::BadVers, true, true));
    let signed = packet(0, [1, 0, 0, 1], &question, TSIG);
    assert_eq!(rcode(&signed), (Rcode::NotAuth, true, false));
    // It comes before everything else that could be said.
    let signed =
        |head: u16, later: &[u8]| packet(head, [1, 0, 0, 2], &question, &[later, TSIG].concat());
    assert_eq!(rcode(&signed(0, &opt(1, 0, b""))), (Rcode::NotAuth, true, true));
    assert_eq!(rcode(&signed(0x2800, &opt(0, 0, b""))), (Rcode::NotAuth, true, true));
}

/// Of the key `Key.`, with hmac-sha256.
const TSIG: &[u8] = b"\x03Key\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x2d\x0bhmac-sha256\x00\
    \x00\x00\x65\x00\x00\x00\x01\x2c\x00\x10aaaaaaaaaaaaaaaa\x12\x34\x00\x00\x00\x00";

#[test]
fn a_signature_that_is_not_last_or_none_is_a_format_error() {
    let question = question(WEB, 1, 1);
    let with =
        |count: u16, records: &[&[u8]]| packet(0, [1, 0, 0, count], &question, &records.concat());
    let twice = with(2, &[TSIG, TSIG]);
    let before_opt = with(2, &[TSIG, &opt(0, 0, b"")]);
    let in_answer = packet(0, [1, 1, 0, 0], &question, TSIG);
    let class_in = with(1, &[&TSIG[..7], &[0, 1], &TSIG[9..]]);
    let len = TSIG[14];
    let short = with(1, &[&TSIG[..14], &[len - 1], &TSIG[15..TSIG.len() - 1]]);
    let long = with(1, &[&TSIG[..14], &[len + 1], &TSIG[15..], &[0]]);
    let empty = with(1, &[&TSIG[..13], &[0, 0]]);
    let compressed = with(1, &[&TSIG[..14], &[34], b"\xc0\x0c", &TSIG[28..]]);
    for wrong in [twice, before_opt, in_answer, class_in, short, long, empty, compressed] {
        assert_eq!(rcode(&wrong), (Rcode::FormErr, false, false), "{wrong:?}");
    }
    // The names of other opcodes' records may be anything: they are still not implemented.
    let update = packet(0x2800, [1, 0, 0, 2], &question, &[TSIG, TSIG].concat());
    assert_eq!(rcode(&update), (Rcode::NotImp, true, false));
    let cut_address = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x00\x00\x03\x01\x02\x03";
    for (last, expected) in
        [(TSIG, (Rcode::NotAuth, true, false)), (&opt(0, 0, b"")[..], (Rcode::NotImp, true, true))]
    {
        let update = packet(0x2800, [1, 0, 1, 1], &question, &[&cut_address[..], last].concat());
        assert_eq!(rcode(&update), expected);
    }
}

#[test]
fn a_cookie_of_no_cookies_length_is_a_format_error() {
    let question = question(WEB, 1, 1);
    let ask = |version: u8, len: u8| {
        let option = [&[0, 10, 0, len], &vec![7; len.into()][..]].concat();
        packet(0, [1, 0, 0, 1], &question, &opt(version, 0, &option))
    };
    for len in [0, 7, 9, 15, 41] {
        assert_eq!(rcode(&ask(0, len)), (Rcode::FormErr, false, false), "{len}");
        // What a later version makes of it is not known.
        assert_eq!(rcode(&ask(1, len)), (Rcode::BadVers, true, true), "{len}");
    }
    for len in [8, 16, 24, 40] {
        let ask = ask(0, len);
        let Incoming::Query(query) = parse(&ask) else { panic!("{len}") };
        assert_eq!(query.edns.unwrap().options.cookie.unwrap().client, [7; 8]);
    }
}

#[test]
fn without_a_question_a_cookie_may_be_asked_for() {
    let ask = |flags, version, option: &[u8]| {
        rcode(&packet(flags, [0, 0, 0, 1], b"", &opt(version, 0, option)))
    };
    let cookie = b"\x00\x0a\x00\x08abcdefgh";
    assert_eq!(ask(0, 0, cookie), (Rcode::NoError, false, true));
    assert_eq!(ask(0, 1, cookie), (Rcode::BadVers, false, true));
    assert_eq!(ask(0x2000, 0, cookie), (Rcode::NotImp, false, true));
    assert_eq!(ask(0, 0, b""), (Rcode::FormErr, false, false));
    assert_eq!(ask(0, 0, b"\x00\x0b\x00\x00"), (Rcode::FormErr, false, false));
    let two = question(WEB, 1, 1).repeat(2);
    let two = packet(0, [2, 0, 0, 1], &two, &opt(0, 0, cookie));
    assert_eq!(rcode(&two), (Rcode::FormErr, false, false));
}

#[test]
fn what_is_no_data_of_class_in_is_turned_away() {
    for class in [0, 2, 3, 4, 254, 255] {
        assert_eq!(rcode(&asks(1, class)), (Rcode::Refused, true, false), "{class}");
    }
    for transfer in [251, 252] {
        assert_eq!(rcode(&asks(transfer, 1)), (Rcode::Refused, true, false));
    }
    for meta in [41, 128, 249, 250, 253, 254] {
        assert_eq!(rcode(&asks(meta, 1)), (Rcode::NotImp, true, false), "{meta}");
    }
    for data in [0, 1, 127, 255, 256, 1000, 65280] {
        assert!(matches!(parse(&asks(data, 1)), Incoming::Query(_)), "{data}");
    }
}
