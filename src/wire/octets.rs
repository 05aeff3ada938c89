//! Replies octet by octet.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use crate::model::dns::{ExtendedError, Owner, Rcode, Rdata, Record, Soa};
use crate::model::name::Name;
use crate::wire::options::{Edns, Granted, Options, Standard};
use crate::wire::reply::{Encoded, Limits, Reply, encode, encode_rejection};
use crate::wire::request::{Incoming, parse};

const QUESTION: &[u8] = b"\x04aPp1\x03svc\x04test\x00\x00\x01\x00\x01";

fn ask(question: &[u8], opt: &[u8]) -> Vec<u8> {
    let count = u8::from(!opt.is_empty());
    [&[0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, count], question, opt].concat()
}

fn opt(payload: u16) -> Vec<u8> {
    [&[0, 0, 41], &payload.to_be_bytes()[..], &[0, 0, 0, 0, 0, 0]].concat()
}

fn answer(packet: &[u8], reply: &Reply<'_>) -> (Vec<u8>, Encoded) {
    let Incoming::Query(query) = parse(packet) else { panic!("no query") };
    let mut out = b"left from before".to_vec();
    let encoded = encode(&query, reply, Limits::udp(query.edns, 1232), &mut out);
    (out, encoded)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn found(answers: Vec<Record<'_>>) -> Reply<'_> {
    Reply { authoritative: true, answers, ..Reply::empty(Rcode::NoError) }
}

fn a(owner: Owner<'_>, last: u8) -> Record<'_> {
    Record { owner, ttl: 1, data: Rdata::A(Ipv4Addr::new(10, 0, 0, last)) }
}

fn srv(target: &Name) -> Record<'_> {
    let data = Rdata::Srv { priority: 1, weight: 2, port: 3, target: Cow::Borrowed(target) };
    Record { owner: Owner::Question, ttl: 1, data }
}

fn flags(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[2], message[3]])
}

fn counts(message: &[u8]) -> [u8; 4] {
    [message[5], message[7], message[9], message[11]]
}

