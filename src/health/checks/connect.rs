//! Opens a TCP connection to a check's target and to nothing else.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream as StdStream};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use crate::health::checks::fault;
use crate::model::health::Outcome;

/// Where to, and where from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) target: SocketAddr,
    /// `None` is the system's choice.
    pub(super) source: Option<IpAddr>,
}

/// A connection, or what its absence is evidence of. We call `connect()` ourselves: only here can
/// the kernel's own refusal be told from the network's answer, which may have the same number.
pub(super) async fn open(route: Route) -> Result<TcpStream, Outcome> {
    let socket = socket(route).map_err(|error| fault::of_our_call(&error))?;
    match socket.connect(&route.target.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        Err(error) => return Err(fault::of_connect_call(&error)),
    }
    // After `connect()`, not before: the poller would report a socket that never connected as hung
    // up, and we would take that for the answer.
    let stream =
        TcpStream::from_std(StdStream::from(socket)).map_err(|error| fault::of_our_call(&error))?;
    let settled = stream.writable().await.and_then(|()| stream.take_error());
    match settled {
        Ok(None) => Ok(stream),
        Ok(Some(error)) | Err(error) => Err(fault::of_network(&error)),
    }
}

fn socket(route: Route) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(route.target), kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = route.source {
        // The port is chosen at `connect()`, so that one port serves many targets. A kernel that
        // knows no such option chooses now.
        let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    Ok(socket)
}
