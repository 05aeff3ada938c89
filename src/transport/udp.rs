//! Datagrams: plain threads, one for each socket, one message at a time.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
};

use crate::metrics::Metrics;
use crate::metrics::dns::{Dropped, Transport};
use crate::transport::respond::{Context, Received, Response, Worker, respond};

/// How long a silent worker takes to see that it is to stop.
const PATIENCE: Duration = Duration::from_millis(250);
/// The pause after an error that may come again at once.
const PAUSE: Duration = Duration::from_millis(10);
/// No query is longer; what is, is cut and cannot be read.
const MAX_QUERY: usize = 4096;

/// Starts a thread for each of `sockets`; each ends soon after `stop` is set.
pub fn start(
    sockets: Vec<UdpSocket>,
    context: &Arc<Context>,
    metrics: &Metrics,
    stop: &Arc<AtomicBool>,
) -> io::Result<Vec<JoinHandle<()>>> {
    let mut threads = Vec::with_capacity(sockets.len());
    for socket in sockets {
        socket.set_read_timeout(Some(PATIENCE))?;
        let (context, stop) = (Arc::clone(context), Arc::clone(stop));
        let worker = Worker::new(metrics.worker(Transport::Udp));
        let name = format!("udp {}", threads.len());
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || serve(&socket, &context, worker, &stop))?;
        threads.push(thread);
    }
    Ok(threads)
}

/// Answers what comes to `socket` until `stop` is set. The socket has a read timeout.
fn serve(socket: &UdpSocket, context: &Context, mut worker: Worker, stop: &AtomicBool) {
    let mut packet = [0; MAX_QUERY];
    let mut control = cmsg_space!(libc::in6_pktinfo);
    let mut out = Vec::with_capacity(MAX_QUERY);
    while !stop.load(Ordering::Relaxed) {
        let asked = match receive(socket, &mut packet, &mut control) {
            Ok(Some(asked)) => asked,
            Ok(None) => continue,
            Err(error) => {
                tolerate(error);
                continue;
            }
        };
        let started = (context.clock)();
        let octets = packet.get(..asked.len).unwrap_or_default();
        let (peer, transport) = (asked.peer, Transport::Udp);
        let received = Received { octets, peer, now: started, transport, idle: None };
        match respond(&received, &context.current.load(), &mut worker, &mut out) {
            Response::Ignored(_) => {}
            Response::Sent { .. } => match send(socket, &out, &asked) {
                Ok(()) => {
                    let ended = (context.clock)();
                    worker.cells.observe(ended.mono.since(started.mono));
                }
                Err(_) => worker.cells.dropped(Dropped::Send),
            },
        }
    }
}

/// Errors of receiving say nothing of the next datagram. Silence, an interruption and an answer
/// that somebody's port refused are no errors; anything else might come in a tight loop.
fn tolerate(error: Errno) {
    if !matches!(error, Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) {
        thread::sleep(PAUSE);
    }
}

/// A datagram's length and both its ends.
struct Asked {
    len: usize,
    peer: SocketAddr,
    /// Known on wildcard sockets only; the others have but one address.
    local: Option<Local>,
}

/// The address that was asked, as the answer's source.
#[derive(Clone, Copy)]
enum Local {
    V4(libc::in_pktinfo),
    V6(libc::in6_pktinfo),
}

/// `None` is a datagram whose sender has no internet address.
fn receive(
    socket: &UdpSocket,
    packet: &mut [u8],
    control: &mut [u8],
) -> nix::Result<Option<Asked>> {
    let mut buffers = [IoSliceMut::new(packet)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut buffers,
        Some(control),
        MsgFlags::empty(),
    )?;
    let local = message.cmsgs()?.find_map(|message| source_of(&message));
    let peer = message.address.as_ref().and_then(address_of);
    Ok(peer.map(|peer| Asked { len: message.bytes, peer, local }))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel's messages, not an enum of ours")]
fn source_of(message: &ControlMessageOwned) -> Option<Local> {
    match message {
        // The kernel names the address to answer from; which way out is for its routes to say.
        ControlMessageOwned::Ipv4PacketInfo(asked) => {
            Some(Local::V4(libc::in_pktinfo { ipi_ifindex: 0, ..*asked }))
        }
        ControlMessageOwned::Ipv6PacketInfo(asked) => {
            let mut asked = *asked;
            // Only link-local addresses mean nothing without their interface.
            if !Ipv6Addr::from(asked.ipi6_addr.s6_addr).is_unicast_link_local() {
                asked.ipi6_ifindex = 0;
            }
            Some(Local::V6(asked))
        }
        _ => None,
    }
}

fn address_of(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}

/// Sends without waiting: when the system's queue is full, the asker asks again.
fn send(socket: &UdpSocket, message: &[u8], to: &Asked) -> nix::Result<()> {
    let peer = SockaddrStorage::from(to.peer);
    let buffers = [IoSlice::new(message)];
    let control = match &to.local {
        Some(Local::V4(from)) => Some(ControlMessage::Ipv4PacketInfo(from)),
        Some(Local::V6(from)) => Some(ControlMessage::Ipv6PacketInfo(from)),
        None => None,
    };
    let fd = socket.as_raw_fd();
    sendmsg(fd, &buffers, control.as_slice(), MsgFlags::MSG_DONTWAIT, Some(&peer))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::metrics::Exposition;
    use crate::transport::bind::bind;
    use crate::transport::fixtures::{context, query};

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
            let bound = bind(&[listen.parse().unwrap()], 2).unwrap();
            let endpoint = bound.endpoints.into_iter().next().unwrap();
            let (metrics, stop) = (Metrics::new("0"), Arc::new(AtomicBool::new(false)));
            let threads = start(endpoint.udp, &Arc::new(context()), &metrics, &stop).unwrap();
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
        let mut buffer = [0; 2000];
        let len = client.recv(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    #[test]
    fn both_families_are_answered_and_counted() {
        for (listen, from) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
            let served = Served::start(listen);
            let ip = from.parse::<std::net::IpAddr>().unwrap();
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
}
