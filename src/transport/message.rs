//! A message as it came, and what became of it.

use std::net::SocketAddr;
use std::time::Duration;

use crate::metrics::dns::{Dropped, Transport};
use crate::model::dns::{Rcode, Rtype};
use crate::model::time::Now;

#[derive(Clone, Copy, Debug)]
pub struct Received<'p> {
    /// The message, without a length prefix.
    pub octets: &'p [u8],
    pub peer: SocketAddr,
    /// Where it came to; `None` where a connection has proved the sender.
    pub asked: Option<SocketAddr>,
    pub now: Now,
    pub transport: Transport,
    /// How long its connection may idle after the answer, for those who ask (RFC 7828); nothing
    /// for a datagram.
    pub idle: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    Sent {
        rcode: Rcode,
        /// The type asked for; 0 where the question cannot be read.
        qtype: Rtype,
    },
    /// Nothing is sent.
    Ignored(Dropped),
}
