//! RFC 7873: Domain Name System (DNS) cookies.

use crate::query::{Ask, Datagrams, Stream, ask, nothing, option};
use crate::server::address;

const COOKIE: u16 = 10;
const CLIENT: &[u8] = b"\x01\x23\x45\x67\x89\xab\xcd\xef";

/// A question with the client's half of a cookie, and perhaps ours.
fn asking(name: &str, server: &[u8]) -> Ask {
    ask(name, "A").opt(1232, 0, &option(COOKIE, &[CLIENT, server].concat()))
}

/// Our half, as told to 127.0.0.1.
fn ours() -> Vec<u8> {
    let reply = asking("www.a.test", b"").udp();
    let (client, server) = reply.option(COOKIE).unwrap().split_at(8);
    assert_eq!(client, CLIENT);
    server.to_vec()
}

/// No question, and a cookie.
fn bare(server: &[u8]) -> Ask {
    nothing().opt(1232, 0, &option(COOKIE, &[CLIENT, server].concat()))
}

/// Section 5.2.1.
#[test]
fn who_sends_no_cookie_gets_none() {
    for reply in ask("www.a.test", "A").edns(1232).both() {
        assert_eq!(reply.option(COOKIE), None);
    }
    for reply in ask("www.a.test", "A").both() {
        assert!(reply.opt.is_none());
    }
}

/// Section 5.2.2: 8 octets, or 16 to 40.
#[test]
fn a_cookie_of_a_wrong_length_is_a_format_error() {
    for length in (0..8).chain(9..16).chain([41, 100]) {
        let wrong = option(COOKIE, &vec![7; length]);
        for reply in ask("www.a.test", "A").opt(1232, 0, &wrong).both() {
            assert!(reply.rcode() == "FORMERR" && reply.is_header_alone(), "{length}");
        }
    }
    for length in std::iter::once(8).chain(16..=40) {
        let right = option(COOKIE, &vec![7; length]);
        let reply = ask("www.a.test", "A").opt(1232, 0, &right).udp();
        assert_eq!(reply.answer.len(), 2, "{length}");
    }
}

/// Section 5.2.3: answered, with the client's half as it came and ours.
#[test]
fn a_clients_cookie_is_answered_with_a_whole_one() {
    for reply in asking("www.a.test", b"").both() {
        assert_eq!(reply.answer.len(), 2);
        let cookie = reply.option(COOKIE).unwrap();
        assert_eq!((&cookie[..8], cookie.len()), (CLIENT, 24));
    }
}

/// Section 5.2.4: as one who has none, who is told another.
#[test]
fn a_cookie_that_is_not_ours_is_answered_with_ours() {
    for wrong in [&[7; 8][..], &[7; 16], &[7; 32]] {
        for reply in asking("www.a.test", wrong).both() {
            assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 2));
            let server = &reply.option(COOKIE).unwrap()[8..];
            assert!(server.len() == 16 && server != wrong);
        }
    }
}

/// Section 5.2.5.
#[test]
fn a_cookie_of_ours_is_good_and_comes_back() {
    let server = ours();
    let reply = asking("www.a.test", &server).udp();
    assert_eq!(reply.answer.len(), 2);
    assert_eq!(reply.option(COOKIE).unwrap()[8..], server);
}

/// Section 5.4: without a question only the cookie is asked for, or asked about.
#[test]
fn a_cookie_without_a_question_is_answered_with_a_cookie() {
    for (ask, rcode) in
        [(bare(b""), "NOERROR"), (bare(&ours()), "NOERROR"), (bare(&[7; 16]), "BADCOOKIE")]
    {
        let reply = ask.udp();
        assert_eq!((reply.rcode(), reply.aa()), (rcode, false));
        assert!(reply.is_empty() && reply.question.is_empty());
        assert_eq!(reply.option(COOKIE).unwrap().len(), 24);
    }
    assert_eq!(nothing().edns(1232).udp().rcode(), "FORMERR");
    let wrong = nothing().opt(1232, 0, &option(COOKIE, b"1234567"));
    assert_eq!(wrong.udp().rcode(), "FORMERR");
}

/// Section 5.2: whatever the answer is.
#[test]
fn every_answer_to_a_cookie_has_one() {
    for (name, rtype, rcode) in [
        ("none.a.test", "A", "NXDOMAIN"),
        ("tree.a.test", "A", "NOERROR"),
        ("x.sub.a.test", "A", "NOERROR"),
        ("elsewhere.net", "A", "REFUSED"),
        ("broken.test", "A", "SERVFAIL"),
        ("a.test", "AXFR", "REFUSED"),
        ("a.test", "TKEY", "NOTIMP"),
        ("down.service.internal", "A", "NOERROR"),
    ] {
        for reply in ask(name, rtype).opt(1232, 0, &option(COOKIE, CLIENT)).both() {
            assert_eq!(reply.rcode(), rcode, "{name} {rtype}");
            assert_eq!(reply.option(COOKIE).unwrap()[..8], *CLIENT, "{name} {rtype}");
        }
    }
    let later = ask("a.test", "A").opt(1232, 0x0001_0000, &option(COOKIE, CLIENT)).udp();
    assert_eq!(later.rcode(), "BADVERS");
}

/// A cookie is as hard to lose as the OPT record that it is in.
#[test]
fn a_cookie_is_there_at_every_size() {
    let socket = Datagrams::open(address());
    for name in ["many.a.test", "x.wide.a.test", "down.service.internal"] {
        for size in 512..=1240 {
            let query = ask(name, "A").opt(size, 0, &option(COOKIE, CLIENT));
            assert_eq!(socket.ask(&query).option(COOKIE).unwrap().len(), 24, "{name} {size}");
        }
    }
}

/// Section 5.2: other options neither take its place nor lose theirs.
#[test]
fn a_cookie_stands_beside_other_options() {
    let others = [option(0xfff0, b"x"), option(COOKIE, CLIENT), option(3, b"")].concat();
    let reply = ask("down.service.internal", "A").opt(1232, 0, &others).udp();
    assert!(reply.option(COOKIE).is_some() && reply.option(15).is_some());
    assert_eq!(reply.opt.unwrap().options.len(), 2);
}

/// Section 4.3: a cookie is its client's, and nobody's who looks on.
#[test]
fn a_cookie_of_another_address_or_another_client_is_not_good() {
    // A stream comes from an address of its own.
    let reply = bare(&ours()).tcp();
    assert_eq!(reply.rcode(), "BADCOOKIE");
    let other = [&b"another!"[..], &ours()].concat();
    assert_eq!(nothing().opt(1232, 0, &option(COOKIE, &other)).udp().rcode(), "BADCOOKIE");
}

#[test]
fn a_cookie_learnt_on_a_connection_is_good_on_it() {
    let mut stream = Stream::open();
    let first = asking("www.a.test", b"");
    stream.send(&[&first]);
    let server = stream.receive(&first).option(COOKIE).unwrap()[8..].to_vec();
    let second = bare(&server);
    stream.send(&[&second]);
    assert_eq!(stream.receive(&second).rcode(), "NOERROR");
}
