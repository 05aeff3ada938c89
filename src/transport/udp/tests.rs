//! Real sockets, and a worker at them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use arc_swap::ArcSwap;
use nix::sys::socket::{setsockopt, sockopt};

use super::*;
use crate::metrics::Exposition;
use crate::model::dns::Rtype;
use crate::snapshot::Rules;
use crate::transport::bind::{Bound, bind};
use crate::transport::tests::fixtures::{context, query, query_for};

/// Longer than any test takes that passes.
const DEADLINE: Duration = Duration::from_secs(10);

struct Served {
    port: u16,
    metrics: Metrics,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    // Keeps the port from other tests.
    _tcp: TcpListener,
}

impl Served {
    fn start(listen: &str) -> Self {
        Self::at(bind(&[listen.parse().unwrap()], 2).unwrap())
    }

    fn at(bound: Bound) -> Self {
        Self::with(bound, context())
    }

    fn with(bound: Bound, context: Context) -> Self {
        let endpoint = bound.endpoints.into_iter().next().unwrap();
        let (metrics, stop) = (Metrics::new("0"), Arc::new(AtomicBool::new(false)));
        let threads =
            start(endpoint.udp, Sending::Segmented, &Arc::new(context), &metrics, &stop).unwrap();
        let port = endpoint.address.port();
        Self { port, metrics, stop, threads, _tcp: endpoint.tcp }
    }

    fn end(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.metrics.render(Exposition::Text)
    }
}

