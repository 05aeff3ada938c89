//! Over real sockets.

use std::net::UdpSocket;
use std::os::fd::AsFd;

use nix::sys::socket::{setsockopt, sockopt};

use super::*;

#[test]
fn what_was_received_is_sent_back_where_it_came_from_and_what_cannot_be_is_skipped() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let askers: Vec<UdpSocket> = (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    for asker in &askers {
        asker.send_to(b"asked", server.local_addr().unwrap()).unwrap();
    }
    let mut batch = Batch::new(Sending::Segmented);
    assert_eq!(batch.receive(server.as_fd(), Wait::ForOne).unwrap(), 3);
    for (place, asker) in askers.iter().enumerate() {
        let message = batch.message(place).unwrap();
        assert_eq!(message.peer, Some(asker.local_addr().unwrap()));
        assert_eq!(message.octets[..message.len], *b"asked");
        message.octets[..4].copy_from_slice(b"said");
        batch.answer(place, 4);
    }
    assert!(batch.message(3).is_none());
    batch.spoil(1);
    assert_eq!(batch.send(server.as_fd()), 1);
    for place in [0, 2] {
        let mut said = [0; 9];
        assert_eq!(askers[place].recv(&mut said).unwrap(), 4);
        assert_eq!(said[..4], *b"said");
    }
    assert!(batch.receive(server.as_fd(), Wait::Never).is_err());
    assert!(batch.message(0).is_none(), "no message is seen twice");
}

#[test]
fn answers_come_in_any_order_once_and_a_message_without_one_leaves_no_trace() {
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let askers: Vec<UdpSocket> = (0..5).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    let mut batch = Batch::new(Sending::Segmented);
    for silent in [vec![0, 3], vec![], vec![1, 2], vec![0, 1, 2, 3, 4], vec![4]] {
        for (asker, octet) in askers.iter().zip(0..) {
            asker.send_to(&[octet; 7], server.local_addr().unwrap()).unwrap();
        }
        assert_eq!(batch.receive(server.as_fd(), Wait::ForOne).unwrap(), 5);
        let answered: Vec<usize> = (0..5).filter(|place| !silent.contains(place)).collect();
        for &place in answered.iter().rev() {
            let message = batch.message(place).unwrap();
            assert_eq!(message.octets[..message.len], [u8::try_from(place).unwrap(); 7]);
            batch.answer(place, place + 1);
            assert!(batch.message(place).is_none());
            batch.answer(place, 9);
        }
        assert_eq!(batch.send(server.as_fd()), 0);
        for (place, asker) in askers.iter().enumerate() {
            asker.set_nonblocking(true).unwrap();
            let mut said = [0; 9];
            let length = asker.recv(&mut said).ok();
            assert_eq!(length, answered.contains(&place).then_some(place + 1));
            assert!(said[..length.unwrap_or(0)].iter().all(|&o| usize::from(o) == place));
            assert!(asker.recv(&mut said).is_err());
        }
    }
}

/// A server at `listen`, and clients that hear what comes from `asked` alone.
fn server_and_clients<const N: usize>(listen: &str, asked: &str) -> (UdpSocket, [UdpSocket; N]) {
    let server = UdpSocket::bind(listen).unwrap();
    let address = server.local_addr().unwrap();
    let is_wildcard = address.ip().is_unspecified();
    if address.is_ipv4() {
        setsockopt(&server, sockopt::Ipv4PacketInfo, &is_wildcard).unwrap();
    } else {
        setsockopt(&server, sockopt::Ipv6RecvPacketInfo, &is_wildcard).unwrap();
    }
    let clients = [(); N].map(|()| {
        let any = if address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        let client = UdpSocket::bind(any).unwrap();
        client.connect((asked, address.port())).unwrap();
        client
    });
    (server, clients)
}

/// What has come, in order of its octets.
fn heard(client: &UdpSocket) -> Vec<Vec<u8>> {
    client.set_nonblocking(true).unwrap();
    let mut octets = [0; ROOM];
    let one = || client.recv(&mut octets).ok().map(|len| octets[..len].to_vec());
    let mut all: Vec<_> = std::iter::from_fn(one).collect();
    all.sort_unstable();
    all
}

/// Receives what was sent, and has each message answered by so many octets that say its place.
fn answer_by(batch: &mut Batch, server: &UdpSocket, lengths: &[usize]) {
    assert_eq!(batch.receive(server.as_fd(), Wait::ForOne).unwrap(), lengths.len());
    for (place, &len) in lengths.iter().enumerate() {
        batch.message(place).unwrap().octets.fill(u8::try_from(place).unwrap());
        batch.answer(place, len);
    }
}

/// Seven answers to three askers; in how many datagrams they leave.
fn answered_apart(listen: &str, asked: &str, other: &str) -> usize {
    let (server, [one, two]) = server_and_clients::<2>(listen, asked);
    let port = server.local_addr().unwrap().port();
    let elsewhere = UdpSocket::bind((other, 0)).unwrap();
    elsewhere.connect((other, port)).unwrap();
    for client in [&one, &two, &one, &two, &one, &one, &elsewhere] {
        client.send(b"asked").unwrap();
    }
    let mut batch = Batch::new(Sending::Segmented);
    answer_by(&mut batch, &server, &[60, 60, 60, 60, 70, 60, 60]);
    let datagrams = batch.couple(0, Sending::Segmented);
    assert_eq!(batch.send(server.as_fd()), 0);
    assert_eq!(heard(&one), [vec![0; 60], vec![2; 60], vec![4; 70], vec![5; 60]]);
    assert_eq!(heard(&two), [vec![1; 60], vec![3; 60]]);
    assert_eq!(heard(&elsewhere), [vec![6; 60]]);
    datagrams
}

