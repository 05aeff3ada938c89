//! One message in, one message or nothing out.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::answer::answer;
use crate::metrics::dns::{Dropped, Path};
use crate::metrics::limited::{Action, Class};
use crate::model::dns::{Question, Rcode, Rtype};
use crate::model::time::Clock;
use crate::snapshot::Snapshot;
use crate::transport::asker::Asker;
use crate::transport::limits::Limiter;
use crate::transport::message::{Received, Response};
use crate::transport::source::can_ask;
use crate::transport::worker::Worker;
use crate::wire::options::ServerCookie;
use crate::wire::reply::{Limits, Reply, encode, encode_rejection, set_truncated};
use crate::wire::request::{Incoming, Query, Rejected, parse, read_head};

pub struct Context {
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

/// Writes the answer to one message over `out` and counts it.
pub fn respond(
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    respond_by(decide, received, snapshot, worker, out)
}

pub(super) fn respond_by(
    decide: impl FnOnce(&Received<'_>, &Snapshot, &mut Worker, &mut Vec<u8>) -> Response,
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    // Nothing half done is seen again: the output is written over, of the random state any value
    // is good, and a limit that was charged stays charged.
    let decided = catch_unwind(AssertUnwindSafe(|| decide(received, snapshot, worker, out)));
    let Ok(response) = decided else {
        return servfail_after_panic(received, snapshot, worker, out);
    };
    count(response, worker);
    response
}

/// Says SERVFAIL where an answer was to be made and a defect was met, and counts both.
pub(super) fn servfail_after_panic(
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    worker.cells.panicked();
    let response = fail(received, snapshot, out);
    count(response, worker);
    response
}

fn count(response: Response, worker: &mut Worker) {
    match response {
        Response::Sent { rcode, qtype } => {
            worker.cells.answered(qtype, rcode);
            worker.cells.took(Path::General);
        }
        Response::Ignored(why) => worker.cells.dropped(why),
    }
}

fn decide(
    received: &Received<'_>,
    snapshot: &Snapshot,
    worker: &mut Worker,
    out: &mut Vec<u8>,
) -> Response {
    if !can_ask(&received.peer, received.asked.as_ref()) {
        return Response::Ignored(Dropped::Source);
    }
    let mut incoming = parse(received.octets);
    if let Incoming::Reject(rejected) = &incoming
        && !snapshot.rules.access.permits(received.peer.ip())
    {
        incoming = denied(rejected);
    }
    let edns = match &incoming {
        Incoming::Ignore(why) => return Response::Ignored((*why).into()),
        Incoming::Reject(rejected) => rejected.edns,
        Incoming::Query(query) => query.edns,
    };
    let cookie = edns.and_then(|edns| edns.options.cookie);
    let asker = Asker::of(received, snapshot, edns);
    match incoming {
        Incoming::Ignore(why) => Response::Ignored(why.into()),
        Incoming::Reject(mut rejected) => {
            let shown = cookie.is_some_and(|cookie| cookie.server != ServerCookie::None);
            // RFC 7873 section 5.4: who asks for nothing else is told what its cookie is worth.
            if rejected.rcode == Rcode::NoError && shown && !asker.is_proved {
                rejected.rcode = Rcode::BadCookie;
            }
            let action = asker.limit(worker, &snapshot.rules, Class::Error);
            turn_away(&rejected, &asker, action, out)
        }
        Incoming::Query(query) => {
            let question = Question {
                name: query.asked.name.clone(),
                rtype: query.asked.rtype,
                client: received.peer.ip(),
            };
            let reply = answer(snapshot, &question, &mut worker.rng).into_reply();
            let class = class_of(&reply);
            let action = asker.limit(worker, &snapshot.rules, class);
            say(&query, reply, &asker, action, out)
        }
    }
}

/// Writes an error as far as `action` lets it.
fn turn_away(
    rejected: &Rejected<'_>,
    asker: &Asker,
    action: Option<Action>,
    out: &mut Vec<u8>,
) -> Response {
    if action == Some(Action::Dropped) {
        return Response::Ignored(Dropped::Rate);
    }
    let response = reject(rejected, asker.limits, out);
    if action == Some(Action::Slipped) {
        set_truncated(out);
    }
    response
}

/// Writes a reply as far as `action` lets it.
fn say(
    query: &Query<'_>,
    mut reply: Reply<'_>,
    asker: &Asker,
    action: Option<Action>,
    out: &mut Vec<u8>,
) -> Response {
    if action == Some(Action::Dropped) {
        return Response::Ignored(Dropped::Rate);
    }
    let slipped = action == Some(Action::Slipped);
    if slipped {
        let is_error = class_of(&reply) == Class::Error;
        reply = Reply::empty(if is_error { reply.rcode } else { Rcode::NoError });
    }
    if !query.edns.is_some_and(|edns| edns.dnssec_ok) {
        reply.drop_proofs();
    }
    encode(query, &reply, asker.limits, out);
    if slipped {
        set_truncated(out);
    }
    Response::Sent { rcode: reply.rcode, qtype: query.asked.rtype }
}

/// A network that may not ask is refused whatever it sends, and learns nothing of what is wrong
/// with that. Where there is a question, `answer` refuses it as it does every other.
fn denied<'p>(rejected: &Rejected<'p>) -> Incoming<'p> {
    let Rejected { head, question, edns, .. } = rejected.clone();
    if let Some(asked) = question {
        return Incoming::Query(Query { head, asked, edns });
    }
    let rcode = Rcode::Refused;
    Incoming::Reject(Rejected { head, rcode, question, edns, tsig: None })
}

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

