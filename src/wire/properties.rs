//! What holds for every reply and for every packet.

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::wire::generated::{granted, names, packet, parts};
use crate::wire::header::HEADER;
use crate::wire::reply::{Limits, encode, encode_rejection};
use crate::wire::request::{Incoming, parse};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_reply_is_a_message_within_its_limit(
        name in names(),
        parts in parts(40),
        id: u16,
        case: u64,
        edns in prop::option::of(0u16..2000),
        stream: bool,
        granted in granted(),
    ) {
        let packet = packet(&name, id, case, edns);
        let Incoming::Query(query) = parse(&packet) else { panic!("not a query") };
        let reply = parts.reply();
        let limits =
            if stream { Limits::tcp(1232) } else { Limits::udp(query.edns, 1232) };
        let limits = limits.granting(granted);
        let mut out = Vec::new();
        let encoded = encode(&query, &reply, limits, &mut out);
        prop_assert!(out.len() <= limits.size());
        let mut decoder = BinDecoder::new(&out);
        let message = Message::read(&mut decoder).unwrap();
        prop_assert!(decoder.is_empty(), "octets behind the message");
        prop_assert_eq!(message.id, id);
        prop_assert_eq!(u16::from(message.metadata.response_code), parts.rcode.code());
        prop_assert_eq!(&out[HEADER..HEADER + query.asked.octets.len()], query.asked.octets);
        prop_assert_eq!(message.edns.is_some(), edns.is_some());
        if let Some(edns) = &message.edns {
            let option = |code| edns.option(EdnsCode::from(code));
            let cookie = granted.cookie.map(|octets| EdnsOption::Unknown(10, octets.into()));
            prop_assert_eq!(option(10), cookie.as_ref());
            let tenths = granted.keepalive.map(|n| EdnsOption::Unknown(11, n.to_be_bytes().into()));
            prop_assert_eq!(option(11), tenths.as_ref());
        }
        prop_assert_eq!(message.answers.len(), encoded.answers);
        let left_out = message.answers.len() < reply.answers.len()
            || message.authorities.len() < reply.authority.len();
        prop_assert_eq!(message.metadata.truncation, left_out);
        prop_assert_eq!(encoded.truncated, left_out);
        if left_out {
            prop_assert!(message.additionals.is_empty());
        }
        prop_assert_eq!(message.metadata.authoritative, parts.authoritative);
    }

    #[test]
    fn any_octets_are_read_without_harm(packet in vec(any::<u8>(), 0..300)) {
        read(&packet);
    }

    #[test]
    fn a_mangled_query_is_read_without_harm(
        name in names(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut packet = packet(&name, 1, 0, Some(1232));
        for (place, octet) in changes {
            let place = place.index(packet.len());
            packet[place] = octet;
        }
        packet.truncate(cut.index(packet.len() * 4).max(2));
        read(&packet);
    }
}

/// Reads a packet, and the rejection if that is what it gets: both end, and no response is
/// answered.
fn read(packet: &[u8]) {
    let mut out = Vec::new();
    match parse(packet) {
        Incoming::Ignore(_) => assert!(packet.len() < HEADER || packet[2] & 0x80 != 0),
        Incoming::Query(_) => assert_eq!(packet[2] & 0xf8, 0),
        Incoming::Reject(rejected) => {
            assert_eq!(packet[2] & 0x80, 0);
            encode_rejection(&rejected, Limits::udp(rejected.edns, 1232), &mut out);
            assert_eq!(out[..2], packet[..2]);
            assert!(out.len() <= 512 && out[2] & 0x80 != 0);
            // Other opcodes may ask what the library cannot read.
            if out[2] & 0x78 == 0 {
                Message::from_vec(&out).unwrap();
            }
        }
    }
}
