//! Opens a TCP connection to a check's target and to nothing else.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream as StdStream};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::health::checks::http::patient::Patient;
use crate::health::checks::{fault, network};
use crate::model::check::Sources;
use crate::model::health::{Finding, Outcome};

/// Every segment has room for so much (RFC 9293 section 3.7.1).
const SEGMENT: usize = 536;

#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    /// Tried in this order: the first that takes the connection is asked.
    pub(super) addresses: &'a [SocketAddr],
    pub(super) sources: Sources,
    pub(super) limit: Duration,
}

/// A connection, or what its absence is evidence of. Where there are several addresses each has an
/// equal part of the time, and the answer has one too: an address that hangs hides no good one.
pub(super) async fn open(route: Route<'_>) -> Result<TcpStream, Outcome> {
    if let [only] = route.addresses {
        return connect(*only, route.sources.for_target(only.ip())).await;
    }
    // Few checks have several: the others need not make room for it.
    Box::pin(open_one_of(route)).await
}

async fn open_one_of(route: Route<'_>) -> Result<TcpStream, Outcome> {
    let from = |target: &SocketAddr| route.sources.for_target(target.ip());
    let parts = u32::try_from(route.addresses.len().saturating_add(1)).unwrap_or(u32::MAX);
    let part = route.limit / parts;
    let mut failed = fault::ours("no address to connect to");
    for address in route.addresses {
        let tried = timeout(part, connect(*address, from(address))).await;
        let hung = |_| Err(fault::theirs(format!("timed out after {}", fault::shown(part))));
        match tried.unwrap_or_else(hung) {
            Ok(stream) => return Ok(stream),
            // What one address did says more than why we could not ask another.
            Err(outcome) if failed.finding == Finding::Nothing => failed = outcome,
            Err(_) => {}
        }
    }
    Err(failed)
}

/// A connection on which so many octets of `request` are on their way. Where the far side is near,
/// the connection is made within the call of `connect()`: what is said at once needs no wait for the
/// poller to tell us so.
pub(super) async fn open_and_send(
    route: Route<'_>,
    request: &[u8],
) -> Result<(Patient, usize), Outcome> {
    let [only] = route.addresses else {
        return Ok((Patient::Watched(Box::pin(open_one_of(route)).await?), 0));
    };
    let mut stream = begin(*only, route.sources.for_target(only.ip()), |socket| {
        to_speak_first(socket, request)
    })?;
    let sent = match stream.write(request) {
        Ok(sent) => sent,
        Err(error) => match error.kind() {
            // Not connected yet, or ended already, perhaps with an answer that waits to be read.
            io::ErrorKind::WouldBlock
            | io::ErrorKind::Interrupted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset => 0,
            _ => return Err(network::of_network(&error)),
        },
    };
    if sent == 0 {
        return Ok((Patient::Watched(settle(stream).await?), 0));
    }
    Ok((Patient::Asked(stream), sent))
}

async fn connect(target: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, Outcome> {
    settle(begin(target, source, |socket| socket.set_tcp_nodelay(true))?).await
}

/// What follows at once acknowledges the server's SYN: that needs no packet of its own. And Nagle's rule
/// (RFC 9293 section 3.7.4) holds back only what comes after a segment that is under way.
fn to_speak_first(socket: &Socket, request: &[u8]) -> io::Result<()> {
    if request.len() > SEGMENT {
        socket.set_tcp_nodelay(true)?;
    }
    socket.set_tcp_quickack(false)
}

/// We call `connect()` ourselves: only here can the kernel's own refusal be told from the network's
/// answer, which may have the same number.
fn begin(
    target: SocketAddr,
    source: Option<IpAddr>,
    prepare: impl FnOnce(&Socket) -> io::Result<()>,
) -> Result<StdStream, Outcome> {
    let socket = socket(target, source)
        .and_then(|socket| prepare(&socket).map(|()| socket))
        .map_err(|error| fault::of_our_call(&error))?;
    match socket.connect(&target.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        Err(error) => return Err(fault::of_connect_call(&error)),
    }
    Ok(socket.into())
}

/// After `connect()`, not before: the poller would report a socket that never connected as hung up,
/// and we would take that for the answer.
fn watched(stream: StdStream) -> Result<TcpStream, Outcome> {
    TcpStream::from_std(stream).map_err(|error| fault::of_our_call(&error))
}

async fn settle(stream: StdStream) -> Result<TcpStream, Outcome> {
    let stream = watched(stream)?;
    let settled = stream.writable().await.and_then(|()| stream.take_error());
    match settled {
        Ok(None) => Ok(stream),
        Ok(Some(error)) | Err(error) => Err(network::of_network(&error)),
    }
}

fn socket(target: SocketAddr, source: Option<IpAddr>) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(target), kind, Some(Protocol::TCP))?;
    if let Some(source) = source {
        // The port is chosen at `connect()`, so that one port serves many targets. A kernel that
        // knows no such option chooses now.
        let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(request: &[u8]) -> Socket {
        let socket = socket(([127, 0, 0, 1], 80).into(), None).unwrap();
        to_speak_first(&socket, request).unwrap();
        socket
    }

    #[test]
    fn the_request_acknowledges_the_connection() {
        assert!(!prepared(b"GET / HTTP/1.1\r\n\r\n").tcp_quickack().unwrap());
    }

    #[test]
    fn only_a_request_of_several_segments_could_be_held_back() {
        assert!(!prepared(&[b'a'; SEGMENT]).tcp_nodelay().unwrap());
        assert!(prepared(&[b'a'; SEGMENT + 1]).tcp_nodelay().unwrap());
    }
}