fn reject(rejected: &Rejected<'_>, limits: Limits, out: &mut Vec<u8>) -> Response {
    encode_rejection(rejected, limits, out);
    let qtype = rejected.question.as_ref().map_or(Rtype(0), |asked| asked.rtype);
    Response::Sent { rcode: rejected.rcode, qtype }
}

/// What is said when deciding has panicked: SERVFAIL, with as much of the query as can be read
/// without panicking once more.
fn fail(received: &Received<'_>, snapshot: &Snapshot, out: &mut Vec<u8>) -> Response {
    if !can_ask(&received.peer, received.asked.as_ref()) {
        return Response::Ignored(Dropped::Source);
    }
    let head = match read_head(received.octets) {
        Ok((head, _)) => head,
        Err(why) => return Response::Ignored(why.into()),
    };
    let bare = Rejected { head, rcode: Rcode::ServFail, question: None, edns: None, tsig: None };
    let whole = || {
        let (question, edns) = match parse(received.octets) {
            Incoming::Ignore(_) => (None, None),
            Incoming::Reject(rejected) => (rejected.question, rejected.edns),
            Incoming::Query(query) => (Some(query.asked), query.edns),
        };
        let limits = Asker::of(received, snapshot, edns).limits;
        (Rejected { question, edns, ..bare.clone() }, limits)
    };
    let whole = catch_unwind(AssertUnwindSafe(whole));
    let (rejected, limits) =
        whole.unwrap_or_else(|_| (bare, Asker::of(received, snapshot, None).limits));
    reject(&rejected, limits, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::dns::Transport;
    use crate::metrics::{Exposition, Metrics};
    use crate::model::time::Now;
    use crate::transport::tests::fixtures::{context, query};

    fn ask(octets: &[u8], peer: &str, metrics: &Metrics) -> (Response, Vec<u8>) {
        let transport = Transport::Udp;
        let mut worker = Worker::new(metrics.worker(transport));
        let peer = peer.parse().unwrap();
        let asked = Some("192.0.2.53:53".parse().unwrap());
        let received = Received { octets, peer, asked, now: Now::default(), transport, idle: None };
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