#[test]
fn owners_point_to_the_question_and_keep_its_case() {
    let reply = found((1..=3).map(|last| a(Owner::Question, last)).collect());
    let (out, encoded) = answer(&ask(QUESTION, &opt(4096)), &reply);
    let mut expected = b"\xab\xcd\x85\x00\x00\x01\x00\x03\x00\x00\x00\x01".to_vec();
    expected.extend(QUESTION);
    for last in 1..=3 {
        expected.extend(b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04\x0a\x00\x00");
        expected.push(last);
    }
    expected.extend(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00");
    assert_eq!(out, expected);
    // 13 fewer than with the owner spelled once more.
    assert_eq!(out.len(), 90);
    assert_eq!(encoded, Encoded { truncated: false, answers: 3 });
}

#[test]
fn a_soa_points_into_the_question() {
    let soa = Soa {
        mname: name("ns1.svc.test"),
        rname: name("hostmaster.svc.test"),
        serial: 1,
        refresh: 2,
        retry: 3,
        expire: 4,
        minimum: 5,
    };
    let owner = Owner::Name(Cow::Owned(name("svc.test")));
    let authority = vec![Record { owner, ttl: 3, data: Rdata::Soa(&soa) }];
    let reply = Reply { authoritative: true, authority, ..Reply::empty(Rcode::NxDomain) };
    let (out, _) = answer(&ask(QUESTION, b""), &reply);
    assert_eq!(flags(&out), 0x8503);
    assert_eq!(counts(&out), [1, 0, 1, 0]);
    let mut expected = b"\xc0\x11\x00\x06\x00\x01\x00\x00\x00\x03\x00\x27\x03ns1\xc0\x11".to_vec();
    expected.extend(b"\x0ahostmaster\xc0\x11");
    expected.extend([1u32, 2, 3, 4, 5].iter().flat_map(|number| number.to_be_bytes()));
    assert_eq!(&out[12 + QUESTION.len()..], expected);
}

#[test]
fn a_target_is_spelled_in_srv_and_pointed_to_from_its_addresses() {
    let target = name("i1.app1.svc.test");
    let additional = vec![a(Owner::Target(0), 1), a(Owner::Target(0), 2)];
    let reply = Reply { additional, ..found(vec![srv(&target)]) };
    let (out, _) = answer(&ask(QUESTION, b""), &reply);
    assert_eq!(counts(&out), [1, 1, 0, 2]);
    let records = &out[12 + QUESTION.len()..];
    let rdata = b"\x00\x01\x00\x02\x00\x03\x02i1\x04app1\x03svc\x04test\x00";
    assert_eq!(&records[12..12 + rdata.len()], rdata);
    let place = u8::try_from(12 + QUESTION.len() + 12 + 6).unwrap();
    let addresses = &records[12 + rdata.len()..];
    assert_eq!(addresses.len(), 32);
    assert_eq!(addresses[..2], [0xc0, place]);
    assert_eq!(addresses[16..18], [0xc0, place]);
}

#[test]
fn a_target_that_is_none_is_left_out() {
    let reply =
        Reply { additional: vec![a(Owner::Target(0), 1)], ..found(vec![a(Owner::Question, 1)]) };
    let (out, encoded) = answer(&ask(QUESTION, b""), &reply);
    assert_eq!((counts(&out), encoded.truncated), ([1, 1, 0, 0], false));
}

#[test]
fn a_text_is_cut_into_strings_of_255_octets() {
    for (len, lengths) in [(0, &[0][..]), (255, &[255]), (256, &[255, 1])] {
        let data = Rdata::Txt(Cow::Owned("x".repeat(len)));
        let reply = found(vec![Record { owner: Owner::Question, ttl: 1, data }]);
        let (out, _) = answer(&ask(QUESTION, b""), &reply);
        let mut strings = &out[12 + QUESTION.len() + 12..];
        for &expected in lengths {
            assert_eq!(strings[0], expected);
            strings = &strings[1 + usize::from(expected)..];
        }
        assert!(strings.is_empty());
    }
}

#[test]
fn additional_sets_go_whole_and_before_any_answer() {
    let targets: Vec<Name> = (0..10).map(|i| name(&format!("i{i}.app1.svc.test"))).collect();
    let additional: Vec<_> =
        (0..10).flat_map(|i| [a(Owner::Target(i), 1), a(Owner::Target(i), 2)]).collect();
    let reply = Reply { additional, ..found(targets.iter().map(srv).collect()) };
    for payload in 512..1000u16 {
        let (out, encoded) = answer(&ask(QUESTION, &opt(payload)), &reply);
        assert_eq!(encoded, Encoded { truncated: false, answers: 10 });
        let [_, answers, _, additional] = counts(&out);
        assert_eq!(answers, 10);
        // Pairs of addresses, and OPT.
        assert_eq!(additional % 2, 1);
        let size = usize::from(payload);
        let complete = additional == 21;
        assert!(out.len() <= size && (complete || out.len() + 32 > size), "{payload}");
        assert!(out.ends_with(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"));
        let message = hickory_proto::op::Message::from_vec(&out).unwrap();
        assert!(message.edns.is_some(), "{payload}");
    }
}

#[test]
fn what_does_not_fit_is_left_out_with_tc_and_without_additional() {
    let targets: Vec<Name> = (0..50).map(|i| name(&format!("i{i}.app1.svc.test"))).collect();
    let additional = vec![a(Owner::Target(0), 1)];
    let reply = Reply { additional, ..found(targets.iter().map(srv).collect()) };
    let (out, encoded) = answer(&ask(QUESTION, &opt(600)), &reply);
    assert!(encoded.truncated && encoded.answers > 5);
    assert_eq!(flags(&out) & 0x0200, 0x0200);
    assert_eq!(usize::from(counts(&out)[1]), encoded.answers);
    assert_eq!(counts(&out)[3], 1);
    assert!(out.len() <= 600 && out.ends_with(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"));
}

#[test]
fn an_extended_error_yields_to_answers_and_is_cut_between_characters() {
    // 512 - 12 - 19 - 11 = 470 octets; 29 answers of 16 leave 6, 28 leave 22, 27 leave 38.
    let whole = "xääää€€ä€€€ä";
    for (answers, expected) in [(29, ""), (28, "xääää€€"), (27, whole)] {
        let records = vec![a(Owner::Question, 1); answers];
        let error = ExtendedError::new(0, whole);
        let reply = Reply { extended_error: Some(error), ..found(records) };
        let (out, encoded) = answer(&ask(QUESTION, &opt(512)), &reply);
        assert_eq!(encoded, Encoded { truncated: false, answers });
        let opt = &out[12 + QUESTION.len() + 16 * answers..];
        assert_eq!(std::str::from_utf8(&opt[17..]), Ok(expected));
        assert!(out.len() <= 512);
    }
    let error = ExtendedError::new(0, "no room");
    let reply = Reply { extended_error: Some(error), ..found(vec![a(Owner::Question, 1); 30]) };
    let (out, encoded) = answer(&ask(QUESTION, &opt(512)), &reply);
    assert_eq!(encoded, Encoded { truncated: true, answers: 29 });
    assert!(out.len() <= 512);
}

#[test]
fn without_edns_no_extended_error_is_said() {
    let reply =
        Reply { extended_error: Some(ExtendedError::new(20, "")), ..Reply::empty(Rcode::Refused) };
    let (out, _) = answer(&ask(QUESTION, b""), &reply);
    assert_eq!(out.len(), 12 + QUESTION.len());
    let (out, _) = answer(&ask(QUESTION, &opt(4096)), &reply);
    assert!(out.ends_with(b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x06\x00\x0f\x00\x02\x00\x14"));
}

#[test]
fn do_is_copied_and_every_other_flag_is_zero() {
    let mut packet = ask(QUESTION, b"\x00\x00\x29\x10\x00\x00\x00\xff\xff\x00\x00");
    (packet[2], packet[3]) = (0x07, 0xf0);
    let (out, _) = answer(&packet, &Reply::empty(Rcode::NoError));
    assert_eq!(flags(&out), 0x8100);
    assert!(out.ends_with(b"\x00\x00\x29\x04\xd0\x00\x00\x80\x00\x00\x00"));
}

#[test]
fn bad_version_is_said_in_both_halves_of_the_rcode() {
    let packet = ask(QUESTION, b"\x00\x00\x29\x10\x00\x00\x01\x80\x00\x00\x00");
    let Incoming::Reject(rejected) = parse(&packet) else { panic!() };
    let mut out = Vec::new();
    encode_rejection(&rejected, Limits::udp(rejected.edns, 1232), &mut out);
    assert_eq!((flags(&out), counts(&out)), (0x8100, [1, 0, 0, 1]));
    assert!(out.ends_with(b"\x00\x00\x29\x04\xd0\x01\x00\x80\x00\x00\x00"));
}

/// Of the key `Key.`, compressed or not, with an algorithm and a MAC of 16 octets.
fn tsig(key: &[u8], algorithm: &[u8]) -> Vec<u8> {
    let len = u16::try_from(algorithm.len() + 32).unwrap().to_be_bytes();
    let head = [key, b"\x00\xfa\x00\xff\x00\x00\x00\x00", &len, algorithm].concat();
    let times = b"\x00\x00\x65\x01\x02\x03\x01\x2c";
    [&head[..], times, b"\x00\x10aaaaaaaaaaaaaaaa\x12\x34\x00\x00\x00\x00"].concat()
}

fn rejection(packet: &[u8], limits: Limits) -> Vec<u8> {
    let Incoming::Reject(rejected) = parse(packet) else { panic!() };
    let mut out = b"left from before".to_vec();
    encode_rejection(&rejected, limits, &mut out);
    out
}

#[test]
fn a_signature_is_answered_by_an_unsigned_one_behind_the_opt_record() {
    let algorithm = b"\x0bHMAC-sha256\x00";
    // The key is "Key." and the rest of the question's name, by a pointer.
    let signature = tsig(b"\x03Key\xc0\x11", algorithm);
    let mut packet = ask(QUESTION, &[opt(1232), signature].concat());
    packet[11] = 2;
    let out = rejection(&packet, Limits::udp(None, 1232));
    assert_eq!((flags(&out), counts(&out)), (0x8109, [1, 0, 0, 2]));
    let mut expected = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00".to_vec();
    expected.extend(b"\x03Key\x03svc\x04test\x00\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x1d");
    expected.extend(algorithm);
    // Time signed and fudge, no MAC, the original id, BADKEY, no other data.
    expected.extend(b"\x00\x00\x65\x01\x02\x03\x01\x2c\x00\x00\x12\x34\x00\x11\x00\x00");
    assert_eq!(&out[12 + QUESTION.len()..], expected);
}

#[test]
fn a_signature_that_no_datagram_holds_is_left_out_with_tc() {
    let long = [[&[60u8][..], &[b'k'; 60]].concat().repeat(4), vec![0]].concat();
    let packet = ask(QUESTION, &tsig(&long, &long));
    let out = rejection(&packet, Limits::udp(None, 1232));
    assert_eq!((flags(&out), counts(&out)), (0x8309, [1, 0, 0, 0]));
    assert_eq!(out.len(), 12 + QUESTION.len());
    let out = rejection(&packet, Limits::tcp(1232));
    assert_eq!((flags(&out), counts(&out)), (0x8109, [1, 0, 0, 1]));
}

#[test]
fn room_for_what_is_granted_is_taken_off_before_any_record() {
    let granted = Granted {
        cookie: Some(Granted::cookie([1; 8], Standard::read([2; 16]))),
        keepalive: Some(100),
    };
    let reply = found((0..100).map(|_| a(Owner::Question, 1)).collect());
    for payload in 512..=1232u16 {
        let packet = ask(QUESTION, &opt(payload));
        let Incoming::Query(query) = parse(&packet) else { panic!() };
        let mut out = Vec::new();
        let limits = Limits::udp(query.edns, 1232).granting(granted);
        let encoded = encode(&query, &reply, limits, &mut out);
        let size = usize::from(payload);
        assert!(encoded.truncated && out.len() <= size && out.len() + 16 > size, "{payload}");
        let mut options = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x22".to_vec();
        options.extend(b"\x00\x0a\x00\x18\x01\x01\x01\x01\x01\x01\x01\x01");
        options.extend([2; 16]);
        options.extend(b"\x00\x0b\x00\x02\x00\x64");
        assert!(out.ends_with(&options), "{payload}");
    }
}

#[test]
fn a_format_error_is_twelve_octets() {
    let mut packet = ask(QUESTION, b"");
    packet[5] = 2;
    let Incoming::Reject(rejected) = parse(&packet) else { panic!() };
    let mut out = Vec::new();
    encode_rejection(&rejected, Limits::tcp(1232), &mut out);
    assert_eq!(out, b"\xab\xcd\x81\x01\x00\x00\x00\x00\x00\x00\x00\x00");
}

#[test]
fn a_datagram_is_as_large_as_both_sides_take() {
    let size = |asked: Option<u16>, ours| {
        let edns =
            asked.map(|payload| Edns { payload, dnssec_ok: false, options: Options::default() });
        Limits::udp(edns, ours).size()
    };
    assert_eq!(size(None, 1232), 512);
    assert_eq!(size(Some(0), 1232), 512);
    assert_eq!(size(Some(900), 1232), 900);
    assert_eq!(size(Some(65535), 1232), 1232);
    assert_eq!(size(Some(65535), 100), 512);
}

#[test]
fn thousands_of_records_on_a_stream_point_to_targets_near_and_far() {
    let targets: Vec<Name> = (0..3000).map(|i| name(&format!("i{i}.app1.svc.test"))).collect();
    let additional: Vec<_> = (0..200).chain(900..1000).map(|i| a(Owner::Target(i), 1)).collect();
    let reply = Reply { additional, ..found(targets[..1000].iter().map(srv).collect()) };
    let packet = ask(QUESTION, b"");
    let Incoming::Query(query) = parse(&packet) else { panic!() };
    let mut out = Vec::new();
    assert!(!encode(&query, &reply, Limits::tcp(1232), &mut out).truncated);
    let message = hickory_proto::op::Message::from_vec(&out).unwrap();
    assert_eq!((message.answers.len(), message.additionals.len()), (1000, 300));
    assert_eq!(message.additionals[250].name.to_string().to_lowercase(), "i950.app1.svc.test.");
    let reply = found(targets.iter().map(srv).collect());
    assert!(encode(&query, &reply, Limits::tcp(1232), &mut out).truncated);
    assert!(out.len() <= 65535);
}

#[test]
fn an_alias_is_spelled_once_and_pointed_to_by_what_it_leads_to() {
    let target = name("b.svc.test");
    let alias =
        Record { owner: Owner::Question, ttl: 1, data: Rdata::Cname(Cow::Borrowed(&target)) };
    let reply = found(vec![alias, a(Owner::Target(0), 1), a(Owner::Target(0), 2)]);
    let (out, encoded) = answer(&ask(QUESTION, b""), &reply);
    assert_eq!(encoded, Encoded { truncated: false, answers: 3 });
    let records = &out[12 + QUESTION.len()..];
    // "b", and a pointer to "svc.test" in the question.
    assert_eq!(records[..16], *b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x01\x00\x04\x01b\xc0\x11");
    let place = u8::try_from(12 + QUESTION.len() + 12).unwrap();
    assert_eq!((records[16..18] == [0xc0, place], records[32..34] == [0xc0, place]), (true, true));
}

#[test]
fn glue_that_does_not_fit_sets_tc_and_other_addresses_go_first() {
    let servers: Vec<Name> = (0..16).map(|i| name(&format!("ns{i}.sub.svc.test"))).collect();
    let record =
        |owner: &Name, data| Record { owner: Owner::Name(Cow::Owned(owner.clone())), ttl: 1, data };
    let sub = name("sub.svc.test");
    let reply = Reply {
        authority: servers.iter().map(|server| record(&sub, Rdata::Ns(server))).collect(),
        glue: servers.iter().map(|s| record(s, Rdata::A(Ipv4Addr::new(10, 0, 0, 1)))).collect(),
        additional: vec![a(Owner::Question, 1)],
        ..Reply::empty(Rcode::NoError)
    };
    let (whole, _) = answer(&ask(QUESTION, &opt(4096)), &reply);
    assert_eq!((counts(&whole), flags(&whole) & 0x0200), ([1, 0, 16, 18], 0));
    let needed = u16::try_from(whole.len() - 16).unwrap();
    let (tight, _) = answer(&ask(QUESTION, &opt(needed)), &reply);
    assert_eq!((counts(&tight), flags(&tight) & 0x0200), ([1, 0, 16, 17], 0));
    let (short, encoded) = answer(&ask(QUESTION, &opt(needed - 1)), &reply);
    assert!(encoded.truncated);
    assert_eq!((counts(&short), flags(&short) & 0x0200), ([1, 0, 16, 16], 0x0200));
}
