//! Opens a TCP connection to a probe's target and to nothing else.

use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;

use crate::health::checks::fault;
use crate::model::check::Probe;
use crate::model::health::Outcome;

/// A connection, or what its absence is evidence of. We call `connect()` ourselves: only here can
/// the kernel's own refusal be told from the network's answer, which may have the same number.
pub(super) async fn open(probe: &Probe) -> Result<TcpStream, Outcome> {
    let socket = socket(probe).map_err(|error| fault::of_our_call(&error))?;
    match socket.connect(&probe.target.into()) {
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

fn socket(probe: &Probe) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(probe.target), kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    if let Some(source) = probe.source {
        // The port is chosen at `connect()`, so that one port serves many targets. A kernel that
        // knows no such option chooses now.
        let _ = setsockopt(&socket, sockopt::IpBindAddressNoPort, &true);
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    Ok(socket)
}
