//! One message in, one message or nothing out.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::metrics::dns::{Dropped, Transport, WorkerCells};
use crate::model::dns::{Question, Rcode, Rtype};
use crate::model::time::Now;
use crate::wire::reply::{Limits, Reply, encode, encode_rejection};
use crate::wire::request::{Incoming, parse};

/// Answers a question: hands one reply, which may borrow from the snapshot it was made from, to
/// the last argument.
pub type Answer = dyn Fn(&Question, &mut fastrand::Rng, &mut dyn FnMut(&Reply<'_>)) + Send + Sync;

/// What all listeners share.
pub struct Context {
    /// Where questions go.
    pub answer: Box<Answer>,
    /// The most octets of a datagram.
    pub udp_max_size: u16,
    /// Reads both clocks.
    pub clock: Box<dyn Fn() -> Now + Send + Sync>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("udp_max_size", &self.udp_max_size).finish_non_exhaustive()
    }
}

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Received<'p> {
    /// The message, without a length prefix.
    pub octets: &'p [u8],
    /// Who sent it.
    pub peer: SocketAddr,
    /// How.
    pub transport: Transport,
}

/// What one thread, or one connection at a time, keeps between messages.
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
    context: &Context,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    let response = decide(received, context, &mut worker.rng, out);
    match response {
        Response::Sent { rcode, qtype } => worker.cells.answered(qtype, rcode),
        Response::Ignored(why) => worker.cells.dropped(why),
    }
    response
}

fn decide(
    received: &Received<'_>,
    context: &Context,
    rng: &mut fastrand::Rng,
    out: &mut Vec<u8>,
) -> Response {
    if !may_ask(received.peer) {
        return Response::Ignored(Dropped::Source);
    }
    let limits = |edns| match received.transport {
        Transport::Udp => Limits::udp(edns, context.udp_max_size),
        Transport::Tcp => Limits::tcp(context.udp_max_size),
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
            // An answerer that says nothing has failed.
            let mut rcode = Rcode::ServFail;
            encode(&query, &Reply::empty(rcode), limits(query.edns), out);
            (context.answer)(&question, rng, &mut |reply| {
                rcode = reply.rcode;
                encode(&query, reply, limits(query.edns), out);
            });
            Response::Sent { rcode, qtype }
        }
    }
}

/// Whether an answer could reach this address, and nobody but the asker.
fn may_ask(peer: SocketAddr) -> bool {
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
        let received = Received { octets, peer: peer.parse().unwrap(), transport };
        let mut out = Vec::new();
        (respond(&received, &context(), &mut worker, &mut out), out)
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

    #[test]
    fn an_answerer_without_an_answer_is_a_server_failure() {
        let cells = Metrics::new("0").worker(Transport::Udp);
        let context = Context { answer: Box::new(|_, _, _| {}), ..context() };
        let octets = &query(7);
        let peer = "192.0.2.1:9".parse().unwrap();
        let received = Received { octets, peer, transport: Transport::Udp };
        let mut out = Vec::new();
        respond(&received, &context, &mut Worker::new(cells), &mut out);
        assert_eq!(out[3] & 0x0f, 2);
    }
}
