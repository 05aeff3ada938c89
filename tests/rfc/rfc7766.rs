//! RFC 7766: DNS transport over TCP, implementation requirements. What takes time is tested with a
//! clock that does not, in `src/transport`.

use std::io::Write;
use std::net::{Ipv4Addr, Shutdown};

use crate::query::{Ask, Stream, ask, framed};

fn www(id: u16) -> Ask {
    ask("www.a.test", "A").id(id)
}

/// Section 6.2.1: a connection is for more than one question.
#[test]
fn a_connection_stays_open_after_an_answer() {
    let mut stream = Stream::open();
    for id in 0..100 {
        stream.send(&[&www(id)]);
        assert_eq!(stream.receive(&www(id)).answer.len(), 2);
    }
}

/// Section 6.2.1.1: questions need not wait for answers; section 7: each answer has its question's
/// id, in whatever order.
#[test]
fn questions_are_sent_without_waiting_for_answers() {
    let names = ["www.a.test", "none.a.test", "elsewhere.net", "many.a.test", "www.a.test"];
    let asks: Vec<Ask> = (0..).zip(names).map(|(id, name)| ask(name, "A").id(id)).collect();
    let mut stream = Stream::open();
    stream.send(&asks.iter().collect::<Vec<_>>());
    let mut left = asks;
    while !left.is_empty() {
        let octets = stream.next().unwrap();
        let id = u16::from_be_bytes([octets[0], octets[1]]);
        let place = left.iter().position(|ask| ask.id == id).expect("an id that was asked with");
        let message = crate::message::Message::read(octets);
        let _ = message.answers_to(&left.remove(place), crate::query::Over::Tcp);
    }
}

/// Section 8: the two octets of the length may come apart from each other and from the message.
#[test]
fn a_message_may_begin_in_one_segment_and_end_in_another() {
    let both = [framed(&www(1).octets()), framed(&www(2).octets())].concat();
    for cut in [1, 2, 3, 20, both.len() / 2, both.len() / 2 + 1, both.len() - 1] {
        let mut stream = Stream::open();
        stream.0.set_nodelay(true).unwrap();
        stream.0.write_all(&both[..cut]).unwrap();
        stream.0.write_all(&both[cut..]).unwrap();
        assert_eq!(stream.receive(&www(1)).answer.len(), 2, "{cut}");
        assert_eq!(stream.receive(&www(2)).answer.len(), 2, "{cut}");
    }
}

/// Section 6.2.3: who has closed its half waits for what it has asked.
#[test]
fn a_half_closed_connection_gets_its_answers_and_is_closed() {
    let asks: Vec<Ask> = (0..50).map(www).collect();
    let mut stream = Stream::open();
    stream.send(&asks.iter().collect::<Vec<_>>());
    stream.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(std::iter::from_fn(|| stream.next()).count(), 50);
}

/// A message that is cut by the end of the connection is no question.
#[test]
fn a_message_that_is_never_whole_gets_no_answer() {
    let mut stream = Stream::open();
    let octets = framed(&www(1).octets());
    stream.0.write_all(&octets[..octets.len() - 1]).unwrap();
    stream.0.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.next(), None);
}

/// Section 8 lets a message have 65,535 octets. One that is longer than any query we read is an error
/// and no reason for silence (RFC 8906), and it costs no other its answer.
#[test]
fn a_message_longer_than_we_read_is_an_error_and_no_end() {
    let small = www(1);
    for length in [4097, 65_535] {
        for (opcode, rcode) in [(0, "FORMERR"), (2, "NOTIMP")] {
            let long = www(2).opcode(opcode);
            let long = long.clone().tail(&vec![0; length - long.octets().len()]);
            let mut stream = Stream::open();
            stream.send(&[&small, &long, &small]);
            assert_eq!(stream.receive(&small).answer.len(), 2);
            let octets = stream.next().unwrap();
            assert_eq!((octets.len(), &octets[..2]), (12, &[0, 2][..]), "{length}");
            assert_eq!(crate::message::Message::read(octets).rcode(), rcode, "{length}");
            assert_eq!(stream.receive(&small).answer.len(), 2, "{length}");
        }
    }
}

/// RFC 1035 section 4.1.1 holds here too: a response is not answered.
#[test]
fn a_response_over_tcp_is_not_answered() {
    let mut stream = Stream::open();
    stream.send(&[&www(1).flags(0x8000), &www(2)]);
    stream.0.shutdown(Shutdown::Write).unwrap();
    while let Some(octets) = stream.next() {
        assert_eq!(octets[..2], [0, 2]);
    }
}

/// Section 6.2.2: connections of one client are limited, and a new one is worth more than the one
/// that has been idle for longest.
#[test]
fn one_client_too_many_costs_the_longest_idle_of_that_client() {
    let client = Ipv4Addr::new(127, 8, 0, 1);
    let mut streams: Vec<Stream> = (0..21)
        .map(|id| {
            let mut stream = Stream::open_from(client);
            stream.send(&[&www(id)]);
            assert_eq!(stream.receive(&www(id)).answer.len(), 2);
            stream
        })
        .collect();
    assert_eq!(streams[0].next(), None);
    for (id, stream) in (0..).zip(&mut streams[1..]) {
        stream.send(&[&www(id)]);
        assert_eq!(stream.receive(&www(id)).answer.len(), 2);
    }
}
