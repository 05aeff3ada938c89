//! What holds for whatever comes: of a general shape, with cookies, keepalive and signatures, whole
//! and mangled.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::config::Tcp;
use crate::config::cookies::{Cookies, Secret};
use crate::metrics::Metrics;
use crate::metrics::dns::Transport;
use crate::model::dns::Rcode;
use crate::model::time::Now;
use crate::snapshot::{Rules, Snapshot};
use crate::transport::message::{Received, Response};
use crate::transport::respond::respond;
use crate::transport::tests::fixtures::snapshot;
use crate::transport::worker::Worker;

static SNAPSHOT: LazyLock<Snapshot> = LazyLock::new(|| {
    let snapshot = snapshot(Tcp::default());
    let cookies = Cookies { secret: Some(Secret([7; 16])), previous: vec![Secret([8; 16])] };
    let rules = Rules { cookies: Arc::new(cookies), ..(*snapshot.rules).clone() };
    Snapshot { rules: Arc::new(rules), ..snapshot }
});

/// A packet and what its OPT record says, if it has one.
#[derive(Clone, Debug)]
struct GeneratedQuery {
    octets: Vec<u8>,
    payload: Option<u16>,
    signed: bool,
}

fn option() -> impl Strategy<Value = Vec<u8>> {
    let lengths = select(vec![0usize, 7, 8, 9, 16, 24, 40, 41]);
    let code = prop_oneof![4 => Just(10u16), 2 => Just(11), 1 => select(vec![3, 8, 12, 15, 65001])];
    (code, lengths, any::<u8>()).prop_map(|(code, len, octet)| {
        let len = if code == 11 { 0 } else { len };
        let head = [code.to_be_bytes(), u16::try_from(len).unwrap().to_be_bytes()];
        [head.concat(), vec![octet; len]].concat()
    })
}

fn tsig() -> impl Strategy<Value = Vec<u8>> {
    (0usize..60, 0usize..60, any::<[u8; 8]>(), vec(any::<u8>(), 0..64)).prop_map(
        |(key, algorithm, times, mac)| {
            let name = |len: usize| {
                let label = u8::try_from(len).unwrap();
                if len == 0 { vec![0] } else { [vec![label], vec![b'k'; len], vec![0]].concat() }
            };
            let size = u16::try_from(mac.len()).unwrap().to_be_bytes();
            let rdata = [&name(algorithm)[..], &times, &size, &mac, &[0; 6]].concat();
            let len = u16::try_from(rdata.len()).unwrap().to_be_bytes();
            [&name(key)[..], &[0, 250, 0, 255, 0, 0, 0, 0], &len, &rdata].concat()
        },
    )
}

fn asked() -> impl Strategy<Value = GeneratedQuery> {
    let name = select(vec![
        &b"\x04app1\x03svc\x04test\x00"[..],
        b"\x04APP1\x03sVc\x04tesT\x00",
        b"\x03svc\x04test\x00",
        b"\x04none\x03svc\x04test\x00",
        b"\x07outside\x00",
    ]);
    let rtype = select(vec![1u16, 2, 5, 6, 16, 28, 33, 39, 41, 249, 252, 255, 256, 65280]);
    let class = prop_oneof![9 => Just(1u16), 1 => select(vec![0, 3, 254, 255])];
    let flags = prop_oneof![6 => 0u16..0x0800, 1 => any::<u16>()];
    let questions = prop_oneof![9 => Just(1usize), 2 => Just(0), 1 => Just(2)];
    let version = prop_oneof![9 => Just(0u8), 1 => Just(1)];
    let edns = prop::option::weighted(0.8, (any::<u16>(), version, vec(option(), 0..4)));
    let head = (any::<u16>(), flags, questions);
    let signature = prop::option::weighted(0.3, tsig());
    (head, (name, rtype, class), edns, signature).prop_map(
        |((id, flags, questions), (name, rtype, class), edns, signature)| {
            let additional = u8::from(edns.is_some()) + u8::from(signature.is_some());
            let mut octets = [id.to_be_bytes(), flags.to_be_bytes()].concat();
            octets.extend([0, u8::try_from(questions).unwrap(), 0, 0, 0, 0, 0, additional]);
            let question = [name, &rtype.to_be_bytes(), &class.to_be_bytes()].concat();
            octets.extend(question.repeat(questions));
            let payload = edns.as_ref().map(|(payload, _, _)| *payload);
            if let Some((payload, version, options)) = edns {
                let options = options.concat();
                octets.extend([0, 0, 41]);
                octets.extend(payload.to_be_bytes());
                octets.extend([0, version, 0x80, 0]);
                octets.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
                octets.extend(options);
            }
            let signed = signature.is_some();
            octets.extend(signature.unwrap_or_default());
            GeneratedQuery { octets, payload, signed }
        },
    )
}

