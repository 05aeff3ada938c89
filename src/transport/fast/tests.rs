//! The fast path says what `respond` says, or nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use hickory_proto::op::Message;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::config::rrl::Rrl;
use crate::metrics::dns::Transport;
use crate::metrics::{Exposition, Metrics};
use crate::model::time::Now;
use crate::snapshot::hot_entry::{Aaaa, HotEntry, Key};
use crate::snapshot::{Rules, Snapshot};
use crate::transport::batch::ROOM;
use crate::transport::fast::world::{NAMES, one_zone, wild_zone, world};
use crate::transport::fast::{Arrival, Fast, respond as fast};
use crate::transport::message::{Received, Response};
use crate::transport::respond::respond;
use crate::transport::worker::Worker;

const TYPES: [u16; 12] = [1, 28, 33, 1, 33, 16, 15, 65, 5, 255, 43, 6];

const SIZES: [u16; 4] = [512, 1232, 4096, 65_535];

/// Worlds are not changed: each is made once.
fn one_of(largest: u16) -> &'static Snapshot {
    static WORLDS: LazyLock<[Snapshot; 4]> = LazyLock::new(|| SIZES.map(world));
    &WORLDS[SIZES.iter().position(|&size| size == largest).unwrap()]
}

/// A question with what may follow it.
#[derive(Clone, Debug)]
struct GeneratedQuery {
    name: String,
    case: u64,
    rtype: u16,
    flags: u16,
    /// The OPT record's size, flags and options.
    opt: Option<(u16, bool, Vec<u8>)>,
}

fn wire(name: &str, case: u64) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.bytes());
    }
    out.push(0);
    for (place, octet) in out.iter_mut().enumerate() {
        if octet.is_ascii_lowercase() && case >> (place % 64) & 1 == 1 {
            *octet = octet.to_ascii_uppercase();
        }
    }
    out
}

impl GeneratedQuery {
    fn plain(name: &str, rtype: u16) -> Self {
        Self { name: name.to_owned(), case: 0, rtype, flags: 0x0100, opt: None }
    }

    fn packet(&self) -> Vec<u8> {
        let more = u8::from(self.opt.is_some());
        let [f0, f1] = self.flags.to_be_bytes();
        let mut out = vec![7, 8, f0, f1, 0, 1, 0, 0, 0, 0, 0, more];
        out.extend(wire(&self.name, self.case));
        out.extend(self.rtype.to_be_bytes());
        out.extend([0, 1]);
        if let Some((size, dnssec_ok, options)) = &self.opt {
            out.extend([0, 0, 41]);
            out.extend(size.to_be_bytes());
            out.extend([0, 0, u8::from(*dnssec_ok) << 7, 0]);
            out.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
            out.extend(options);
        }
        out
    }
}

fn asked() -> impl Strategy<Value = GeneratedQuery> {
    let random = "[a-z_0-9.-]{1,12}[a-z]\\.svc\\.test"
        .prop_filter("labels", |name| name.split('.').all(|label| !label.is_empty()));
    let name = prop_oneof![
        8 => prop::sample::select(NAMES).prop_map(str::to_owned),
        1 => random,
    ];
    let options = prop_oneof![
        6 => Just(Vec::new()),
        2 => Just(b"\x00\x0a\x00\x08abcdefgh".to_vec()),
        1 => Just(b"\x00\x0a\x00\x03abc".to_vec()),
        1 => Just(b"\x00\x08\x00\x04\x00\x01\x00\x00".to_vec()),
        1 => vec(any::<u8>(), 0..30),
    ];
    let size = prop_oneof![Just(1232_u16), 0_u16..2000, Just(4096), Just(8192)];
    let opt = prop::option::of((size, any::<bool>(), options));
    let flags = prop_oneof![6 => Just(0x0100_u16), 2 => Just(0x0130), 1 => any::<u16>()];
    let rtype = prop_oneof![9 => prop::sample::select(&TYPES), 1 => any::<u16>()];
    (name, any::<u64>(), rtype, flags, opt).prop_map(|(name, case, rtype, flags, opt)| {
        GeneratedQuery { name, case, rtype, flags, opt }
    })
}

