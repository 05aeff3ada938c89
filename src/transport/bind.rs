//! Binds what `listen` names: on each address one TCP listener and a UDP socket for each worker.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

/// Connections that wait for `accept`.
const BACKLOG: i32 = 1024;
/// Bursts that arrive while a worker is not on a core; the system may grant less. It doubles this,
/// and holds a small query in 768 octets: some 2,700 of them, which a worker answers in about 5 ms.
/// More would only be answered when nobody waits for it any more.
const UDP_RECEIVE_BUFFER: usize = 1 << 20;
/// Answers that the system has not passed on yet.
const UDP_SEND_BUFFER: usize = 4 << 20;
/// Where every resolver looks, and other name servers are.
const DNS: u16 = 53;
/// The first port that needs no right; the kernel's default.
const PRIVILEGED: u16 = 1024;
/// What the system keeps of answers for each connection, doubled for its own purposes; left alone
/// it would grow to megabytes for a client that does not read. With as much of our own and the
/// questions not read yet, 1000 of the worst clients hold some 400 MB, and honest ones next to
/// nothing.
const TCP_SEND_BUFFER: usize = 64 << 10;
const TCP_RECEIVE_BUFFER: usize = 64 << 10;
/// After this long without an acknowledgement, or a window, the system gives up what is still to be
/// sent, on connections that we have closed too.
const TCP_SILENCE: Duration = Duration::from_secs(10);
/// Ports that TCP draws before giving up on finding one that UDP can have too.
const DRAWS: u32 = 16;

/// What the kernel makes of path MTU messages for a socket (`IP_MTU_DISCOVER`).
#[derive(Clone, Copy)]
struct MtuDiscovery;

nix::setsockopt_impl!(
    MtuDiscovery,
    libc::IPPROTO_IP,
    libc::IP_MTU_DISCOVER,
    libc::c_int,
    sockopt::SetStruct<'_, libc::c_int>
);

/// The same of IPv6 (`IPV6_MTU_DISCOVER`).
#[derive(Clone, Copy)]
struct MtuDiscoveryV6;

nix::setsockopt_impl!(
    MtuDiscoveryV6,
    libc::IPPROTO_IPV6,
    libc::IPV6_MTU_DISCOVER,
    libc::c_int,
    sockopt::SetStruct<'_, libc::c_int>
);

/// What the kernel holds for a socket and what it dropped (`SO_MEMINFO`).
#[derive(Clone, Copy, Debug)]
struct Memory;

/// The words of `SO_MEMINFO`; the last counts what was dropped because the queue was full.
type MemoryWords = [u32; 9];

nix::getsockopt_impl!(
    Memory,
    libc::SOL_SOCKET,
    libc::SO_MEMINFO,
    MemoryWords,
    sockopt::GetStruct<MemoryWords>
);

/// How many datagrams the kernel has dropped from the queue of `socket`, since it was opened.
pub fn queue_drops(socket: &UdpSocket) -> nix::Result<u32> {
    let [.., drops] = getsockopt(socket, Memory)?;
    Ok(drops)
}

/// Whether the system takes datagrams apart for `socket` (`UDP_SEGMENT`): Linux does since 4.18.
pub fn takes_segments(socket: &UdpSocket) -> bool {
    getsockopt(socket, sockopt::UdpGsoSegment).is_ok()
}

/// Everything bound, in the order of `listen`.
#[derive(Debug)]
pub struct Bound {
    pub endpoints: Vec<Endpoint>,
}

