//! One message in, one message or nothing out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answer::answer;
use crate::metrics::dns::{Dropped, Path, Transport, WorkerCells};
use crate::model::dns::{Question, Rcode, Rtype};
use crate::model::time::{Clock, Now};
use crate::snapshot::Snapshot;
use crate::wire::reply::{Limits, encode, encode_rejection};
use crate::wire::request::{Incoming, parse};

/// What all listeners share.
pub struct Context {
    /// What is answered now.
    pub current: Arc<ArcSwap<Snapshot>>,
    /// Reads both clocks.
    pub clock: Clock,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Received<'p> {
    /// The message, without a length prefix.
    pub octets: &'p [u8],
    /// Who sent it.
    pub peer: SocketAddr,
    /// When, for what is counted by time.
    pub now: Now,
    /// How.
    pub transport: Transport,
}

/// What one thread, or one connection, keeps between messages.
#[derive(Debug)]
pub struct Worker {
    /// For the order of answers.
    pub rng: fastrand::Rng,
    /// Its counters.
    pub cells: Arc<WorkerCells>,
}

impl Worker {
    /// A worker with a seed of its own.
    pub fn new(cells: Arc<WorkerCells>) -> Self {
        Self { rng: fastrand::Rng::new(), cells }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Response {
    /// The output holds an answer.
    Sent {
        /// What it says.
        rcode: Rcode,
        /// The type asked for; 0 where the question cannot be read.
        qtype: Rtype,
    },
    /// Nothing is sent.
    Ignored(Dropped),
}

/// Writes the answer to one message over `out` and counts it.
pub fn respond(
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    let response = decide(received, snapshot, &mut worker.rng, out);
    match response {
        Response::Sent { rcode, qtype } => {
            worker.cells.answered(qtype, rcode);
            worker.cells.took(Path::General);
        }
        Response::Ignored(why) => worker.cells.dropped(why),
    }
    response
}

fn decide(
    received: &Received<'_>,
    snapshot: &Snapshot,
    rng: &mut fastrand::Rng,
    out: &mut Vec<u8>,
) -> Response {
    if !may_ask(received.peer) {
        return Response::Ignored(Dropped::Source);
    }
    let udp_max_size = snapshot.rules.udp_max_size;
    let limits = |edns| match received.transport {
        Transport::Udp => Limits::udp(edns, udp_max_size),
        Transport::Tcp => Limits::tcp(udp_max_size),
    };
    match parse(received.octets) {
        Incoming::Ignore(why) => Response::Ignored(why.into()),
        Incoming::Reject(rejected) => {
            encode_rejection(&rejected, limits(rejected.edns), out);
            let qtype = rejected.question.map_or(Rtype(0), |asked| asked.rtype);
            Response::Sent { rcode: rejected.rcode, qtype }
        }
        Incoming::Query(query) => {
            let qtype = query.rtype;
            let question =
                Question { name: query.name.clone(), rtype: qtype, client: received.peer.ip() };
            let mut reply = answer(snapshot, &question, rng).into_reply();
            if !query.edns.is_some_and(|edns| edns.dnssec_ok) {
                reply.drop_proofs();
            }
            encode(&query, &reply, limits(query.edns), out);
            let rcode = reply.rcode;
            Response::Sent { rcode, qtype }
        }
    }
}

/// Whether an answer could reach this address, and nobody but the asker.
pub(super) fn may_ask(peer: SocketAddr) -> bool {
    let address = peer.ip().to_canonical();
    let broadcast = address == IpAddr::V4(Ipv4Addr::BROADCAST);
    peer.port() != 0 && !address.is_unspecified() && !address.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Exposition, Metrics};
    use crate::transport::fixtures::{context, query};

    fn ask(octets: &[u8], peer: &str, metrics: &Metrics) -> (Response, Vec<u8>) {
        let transport = Transport::Udp;
        let mut worker = Worker::new(metrics.worker(transport));
        let peer = peer.parse().unwrap();
        let received = Received { octets, peer, now: Now::default(), transport };
        let mut out = Vec::new();
        (respond(&received, &context().current.load(), &mut worker, &mut out), out)
    }

    #[test]
    fn a_question_is_answered_and_counted() {
        let metrics = Metrics::new("0");
        let (response, out) = ask(&query(7), "192.0.2.1:9", &metrics);
        assert_eq!(response, Response::Sent { rcode: Rcode::NoError, qtype: Rtype::A });
        assert_eq!(out[..2], [0, 7]);
        assert!(out.ends_with(&[10, 0, 0, 1]));
        let text = metrics.render(Exposition::Text);
        assert!(text.contains("{transport=\"udp\",qtype=\"A\",rcode=\"NOERROR\"} 1\n"), "{text}");
    }

    #[test]
    fn nobody_answers_where_no_asker_can_be() {
        let metrics = Metrics::new("0");
        for peer in [
            "192.0.2.1:0",
            "0.0.0.0:9",
            "224.0.0.251:5353",
            "255.255.255.255:9",
            "[::]:9",
            "[ff02::fb]:9",
            "[::ffff:224.0.0.1]:9",
        ] {
            let (response, out) = ask(&query(7), peer, &metrics);
            assert_eq!(response, Response::Ignored(Dropped::Source), "{peer}");
            assert!(out.is_empty());
        }
        let text = metrics.render(Exposition::Text);
        assert!(text.contains("livezone_dns_dropped_total{reason=\"source\"} 7\n"), "{text}");
    }

    #[test]
    fn a_response_is_not_answered_and_an_error_is() {
        let metrics = Metrics::new("0");
        let mut packet = query(7);
        packet[2] = 0x28;
        let (response, out) = ask(&packet, "192.0.2.1:9", &metrics);
        assert_eq!(response, Response::Sent { rcode: Rcode::NotImp, qtype: Rtype::A });
        assert_eq!(out[3] & 0x0f, 4);
        packet[2] = 0x80;
        let (response, _) = ask(&packet, "192.0.2.1:9", &metrics);
        assert_eq!(response, Response::Ignored(Dropped::Response));
    }
}