fn worker(metrics: &Metrics, seed: u64) -> Worker {
    let mut worker = Worker::new(metrics.worker(Transport::Udp));
    worker.rng = fastrand::Rng::with_seed(seed);
    worker
}

/// What the two say; the fast path perhaps nothing, and then it leaves the packet alone.
fn both(snapshot: &Snapshot, packet: &[u8], seed: u64) -> (Option<Vec<u8>>, Vec<u8>) {
    let metrics = Metrics::new("0");
    let mut octets = [0xa5; ROOM];
    octets[..packet.len()].copy_from_slice(packet);
    let (before, len) = (octets, packet.len());
    let arrival = arrival(&PEER);
    let answered = fast(&mut octets, len, arrival, snapshot, &mut worker(&metrics, seed));
    if answered.is_none() {
        assert_eq!(octets, before, "left alone");
    }
    let mut out = Vec::new();
    let received = received(packet, arrival);
    let response = respond(&received, snapshot, &mut worker(&metrics, seed), &mut out);
    let said = answered.map(|answered| {
        let Fast::Answered { len, rcode, qtype } = answered else { panic!("there is no limit") };
        assert_eq!(response, Response::Sent { rcode, qtype });
        octets[..len].to_vec()
    });
    (said, out)
}

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 5353);
const ASKED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 53)), 53);

fn arrival(peer: &SocketAddr) -> Arrival<'_> {
    let now = Now::default().after(Duration::from_secs(1_559_731_985));
    Arrival { peer, asked: &ASKED, now }
}

fn received<'p>(octets: &'p [u8], Arrival { peer, asked, now }: Arrival<'_>) -> Received<'p> {
    let (peer, asked) = (*peer, Some(*asked));
    Received { octets, peer, asked, now, transport: Transport::Udp, idle: None }
}