#[test]
fn answers_to_one_asker_leave_together_and_arrive_apart() {
    for (listen, asked, other) in [
        ("127.0.0.1:0", "127.0.0.1", "127.0.0.1"),
        ("0.0.0.0:0", "127.0.0.3", "127.0.0.4"),
        ("[::1]:0", "::1", "::1"),
        ("[::]:0", "::1", "::1"),
    ] {
        // Of 64 askers two have the same hash, and their answers may then leave one by one: ports
        // are drawn again.
        let least = (0..20).map(|_| answered_apart(listen, asked, other)).min();
        assert_eq!(least, Some(4), "{listen}");
    }
}

#[test]
fn the_same_asker_hears_from_each_address_that_it_asked() {
    let (server, []) = server_and_clients::<0>("0.0.0.0:0", "127.0.0.3");
    let port = server.local_addr().unwrap().port();
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    for asked in ["127.0.0.3", "127.0.0.3", "127.0.0.4"] {
        client.send_to(b"asked", (asked, port)).unwrap();
    }
    let mut batch = Batch::new(Sending::Segmented);
    answer_by(&mut batch, &server, &[60; 3]);
    assert_eq!(batch.couple(0, Sending::Segmented), 2);
    assert_eq!(batch.send(server.as_fd()), 0);
    let mut from: Vec<(u8, IpAddr)> = [(); 3]
        .map(|()| {
            let mut octets = [0; 60];
            let (_, from) = client.recv_from(&mut octets).unwrap();
            (octets[59], from.ip())
        })
        .to_vec();
    from.sort_unstable();
    let expected = [(0, "127.0.0.3"), (1, "127.0.0.3"), (2, "127.0.0.4")];
    assert_eq!(from, expected.map(|(place, ip)| (place, ip.parse().unwrap())));
}

/// Whether datagrams have no sum (`SO_NO_CHECK`): then Linux takes none apart.
#[derive(Clone, Copy)]
struct NoSums;

nix::setsockopt_impl!(
    NoSums,
    libc::SOL_SOCKET,
    libc::SO_NO_CHECK,
    libc::c_int,
    sockopt::SetStruct<'_, libc::c_int>
);

#[test]
fn where_groups_are_refused_all_leave_alone_for_a_while() {
    let (server, [client]) = server_and_clients::<1>("127.0.0.1:0", "127.0.0.1");
    let mut batch = Batch::new(Sending::Segmented);
    let mut ask_and_answer = |expected: usize| {
        (0..3).for_each(|_| assert_eq!(client.send(b"asked").unwrap(), 5));
        answer_by(&mut batch, &server, &[60; 3]);
        assert_eq!(batch.couple(0, Sending::Segmented), expected);
        assert_eq!(batch.send(server.as_fd()), 0);
        assert_eq!(heard(&client), [0, 1, 2].map(|place| vec![place; 60]));
    };
    setsockopt(&server, NoSums, &1).unwrap();
    ask_and_answer(1);
    setsockopt(&server, NoSums, &0).unwrap();
    (0..CAUTION).for_each(|_| ask_and_answer(3));
    ask_and_answer(1);
}

#[test]
fn an_answer_that_cannot_leave_takes_no_other_with_it() {
    let (server, [client, other]) = server_and_clients::<2>("127.0.0.1:0", "127.0.0.1");
    for asker in [&client, &client, &client, &other] {
        asker.send(b"asked").unwrap();
    }
    let mut batch = Batch::new(Sending::Segmented);
    answer_by(&mut batch, &server, &[60; 4]);
    batch.spoil(0);
    assert_eq!(batch.couple(0, Sending::Segmented), 2);
    assert_eq!(batch.send(server.as_fd()), 1);
    assert_eq!(heard(&client), [[1; 60], [2; 60]]);
    assert_eq!(heard(&other), [[3; 60]]);
}

#[test]
fn answers_leave_alone_where_they_are_to() {
    let (server, [client]) = server_and_clients::<1>("127.0.0.1:0", "127.0.0.1");
    (0..3).for_each(|_| assert_eq!(client.send(b"asked").unwrap(), 5));
    let mut batch = Batch::new(Sending::Alone);
    answer_by(&mut batch, &server, &[60; 3]);
    assert_eq!(batch.couple(0, Sending::Segmented), 3);
    assert_eq!(batch.send(server.as_fd()), 0);
    assert_eq!(heard(&client).len(), 3);
}

#[test]
fn an_answer_that_leaves_alone_does_so_at_once_and_only_once() {
    let (server, [client]) = server_and_clients::<1>("127.0.0.1:0", "127.0.0.1");
    for _ in 0..3 {
        client.send(b"asked").unwrap();
    }
    let mut batch = Batch::new(Sending::Segmented);
    assert_eq!(batch.receive(server.as_fd(), Wait::ForOne).unwrap(), 3);
    // RFC 768 over IPv4: 65,535 octets less both headers.
    let most = vec![7; 65_507];
    assert!(batch.send_alone(server.as_fd(), 1, &most));
    assert!(!batch.send_alone(server.as_fd(), 1, b"again") && batch.message(1).is_none());
    assert!(!batch.send_alone(server.as_fd(), 3, b"nobody asked"));
    assert!(!batch.send_alone(server.as_fd(), 2, &[&most[..], b"more"].concat()));
    let mut octets = vec![0; 1 << 16];
    assert_eq!(client.recv(&mut octets).unwrap(), most.len());
    assert_eq!(octets[..most.len()], most);
    batch.answer(0, 5);
    batch.answer(1, 5);
    assert_eq!(batch.send(server.as_fd()), 0);
    assert_eq!(heard(&client), [b"asked"]);
}