fn client(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Sends and returns the next answer; a connected socket hears its peer only.
fn ask(client: &UdpSocket, packet: &[u8]) -> Vec<u8> {
    client.send(packet).unwrap();
    let mut buffer = vec![0; 1 << 16];
    let len = client.recv(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

#[test]
fn both_families_are_answered_and_counted() {
    for (listen, from) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
        let served = Served::start(listen);
        let ip = from.parse::<IpAddr>().unwrap();
        for id in 0..50 {
            // A new socket each time comes to one worker or the other.
            let client = client(&SocketAddr::new(ip, 0).to_string());
            client.connect(SocketAddr::new(ip, served.port)).unwrap();
            let out = ask(&client, &query(id));
            assert_eq!(out[..2], id.to_be_bytes());
            assert!(out.ends_with(&[10, 0, 0, 1]));
        }
        let text = served.end();
        assert!(text.contains("{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 50\n"));
        assert!(text.contains("response_seconds_count{transport=\"udp\"} 50\n"), "{text}");
    }
}

#[test]
fn what_comes_together_is_answered_each_as_it_would_be_alone() {
    let mut unknown = query(3);
    unknown[13] = b'b';
    let mut shouted = query(4);
    shouted[13..17].make_ascii_uppercase();
    let mut edns = query(5);
    edns[11] = 1;
    edns.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    let malformed = b"\0\x06\0\0\0\x01\0\0\0\0\0\0\xc0".to_vec();
    let types = [Rtype::SRV, Rtype::TXT, Rtype::AAAA].into_iter();
    let others = types.zip(10..).map(|(rtype, id)| query_for(id, rtype));
    let mut asked = vec![query(1), unknown, b"short".to_vec(), shouted, edns, malformed];
    asked.extend(others);
    let bound = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
    let (socket, address) = (&bound.endpoints[0].udp[0], bound.endpoints[0].address);
    let (context, metrics) = (context(), Metrics::new("0"));
    let worker = Worker::new(metrics.worker(Transport::Udp));
    let mut serving = Serving::new((socket, address), Sending::Segmented, &context, worker);
    let client = client("127.0.0.1:0");
    client.connect(address).unwrap();
    let mut answers = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
        for packet in packets {
            client.send(packet).unwrap();
        }
        let count = serving.batch.receive(socket.as_fd(), Wait::ForOne).unwrap();
        assert_eq!(count, packets.len());
        serving.answer(count);
        let answered = packets.iter().filter(|packet| packet.len() > 5);
        answered
            .map(|_| {
                let mut octets = [0; 2000];
                let len = client.recv(&mut octets).unwrap();
                octets[..len].to_vec()
            })
            .collect()
    };
    let alone: Vec<_> =
        asked.iter().flat_map(|packet| answers(std::slice::from_ref(packet))).collect();
    let mut together = answers(&asked);
    together.sort_by_key(|answer| answer[1]);
    assert_eq!(together, alone);
    assert_eq!(alone.len(), asked.len() - 1);
    let text = metrics.render(Exposition::Text);
    assert!(text.contains("livezone_dns_path_total{path=\"fast\"} 12\n"), "{text}");
}

#[test]
fn answers_of_one_length_leave_together_where_they_may() {
    for (sending, messages) in [(Sending::Segmented, 1), (Sending::Alone, 3)] {
        let bound = bind(&["127.0.0.1:0".parse().unwrap()], 1).unwrap();
        let (socket, address) = (&bound.endpoints[0].udp[0], bound.endpoints[0].address);
        let (context, metrics) = (context(), Metrics::new("0"));
        let worker = Worker::new(metrics.worker(Transport::Udp));
        let mut serving = Serving::new((socket, address), sending, &context, worker);
        let client = client("127.0.0.1:0");
        client.connect(address).unwrap();
        // Who asks for it hears a group as it left.
        setsockopt(&client, sockopt::UdpGroSegment, &true).unwrap();
        (1..4).for_each(|id| assert!(client.send(&query(id)).is_ok()));
        let count = serving.batch.receive(socket.as_fd(), Wait::ForOne).unwrap();
        serving.answer(count);
        let mut octets = [0; 2000];
        let heard: Vec<usize> = (0..messages).map(|_| client.recv(&mut octets).unwrap()).collect();
        let answer = heard.iter().sum::<usize>() / 3;
        assert_eq!(heard, vec![answer * 3 / messages; messages]);
        assert!(octets[..12].starts_with(&[0, if messages == 1 { 1 } else { 3 }, 0x85]));
    }
}

#[test]
fn a_wildcard_answers_from_the_address_that_was_asked() {
    let served = Served::start("0.0.0.0:0");
    for host in [2, 3] {
        let client = client("127.0.0.1:0");
        client.connect((Ipv4Addr::new(127, 0, 0, host), served.port)).unwrap();
        assert!(ask(&client, &query(1)).ends_with(&[10, 0, 0, 1]));
    }
    served.end();
    let served = Served::start("[::]:0");
    let client = client("[::1]:0");
    client.connect((Ipv6Addr::LOCALHOST, served.port)).unwrap();
    assert!(ask(&client, &query(1)).ends_with(&[10, 0, 0, 1]));
    served.end();
}

/// The answer has some 16,000 octets, which are more than a message's buffer holds.
#[test]
fn an_answer_longer_than_the_buffer_leaves_whole_from_the_address_that_was_asked() {
    for (listen, from, to) in [
        ("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.1:0", "127.0.0.9"),
        ("[::1]:0", "[::1]:0", "::1"),
        ("[::]:0", "[::1]:0", "::1"),
    ] {
        let mut large = context();
        let rules = Rules { udp_max_size: u16::MAX, ..Rules::default() };
        let zones = Arc::clone(&large.current.load().zones);
        large.current =
            Arc::new(ArcSwap::from_pointee(Snapshot { zones, ..Snapshot::empty(rules) }));
        let served = Served::with(bind(&[listen.parse().unwrap()], 1).unwrap(), large);
        let client = client(from);
        client.connect((to.parse::<IpAddr>().unwrap(), served.port)).unwrap();
        let ask = |offered: u16| {
            let mut asked = query_for(5, Rtype::TXT);
            asked[11] = 1;
            asked.extend([&[0, 0, 41][..], &offered.to_be_bytes(), &[0; 6]].concat());
            ask(&client, &asked)
        };
        let whole = ask(u16::MAX);
        assert!(whole.len() > 15_000, "{listen}: {}", whole.len());
        assert_eq!((whole[2] & 2, &whole[6..8]), (0, &[0x03, 0xe8][..]));
        let opt = &whole[whole.len() - 11..];
        assert_eq!(opt[3..5], [0x10, 0], "4096 is what we can receive");
        let cut = ask(5000);
        assert!((4097..=5000).contains(&cut.len()) && cut[2] & 2 != 0, "{}", cut.len());
        assert!(ask(1232).len() <= 1232);
        let text = served.end();
        assert!(text.contains("qtype=\"TXT\",rcode=\"NOERROR\"} 3\n"), "{text}");
        assert!(text.contains("response_seconds_count{transport=\"udp\"} 3\n"), "{text}");
        assert!(text.contains("dropped_total{reason=\"send\"} 0\n"), "{text}");
    }
}

#[test]
fn a_server_does_not_talk_to_itself() {
    for (listen, host) in
        [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.9"), ("[::]:0", "::1")]
    {
        // One worker, so that what was sent first is read first.
        let bound = bind(&[listen.parse().unwrap()], 1).unwrap();
        let itself = bound.endpoints[0].udp[0].try_clone().unwrap();
        let served = Served::at(bound);
        let host = host.parse::<IpAddr>().unwrap();
        // The kernel draws 127.0.0.1 as the sender for all of 127.0.0.0/8.
        let spoofed = if host.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { host };
        itself.send_to(&query(1), (spoofed, served.port)).unwrap();
        let client = client(&SocketAddr::new(host, 0).to_string());
        client.connect((host, served.port)).unwrap();
        assert!(ask(&client, &query(2)).ends_with(&[10, 0, 0, 1]));
        let text = served.end();
        assert!(text.contains("dropped_total{reason=\"source\"} 1\n"), "{listen}: {text}");
    }
}

#[test]
fn what_cannot_be_read_does_not_stop_a_worker() {
    let served = Served::start("127.0.0.1:0");
    let client = client("127.0.0.1:0");
    client.connect((Ipv4Addr::LOCALHOST, served.port)).unwrap();
    for wrong in [&b""[..], b"short", &[0xff; 600], &[0x80; 12]] {
        client.send(wrong).unwrap();
    }
    let mut malformed = query(2);
    malformed[12] = 0xc0;
    assert_eq!(ask(&client, &malformed), b"\x00\x02\x81\x01\0\0\0\0\0\0\0\0");
    let long = [query(3), vec![0; 60_000]].concat();
    assert_eq!(ask(&client, &long)[..2], [0, 3]);
    assert!(ask(&client, &query(4)).ends_with(&[10, 0, 0, 1]));
    let text = served.end();
    assert!(text.contains("dropped_total{reason=\"short\"} 2\n"), "{text}");
    assert!(text.contains("dropped_total{reason=\"response\"} 2\n"), "{text}");
}

#[test]
fn a_defect_of_the_fast_path_costs_one_answer_and_is_counted() {
    let (metrics, context) = (Metrics::new("0"), context());
    let mut worker = Worker::new(metrics.worker(Transport::Udp));
    let packet = query(9);
    let mut octets = [0xee; ROOM];
    octets[..packet.len()].copy_from_slice(&packet);
    let (peer, asked) = ("192.0.2.1:9".parse().unwrap(), "192.0.2.53:53".parse().unwrap());
    let arrival = Arrival { peer: &peer, asked: &asked, now: Now::default() };
    let (snapshot, mut out) = (context.current.load(), Vec::new());
    let buffer = (&mut octets, packet.len());
    let len = finish(Way::Apology, buffer, arrival, &snapshot, (&mut worker, &mut out)).unwrap();
    assert_eq!(octets[..4], [0, 9, 0x81, 2], "SERVFAIL");
    assert_eq!(octets[12..len], packet[12..], "with its question");
    let text = metrics.render(Exposition::Text);
    assert!(text.contains("livezone_dns_panics_total 1\n"), "{text}");
    assert!(text.contains("qtype=\"A\",rcode=\"SERVFAIL\"} 1\n"), "{text}");
}