/// Names apart: a pointer in a SOA may lead to the apex or to a longer name of the question.
fn check(snapshot: &Snapshot, packet: &[u8], seed: u64) -> bool {
    let (said, expected) = both(snapshot, packet, seed);
    let Some(said) = said else { return false };
    let message = Message::from_vec(&said).unwrap();
    let expected_message = Message::from_vec(&expected).unwrap();
    assert_eq!(message, expected_message);
    if !message.answers.is_empty() {
        assert_eq!(said, expected);
    }
    true
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn it_says_what_respond_says(
        asked in asked(), seed: u64, largest in prop::sample::select(&SIZES),
    ) {
        check(one_of(largest), &asked.packet(), seed);
    }

    #[test]
    fn it_says_what_respond_says_to_mangled_packets(
        asked in asked(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        behind in vec(any::<u8>(), 0..3),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
        seed: u64,
    ) {
        let mut packet = asked.packet();
        for (place, octet) in changes {
            let place = place.index(packet.len());
            packet[place] = octet;
        }
        packet.extend(behind);
        if cuts {
            packet.truncate(cut.index(packet.len()));
        }
        check(one_of(1232), &packet, seed);
    }
}

#[test]
fn every_name_and_type_of_the_world_is_said_alike() {
    let snapshot = world(1232);
    for name in NAMES {
        for rtype in TYPES {
            for opt in [None, Some((1232, false, Vec::new())), Some((4096, true, Vec::new()))] {
                let asked = GeneratedQuery { opt, ..GeneratedQuery::plain(name, rtype) };
                for seed in 0..4 {
                    check(&snapshot, &asked.packet(), seed);
                }
            }
        }
    }
}

#[test]
fn instances_are_cut_alike_at_every_size() {
    let services = ["long-enough-for-two-lines-of-any-cache.svc.test", "many.svc.test"];
    for size in 512..=1232 {
        for name in services {
            let asked = GeneratedQuery {
                opt: Some((size, false, Vec::new())),
                ..GeneratedQuery::plain(name, 33)
            };
            assert!(check(one_of(1232), &asked.packet(), size.into()), "{name} in {size}");
        }
    }
}

#[test]
fn who_may_have_more_than_the_buffer_holds_is_left_to_the_general_path() {
    for (largest, offered, is_taken) in
        [(65_535, 4096, true), (65_535, 4097, false), (4096, 65_535, true)]
    {
        let opt = Some((offered, false, Vec::new()));
        let asked = GeneratedQuery { opt, ..GeneratedQuery::plain("web.svc.test", 1) };
        assert_eq!(check(one_of(largest), &asked.packet(), 1), is_taken, "{largest} {offered}");
    }
}

#[test]
fn plain_questions_are_taken() {
    let snapshot = world(1232);
    for (name, rtype) in [
        ("web.svc.test", 1),
        ("web.svc.test", 28),
        ("web.svc.test", 33),
        ("portless.svc.test", 65),
        ("v1.web.svc.test", 1),
        ("_web._tcp.svc.test", 33),
        ("_web._v1.svc.test", 33),
        ("web-1.web.svc.test", 1),
        ("web-1.web.svc.test", 33),
        ("mixed.svc.test", 28),
        ("dual.svc.test", 28),
        ("six.svc.test", 28),
        ("no.svc.test", 1),
        ("a.b.no.svc.test", 16),
        ("no.web.svc.test", 1),
        ("hidden.svc.test", 33),
        ("web.in.deep.svc.test", 1),
        ("web.wild.test", 1),
        ("many.svc.test", 1),
        ("many.svc.test", 33),
    ] {
        let cookie = b"\x00\x0a\x00\x08abcdefgh".to_vec();
        for opt in [None, Some((1232, false, Vec::new())), Some((1232, false, cookie))] {
            let asked = GeneratedQuery { opt, ..GeneratedQuery::plain(name, rtype) };
            assert!(check(&snapshot, &asked.packet(), 1), "{name} {rtype}");
        }
    }
}

#[test]
fn an_entry_answers_aaaa_where_every_instance_has_one_address_or_none_has() {
    let snapshot = one_zone(1232);
    let hot = &snapshot.zones.only().unwrap().hot;
    for (labels, expected) in [
        (&["web"][..], Aaaa::Nodata),
        (&["v1", "web"], Aaaa::Nodata),
        (&["dual"], Aaaa::OfInstances),
        (&["v1", "dual"], Aaaa::OfInstances),
        (&["six"], Aaaa::OfInstances),
        (&["mixed"], Aaaa::Elsewhere),
        (&["uneven"], Aaaa::Elsewhere),
        (&["both"], Aaaa::Elsewhere),
        (&["stale"], Aaaa::Elsewhere),
        (&["soon"], Aaaa::Elsewhere),
    ] {
        let entry = hot.get(&Key::of_labels(labels.iter().copied()).unwrap());
        assert_eq!(entry.map_or(Aaaa::Elsewhere, HotEntry::aaaa), expected, "{labels:?}");
    }
}

/// Then its apex is looked for in a name before any zone is.
#[test]
fn a_zone_that_is_served_alone_answers_what_is_its_own() {
    let snapshot = one_zone(1232);
    let taken = |name: &&str| check(&snapshot, &GeneratedQuery::plain(name, 1).packet(), 1);
    let names: Vec<&str> = NAMES.iter().copied().filter(taken).collect();
    for name in ["web.svc.test", "v1.web.svc.test", "_web._tcp.svc.test", "web.in.deep.svc.test"] {
        assert!(names.contains(&name), "{name} is not taken: {names:?}");
    }
    assert!(names.iter().all(|name| name.ends_with(".svc.test")), "{names:?}");
    let packet = GeneratedQuery::plain("any.svc.test", 1).packet();
    assert!(!check(&wild_zone(), &packet, 1), "a wildcard answers");
    // A name that is no text is known as well.
    let mut packet = GeneratedQuery::plain("x.svc.test", 1).packet();
    let is_taken = [b'x', 201, 200].map(|octet| {
        packet[13] = octet;
        check(&snapshot, &packet, 1)
    });
    assert_eq!(is_taken, [true, true, false]);
}

#[test]
fn who_answered_is_counted() {
    let metrics = Metrics::new("0");
    let mut worker = worker(&metrics, 1);
    let packet = GeneratedQuery::plain("web.svc.test", 1).packet();
    let mut octets = [0; ROOM];
    octets[..packet.len()].copy_from_slice(&packet);
    let arrival = arrival(&PEER);
    assert!(fast(&mut octets, packet.len(), arrival, &world(1232), &mut worker).is_some());
    let text = metrics.render(Exposition::Text);
    assert!(text.contains("livezone_dns_path_total{path=\"fast\"} 1\n"), "{text}");
    assert!(text.contains("livezone_dns_path_total{path=\"general\"} 0\n"), "{text}");
    assert!(text.contains("{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 1\n"), "{text}");
}

#[test]
fn who_may_not_ask_is_left_to_respond() {
    let mut rules = (*world(1232).rules).clone();
    rules.access.deny = "192.0.2.0/24".parse().into_iter().collect();
    let snapshot = Snapshot { rules: rules.into(), ..world(1232) };
    assert!(!check(&snapshot, &GeneratedQuery::plain("web.svc.test", 1).packet(), 1));
    let metrics = Metrics::new("0");
    let packet = GeneratedQuery::plain("web.svc.test", 1).packet();
    let mut octets = [0; ROOM];
    octets[..packet.len()].copy_from_slice(&packet);
    for peer in ["192.0.2.1:0", "224.0.0.251:5353", "192.0.2.53:53"] {
        let peer = peer.parse().unwrap();
        let (mut worker, arrival) = (worker(&metrics, 1), arrival(&peer));
        assert!(fast(&mut octets, packet.len(), arrival, &world(1232), &mut worker).is_none());
    }
}

/// What becomes of the same question asked five times, said by one of the two.
fn five(
    rrl: &Rrl,
    mut once: impl FnMut(&Snapshot, &mut Worker) -> Option<Vec<u8>>,
) -> (Vec<Option<Vec<u8>>>, BTreeSet<String>) {
    let metrics = Metrics::new("0");
    let cells = metrics.worker(Transport::Udp);
    let mut worker = Worker::limited(cells, Arc::default());
    worker.rng = fastrand::Rng::with_seed(1);
    let rules = Rules { rrl: rrl.clone(), ..(*world(1232).rules).clone() };
    let snapshot = Snapshot { rules: rules.into(), ..world(1232) };
    let said = (0..5).map(|_| once(&snapshot, &mut worker)).collect();
    let counted = metrics.render(Exposition::Text);
    let counted = counted.lines().filter(|line| !line.contains("_path_"));
    let counted: BTreeSet<String> = counted.map(str::to_owned).collect();
    (said, counted)
}

#[test]
fn answers_are_limited_alike() {
    let cookie = b"\x00\x0a\x00\x08abcdefgh".to_vec();
    for (slip, dry_run) in [(1, false), (2, false), (0, false), (1, true)] {
        let rrl = Rrl { responses_per_second: 1, slip, dry_run, ..Rrl::default() };
        for (name, rtype) in [("web.svc.test", 1), ("no.svc.test", 1), ("portless.svc.test", 65)] {
            for opt in [None, Some((1232, true, cookie.clone()))] {
                let packet = GeneratedQuery { opt, ..GeneratedQuery::plain(name, rtype) }.packet();
                let arrival = arrival(&PEER);
                let ours = five(&rrl, |snapshot, worker| {
                    let mut octets = [0; ROOM];
                    octets[..packet.len()].copy_from_slice(&packet);
                    match fast(&mut octets, packet.len(), arrival, snapshot, worker).unwrap() {
                        Fast::Answered { len, .. } => Some(octets[..len].to_vec()),
                        Fast::Dropped => None,
                    }
                });
                let theirs = five(&rrl, |snapshot, worker| {
                    let mut out = Vec::new();
                    let received = received(&packet, arrival);
                    match respond(&received, snapshot, worker, &mut out) {
                        Response::Sent { .. } => Some(out),
                        Response::Ignored(_) => None,
                    }
                });
                assert_eq!(ours, theirs, "slip {slip}, {name} {rtype}");
            }
        }
    }
}
