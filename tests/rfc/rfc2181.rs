//! RFC 2181: Clarifications to the DNS specification.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use crate::message::Message;
use crate::query::{Over, ask};
use crate::server::address;

/// Section 4: from the address and the port that were asked.
#[test]
fn an_answer_comes_from_the_address_that_was_asked() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let ask = ask("www.a.test", "A");
    socket.send_to(&ask.octets(), address()).unwrap();
    let mut buffer = vec![0; 2048];
    let (length, from): (usize, SocketAddr) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!(from, address());
    buffer.truncate(length);
    let _ = Message::read(buffer).answers_to(&ask, Over::Udp);
}

/// Section 5: each record is sent once.
#[test]
fn an_address_of_many_instances_is_answered_once() {
    let reply = ask("big.service.internal", "A").tcp();
    assert_eq!(reply.answer.len(), 250);
}

/// Section 5.2.
#[test]
fn the_ttls_of_an_rrset_are_one() {
    let reply = ask("twice.a.test", "A").udp();
    let expected = ["twice.a.test. 50 A 192.0.2.40", "twice.a.test. 50 A 192.0.2.41"];
    assert_eq!(reply.answer_set(), expected);
}

/// Section 6.1: the servers of a delegation are the zone's below; only glue goes with them.
#[test]
fn the_names_above_a_delegation_are_ours_and_those_at_and_below_are_not() {
    assert!(ask("a.test", "NS").udp().aa());
    assert!(!ask("sub.a.test", "NS").udp().aa());
    assert!(!ask("ns.sub.a.test", "A").udp().aa());
    assert!(ask("sub.a.test", "NS").udp().answer.is_empty());
}

/// Section 8: the uppermost bit is 0.
#[test]
fn a_ttl_is_an_unsigned_number_of_31_bits() {
    for reply in ["a.test", "www.a.test", "web.service.internal"].map(|name| ask(name, "ANY").udp())
    {
        assert!(reply.answer.iter().all(|record| record.ttl <= 0x7fff_ffff));
    }
}

/// Section 9: TC says that what was asked for is not all there.
#[test]
fn tc_is_set_where_answers_are_left_out_and_only_there() {
    let reply = ask("many.a.test", "A").edns(1232).udp();
    assert!(reply.tc() && reply.authority.is_empty() && reply.additional.is_empty());
    let reply = ask("many.a.test", "A").tcp();
    assert_eq!((reply.tc(), reply.answer.len()), (false, 200));
}

/// Section 9: additional records that nobody asked for go without a word.
#[test]
fn additional_records_are_left_out_without_tc() {
    let ask_srv = |size| ask("_web._tcp.service.internal", "SRV").edns(size).udp();
    assert_eq!((ask_srv(1232).additional.len(), ask_srv(1232).tc()), (3, false));
    // An answer of 24 records has no room for the targets' addresses.
    let tight = ask("big.service.internal", "SRV").udp();
    assert!(tight.tc() && tight.additional.is_empty());
    let servers = ask("a.test", "NS").udp();
    assert_eq!((servers.answer.len(), servers.additional.len(), servers.tc()), (2, 3, false));
}

/// Section 10.1: a CNAME is alone, and an alias of a service is one at a time.
#[test]
fn an_alias_stands_alone() {
    let reply = ask("alias.a.test", "ANY").udp();
    assert_eq!(reply.answers(), ["alias.a.test. 300 CNAME www.a.test."]);
    let reply = ask("outside.service.internal", "CNAME").udp();
    assert_eq!(reply.answers(), ["outside.service.internal. 5 CNAME www.a.test."]);
}

/// Section 10.3: the name of a server is not an alias.
#[test]
fn servers_have_names_with_addresses() {
    for record in ask("a.test", "NS").udp().answer {
        let reply = ask(&record.data, "A").udp();
        assert!(reply.answer.iter().all(|record| record.rtype == 1) && !reply.answer.is_empty());
    }
}