#[derive(Debug)]
pub struct Endpoint {
    /// With the port that was drawn, if 0 was asked for.
    pub address: SocketAddr,
    /// Not blocking: for tokio.
    pub tcp: TcpListener,
    pub udp: Vec<UdpSocket>,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({transport}): {}", advice(*address, source, "--dns or [dns] listen"))]
pub struct BindError {
    pub address: SocketAddr,
    /// `TCP` or `UDP`.
    pub transport: &'static str,
    pub source: io::Error,
}

/// What to do about an address that cannot be listened on; `keys` choose another.
pub fn advice(address: SocketAddr, error: &io::Error, keys: &str) -> String {
    if error.kind() == io::ErrorKind::AddrInUse && address.port() == DNS {
        format!(
            "another name server uses this port, perhaps another livezone or systemd-resolved (on \
             127.0.0.53, which a wildcard address includes); stop it, or choose one of this \
             machine's own addresses or another port with {keys}"
        )
    } else if error.kind() == io::ErrorKind::AddrInUse {
        format!(
            "another program uses this port, perhaps another livezone or a Consul agent; stop it, \
             or choose another address with {keys}"
        )
    } else if error.kind() == io::ErrorKind::PermissionDenied && address.port() < PRIVILEGED {
        format!(
            "ports below 1024 need the capability CAP_NET_BIND_SERVICE (root is not necessary): run \
             livezone with deploy/systemd/livezone.service, give the binary the capability with \
             `setcap cap_net_bind_service=+ep`, or choose another port with {keys}"
        )
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        format!(
            "a security policy of this machine forbids it (SELinux, AppArmor or a seccomp filter); \
             change the policy, or choose another address with {keys}"
        )
    } else if error.kind() == io::ErrorKind::AddrNotAvailable {
        format!(
            "no interface of this machine has this address; add it, or choose another with {keys}"
        )
    } else {
        format!("the system refused the address; choose another with {keys}")
    }
}

/// Binds every address, with `workers` UDP sockets each.
///
/// TCP comes first and without `SO_REUSEPORT`: the UDP sockets share their port, with a second
/// livezone too, which would silently take a part of the queries.
pub fn bind(listen: &[SocketAddr], workers: usize) -> Result<Bound, BindError> {
    let endpoints = listen.iter().map(|&address| endpoint(address, workers));
    Ok(Bound { endpoints: endpoints.collect::<Result<_, _>>()? })
}

fn endpoint(listen: SocketAddr, workers: usize) -> Result<Endpoint, BindError> {
    let failed =
        |transport| move |source: io::Error| BindError { address: listen, transport, source };
    let mut draws: u32 = 1;
    loop {
        let tcp = bind_tcp(listen).map_err(failed("TCP"))?;
        let address = tcp.local_addr().map_err(failed("TCP"))?;
        let sockets: io::Result<Vec<_>> = (0..workers.max(1)).map(|_| bind_udp(address)).collect();
        match sockets {
            Ok(udp) => return Ok(Endpoint { address, tcp, udp }),
            // UDP has the port that TCP drew for somebody else: draw again.
            Err(taken)
                if listen.port() == 0
                    && taken.kind() == io::ErrorKind::AddrInUse
                    && draws < DRAWS =>
            {
                draws = draws.saturating_add(1);
            }
            Err(source) => return Err(failed("UDP")(source)),
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    // A restart does not wait for the connections of the last run.
    socket.set_reuse_address(true)?;
    // Connections inherit all of this. An answer waits for nothing; without the first, the next
    // may wait for an acknowledgement.
    socket.set_tcp_nodelay(true)?;
    socket.set_send_buffer_size(TCP_SEND_BUFFER)?;
    socket.set_recv_buffer_size(TCP_RECEIVE_BUFFER)?;
    socket.set_tcp_user_timeout(Some(TCP_SILENCE))?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    socket.set_reuse_port(true)?;
    // The system's default will do where it grants no more.
    let _ = socket.set_recv_buffer_size(UDP_RECEIVE_BUFFER);
    let _ = socket.set_send_buffer_size(UDP_SEND_BUFFER);
    let wildcard = address.ip().is_unspecified();
    // A forged ICMP message must not make us send fragments that can be forged as well.
    match address.ip() {
        IpAddr::V4(_) => {
            setsockopt(&socket, MtuDiscovery, &libc::IP_PMTUDISC_OMIT)?;
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &wildcard)?;
        }
        IpAddr::V6(_) => {
            setsockopt(&socket, MtuDiscoveryV6, &libc::IPV6_PMTUDISC_OMIT)?;
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &wildcard)?;
        }
    }
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// A socket of the address's family; one of IPv6 leaves IPv4 alone.
fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_drawn_port_is_the_same_for_both_transports() {
        let bound = bind(&addresses(&["127.0.0.1:0", "[::1]:0"]), 2).unwrap();
        assert_eq!(bound.endpoints.len(), 2);
        for endpoint in bound.endpoints {
            assert_ne!(endpoint.address.port(), 0);
            assert_eq!(endpoint.tcp.local_addr().unwrap(), endpoint.address);
            assert_eq!(endpoint.udp.len(), 2);
            for socket in endpoint.udp {
                assert_eq!(socket.local_addr().unwrap(), endpoint.address);
            }
        }
    }

    nix::getsockopt_impl!(
        MtuDiscovery,
        libc::IPPROTO_IP,
        libc::IP_MTU_DISCOVER,
        libc::c_int,
        sockopt::GetStruct<libc::c_int>
    );
    nix::getsockopt_impl!(
        MtuDiscoveryV6,
        libc::IPPROTO_IPV6,
        libc::IPV6_MTU_DISCOVER,
        libc::c_int,
        sockopt::GetStruct<libc::c_int>
    );

    #[test]
    fn no_message_about_the_path_makes_fragments() {
        let bound = bind(&addresses(&["127.0.0.1:0", "[::1]:0"]), 1).unwrap();
        let [v4, v6] = &bound.endpoints[..] else { panic!("both are bound") };
        assert_eq!(getsockopt(&v4.udp[0], MtuDiscovery), Ok(libc::IP_PMTUDISC_OMIT));
        assert_eq!(getsockopt(&v6.udp[0], MtuDiscoveryV6), Ok(libc::IPV6_PMTUDISC_OMIT));
    }

    #[test]
    fn a_connection_has_what_its_listener_was_given() {
        let bound = bind(&addresses(&["127.0.0.1:0"]), 1).unwrap();
        let endpoint = &bound.endpoints[0];
        endpoint.tcp.set_nonblocking(false).unwrap();
        let _client = std::net::TcpStream::connect(endpoint.address).unwrap();
        let accepted = Socket::from(endpoint.tcp.accept().unwrap().0);
        assert!(accepted.tcp_nodelay().unwrap());
        assert_eq!(accepted.tcp_user_timeout().unwrap(), Some(TCP_SILENCE));
        assert_eq!(accepted.send_buffer_size().unwrap(), 2 * TCP_SEND_BUFFER);
        assert_eq!(accepted.recv_buffer_size().unwrap(), 2 * TCP_RECEIVE_BUFFER);
    }

    #[test]
    fn what_the_queue_had_no_room_for_is_known() {
        let bound = bind(&addresses(&["127.0.0.1:0"]), 1).unwrap();
        let socket = &bound.endpoints[0].udp[0];
        assert_eq!(queue_drops(socket).unwrap(), 0);
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..10_000 {
            client.send_to(&[0; 40], bound.endpoints[0].address).unwrap();
        }
        assert!(queue_drops(socket).unwrap() > 0);
    }

    #[test]
    fn a_second_server_is_told_whose_port_it_wants() {
        let bound = bind(&addresses(&["127.0.0.1:0"]), 1).unwrap();
        let address = bound.endpoints[0].address;
        let error = bind(&[address], 1).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("cannot listen on {address} (TCP): ")), "{text}");
        assert!(text.contains("another livezone"), "{text}");
    }

    #[test]
    fn a_port_that_udp_cannot_have_is_an_error_unless_it_was_drawn() {
        // Somebody else may have the same port over TCP.
        let error = (0..100).find_map(|_| {
            let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
            let error = bind(&[taken.local_addr().unwrap()], 1).unwrap_err();
            (error.transport == "UDP").then_some(error)
        });
        let error = error.unwrap();
        assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn an_address_that_is_not_ours_is_said_so() {
        let error = bind(&addresses(&["192.0.2.1:0"]), 1).unwrap_err();
        assert!(error.to_string().contains("no interface"), "{error}");
    }

    #[test]
    fn port_53_is_taken_by_name_servers() {
        let source = io::Error::from(io::ErrorKind::AddrInUse);
        let address = "0.0.0.0:53".parse().unwrap();
        let text = BindError { address, transport: "TCP", source }.to_string();
        assert!(text.contains("systemd-resolved") && text.contains("[dns] listen"), "{text}");
    }

    #[test]
    fn a_refused_port_is_told_with_the_right_that_it_needs_if_it_is_a_low_one() {
        let refused = |address: &str| {
            let source = io::Error::from(io::ErrorKind::PermissionDenied);
            let address = address.parse().unwrap();
            BindError { address, transport: "TCP", source }.to_string()
        };
        let low = refused("10.0.0.2:53");
        for word in ["10.0.0.2:53", "CAP_NET_BIND_SERVICE", "setcap", "livezone.service", "--dns"] {
            assert!(low.contains(word), "{word} in {low}");
        }
        let high = refused("10.0.0.2:8600");
        assert!(!high.contains("CAP_NET_BIND_SERVICE") && high.contains("--dns"), "{high}");
    }

    #[test]
    fn both_families_may_have_the_same_port() {
        // Another test may have the port in the other family: draw again.
        let same = (0..DRAWS).any(|_| {
            let four = bind(&addresses(&["0.0.0.0:0"]), 1).unwrap();
            let port = four.endpoints[0].address.port();
            bind(&[(std::net::Ipv6Addr::UNSPECIFIED, port).into()], 1).is_ok()
        });
        assert!(same);
    }
}
