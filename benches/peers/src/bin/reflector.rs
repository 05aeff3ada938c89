//! Sends every datagram back with QR set, lengthened to what an answer to its type would be: what a
//! name server can at best do with these sockets.
//!
//! `reflector ADDRESS alone|trains [TYPE=OCTETS]...`: so many octets are added to a question of that
//! type number. Messages leave one by one, or together as livezone's answers do.

use std::os::fd::AsFd;
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

#[expect(dead_code, reason = "all messages are answered")]
#[path = "../../../../src/transport/batch/mod.rs"]
mod batch;
use batch::{Batch, Sending, Wait};

/// `IP_MTU_DISCOVER`, which livezone sets as well.
#[derive(Clone, Copy)]
struct MtuDiscovery;

nix::setsockopt_impl!(
    MtuDiscovery,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    libc::c_int,
    sockopt::SetStruct<'_, libc::c_int>
);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let address: std::net::SocketAddr = arguments.next().expect("an address").parse().expect("it");
    let sending = match arguments.next().as_deref() {
        Some("alone") => Sending::Alone,
        Some("trains") => Sending::Segmented,
        _ => panic!("alone or trains"),
    };
    let mut growth = [0_usize; 256];
    for pair in arguments {
        let (rtype, octets) = pair.split_once('=').expect("TYPE=OCTETS");
        growth[rtype.parse::<usize>().expect("a number")] = octets.parse().expect("a number");
    }
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
        .expect("a socket");
    socket.set_reuse_port(true).expect("reuse");
    let _ = socket.set_recv_buffer_size(1 << 20);
    let _ = socket.set_send_buffer_size(4 << 20);
    setsockopt(&socket, MtuDiscovery, &libc::IP_PMTUDISC_OMIT).expect("an option");
    socket.set_read_timeout(Some(Duration::from_millis(250))).expect("a timeout");
    socket.bind(&address.into()).expect("the address");
    let mut batch = Batch::new(sending);
    loop {
        let Ok(count) = batch.receive(socket.as_fd(), Wait::ForOne) else { continue };
        for place in 0..count {
            let Some(message) = batch.message(place) else { break };
            let (octets, len) = (message.octets, message.len);
            octets[2] |= 0x80;
            // The type stands 4 octets before the end of the question; an OPT record has 11 or, with
            // a cookie, more behind it: its own beginning is looked for.
            let end = (12..len).find(|&at| octets[at] == 0).map_or(12, |at| at + 2);
            let grown = len + growth[usize::from(octets[end])];
            batch.answer(place, grown.min(4096));
        }
        batch.send(socket.as_fd());
    }
}
