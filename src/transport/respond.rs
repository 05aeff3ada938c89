//! One message in, one message or nothing out.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answer::answer;
use crate::metrics::dns::{Dropped, Transport, WorkerCells};
use crate::metrics::limited::{Action, Class};
use crate::model::dns::{Question, Rcode, Rtype};
use crate::model::name::Name;
use crate::model::time::{Clock, Now};
use crate::snapshot::{Rules, Snapshot};
use crate::transport::limits::{Guard, Limiter};
use crate::transport::source::can_ask;
use crate::wire::reply::{Limits, Reply, encode, encode_rejection, set_truncated};
use crate::wire::request::{Incoming, Query, Rejected, parse};

/// What all listeners share.
pub struct Context {
    /// What is answered now.
    pub current: Arc<ArcSwap<Snapshot>>,
    /// Reads both clocks.
    pub clock: Clock,
    /// How much each prefix of clients has had over UDP.
    pub limiter: Arc<Limiter>,
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
    /// Where it came to; `None` where a connection has proved the sender.
    pub asked: Option<SocketAddr>,
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
    /// Limits of answers, where senders are not proved.
    pub guard: Option<Guard>,
}

impl Worker {
    /// A worker with a seed of its own, and without limits.
    pub fn new(cells: Arc<WorkerCells>) -> Self {
        Self { rng: fastrand::Rng::new(), cells, guard: None }
    }

    /// The same, that shares these limits.
    pub fn limited(cells: Arc<WorkerCells>, limiter: Arc<Limiter>) -> Self {
        Self { guard: Some(Guard::new(limiter)), ..Self::new(cells) }
    }

    /// Says what is left to say of a flood that is over; for when no messages come.
    pub fn rest(&mut self, clock: &Clock) {
        if let Some(guard) = &mut self.guard {
            guard.rest(clock);
        }
    }

    /// What is to be done, and was counted, with an answer of this class instead of just sending
    /// it.
    pub fn limit(
        &mut self,
        received: &Received<'_>,
        rules: &Rules,
        class: Class,
    ) -> Option<Action> {
        let guard = self.guard.as_mut()?;
        let (client, now) = (received.peer.ip(), received.now.mono);
        let action = guard.limit(&rules.rrl, client, class, now)?;
        self.cells.limited(class, action);
        Some(action)
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
    let response = decide(received, snapshot, worker, out);
    match response {
        Response::Sent { rcode, qtype } => worker.cells.answered(qtype, rcode),
        Response::Ignored(why) => worker.cells.dropped(why),
    }
    response
}

fn decide(
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    if !can_ask(received.peer, received.asked) {
        return Response::Ignored(Dropped::Source);
    }
    let rules = &snapshot.rules;
    let udp_max_size = rules.udp_max_size;
    let limits = |edns| match received.transport {
        Transport::Udp => Limits::udp(edns, udp_max_size),
        Transport::Tcp => Limits::tcp(udp_max_size),
    };
    let mut incoming = parse(received.octets);
    if let Incoming::Reject(rejected) = &incoming
        && !rules.access.permits(received.peer.ip())
    {
        incoming = denied(rejected);
    }
    match incoming {
        Incoming::Ignore(why) => Response::Ignored(why.into()),
        Incoming::Reject(rejected) => {
            let action = worker.limit(received, rules, Class::Error);
            if action == Some(Action::Dropped) {
                return Response::Ignored(Dropped::Rate);
            }
            encode_rejection(&rejected, limits(rejected.edns), out);
            if action == Some(Action::Slipped) {
                set_truncated(out);
            }
            let qtype = rejected.question.map_or(Rtype(0), |asked| asked.rtype);
            Response::Sent { rcode: rejected.rcode, qtype }
        }
        Incoming::Query(query) => {
            let qtype = query.rtype;
            let question =
                Question { name: query.name.clone(), rtype: qtype, client: received.peer.ip() };
            let mut reply = answer(snapshot, &question, &mut worker.rng).into_reply();
            // A valid cookie proves the sender as a connection does.
            let cookie_is_valid = false;
            let class = class_of(&reply);
            let action = if cookie_is_valid { None } else { worker.limit(received, rules, class) };
            if action == Some(Action::Dropped) {
                return Response::Ignored(Dropped::Rate);
            }
            let slipped = action == Some(Action::Slipped);
            if slipped {
                let error = class == Class::Error;
                reply = Reply::empty(if error { reply.rcode } else { Rcode::NoError });
            }
            if !query.edns.is_some_and(|edns| edns.dnssec_ok) {
                reply.drop_proofs();
            }
            encode(&query, &reply, limits(query.edns), out);
            if slipped {
                set_truncated(out);
            }
            let rcode = reply.rcode;
            Response::Sent { rcode, qtype }
        }
    }
}

/// A network that may not ask is refused whatever it sends, and learns nothing of what is wrong
/// with that. Where there is a question, `answer` refuses it as it does every other.
fn denied<'p>(rejected: &Rejected<'p>) -> Incoming<'p> {
    let &Rejected { head, question, edns, .. } = rejected;
    let named = question.and_then(|asked| Some((asked, Name::from_wire(asked.name).ok()?)));
    let Some((asked, name)) = named else {
        return Incoming::Reject(Rejected { head, rcode: Rcode::Refused, question, edns });
    };
    Incoming::Query(Query { head, asked, name, rtype: asked.rtype, edns })
}

/// The share that an answer is taken from.
fn class_of(reply: &Reply<'_>) -> Class {
    if reply.rcode == Rcode::NxDomain {
        return Class::Negative;
    }
    if reply.rcode != Rcode::NoError {
        return Class::Error;
    }
    // A referral has no answers either; it is not ours to vouch for.
    if reply.answers.is_empty() && reply.authoritative { Class::Negative } else { Class::Answer }
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
        let asked = Some("192.0.2.53:53".parse().unwrap());
        let received = Received { octets, peer, asked, now: Now::default(), transport };
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
            "192.0.2.53:53",
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
        assert!(text.contains("livezone_dns_dropped_total{reason=\"source\"} 8\n"), "{text}");
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