fn answer(octets: &[u8], transport: Transport, client: IpAddr) -> (Response, Vec<u8>) {
    let metrics = Metrics::new("0");
    let mut worker = Worker::new(metrics.worker(transport));
    let peer = SocketAddr::new(client, 9);
    let now = Now::default().after(Duration::from_secs(1_559_731_985));
    let idle = (transport == Transport::Tcp).then_some(Duration::from_secs(10));
    let received = Received { octets, peer, asked: None, now, transport, idle };
    let mut out = Vec::new();
    let response = respond(&received, &SNAPSHOT, &mut worker, &mut out);
    let panics = metrics.render(crate::metrics::Exposition::Text);
    assert!(panics.contains("livezone_dns_panics_total 0\n"), "a panic: {octets:?}");
    (response, out)
}

/// What holds for any packet at all.
fn holds(octets: &[u8], largest: usize, (response, out): &(Response, Vec<u8>)) {
    let Response::Sent { rcode, .. } = response else {
        assert!(octets.len() < 12 || octets[2] & 0x80 != 0, "silence: {octets:?}");
        return;
    };
    assert!(octets.len() >= 12 && octets[2] & 0x80 == 0, "a response is answered");
    assert_eq!(out[..2], octets[..2]);
    assert_eq!(out[2] & 0xf9, octets[2] & 0x79 | 0x80, "QR is set, opcode and RD are echoed");
    assert_eq!(out[3] & 0xf0, 0, "RA, Z, AD and CD are clear");
    assert!(out.len() <= largest, "{} > {largest}", out.len());
    // What the library makes of other opcodes is its own matter.
    if out[2] & 0x78 == 0 {
        let message = Message::from_vec(out).unwrap();
        assert_eq!(u16::from(message.metadata.response_code), rcode.code());
    }
}

fn largest(asked: &GeneratedQuery, transport: Transport) -> usize {
    match transport {
        Transport::Udp => asked.payload.unwrap_or(0).clamp(512, 1232).into(),
        Transport::Tcp => usize::from(u16::MAX),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_packet_is_answered_rightly(
        asked in asked(),
        transport in select(Transport::ALL.to_vec()),
        client in select(vec![[192, 0, 2, 1].into(), IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])]),
    ) {
        let answered = answer(&asked.octets, transport, client);
        holds(&asked.octets, largest(&asked, transport), &answered);
        let (Response::Sent { rcode, .. }, out) = answered else { return Ok(()) };
        if out[2] & 0x78 != 0 {
            return Ok(());
        }
        let message = Message::from_vec(&out).unwrap();
        // A format error is twelve octets, whatever came with the packet.
        prop_assert_eq!(rcode == Rcode::FormErr, out.len() == 12);
        if rcode == Rcode::FormErr {
            return Ok(());
        }
        prop_assert_eq!(message.edns.is_some(), asked.payload.is_some());
        prop_assert_eq!(rcode == Rcode::NotAuth, asked.signed);
        prop_assert_eq!(message.metadata.response_code == ResponseCode::NotAuth, asked.signed);
        if asked.signed {
            // Without EDNS the two names may leave too little room.
            let last = out.ends_with(&[0, 17, 0, 0]);
            prop_assert!(last || message.metadata.truncation);
        }
        let question = &asked.octets[12..];
        let echoed = usize::from(u16::from_be_bytes([asked.octets[4], asked.octets[5]]));
        prop_assert_eq!(message.queries.len(), echoed);
        if echoed == 1 {
            let len = message.queries[0].name().len() + 4;
            prop_assert_eq!(&out[12..12 + len], &question[..len]);
        }
    }

    #[test]
    fn a_mangled_packet_is_answered_rightly(
        asked in asked(),
        changes in vec((any::<Index>(), any::<u8>()), 1..6),
        cut in any::<Index>(),
    ) {
        let mut octets = asked.octets;
        for (place, octet) in changes {
            let place = place.index(octets.len());
            octets[place] = octet;
        }
        octets.truncate(cut.index(octets.len() * 4));
        // A change may have made the payload larger, never larger than ours.
        holds(&octets, 1232, &answer(&octets, Transport::Udp, [192, 0, 2, 1].into()));
    }
}
