//! What the library would have sent for the same records says the same as what we send.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use hickory_proto::op::{Edns, Header, HeaderCounts, Message, Metadata};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, NULL, SOA, SRV, TXT};
use hickory_proto::rr::{Name as TheirName, RData, Record as TheirRecord};
use hickory_proto::serialize::binary::{BinDecodable, BinEncoder};
use hickory_server::net::NetError;
use hickory_server::net::runtime::{Time, TokioTime};
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponse, MessageResponseBuilder};
use proptest::prelude::*;

use crate::model::dns::{Owner, Rdata, Record};
use crate::model::name::Name;
use crate::wire::generated::{granted, names, packet, parts};
use crate::wire::options::Granted;
use crate::wire::reply::{Limits, Reply, encode};
use crate::wire::request::{Incoming, parse};

struct Oracle {
    rcode: u16,
    authoritative: bool,
    sections: [Vec<TheirRecord>; 3],
    granted: Granted,
}

#[async_trait]
impl RequestHandler for Oracle {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut out: R,
    ) -> ResponseInfo {
        let mut ours = Edns::new();
        let edns = request.edns.as_ref().map(|edns| {
            ours.set_max_payload(1232).set_dnssec_ok(edns.flags().dnssec_ok);
            if let Some(cookie) = self.granted.cookie {
                ours.options_mut().insert(EdnsOption::Unknown(10, cookie.into()));
            }
            if let Some(tenths) = self.granted.keepalive {
                ours.options_mut().insert(EdnsOption::Unknown(11, tenths.to_be_bytes().into()));
            }
            &ours
        });
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.response_code = self.rcode.into();
        metadata.authoritative = self.authoritative;
        let [answers, authority, additional] = &self.sections;
        let builder = MessageResponseBuilder::new(&request.queries, edns);
        let response =
            builder.build(metadata, answers.iter(), authority.iter(), [], additional.iter());
        out.send_response(response)
            .await
            .unwrap_or_else(|_| Header { metadata, counts: HeaderCounts::default() }.into())
    }
}

#[derive(Clone)]
struct Capture(Arc<Mutex<Vec<u8>>>);

#[async_trait]
impl ResponseHandler for Capture {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a TheirRecord> + Send + 'a,
            impl Iterator<Item = &'a TheirRecord> + Send + 'a,
            impl Iterator<Item = &'a TheirRecord> + Send + 'a,
            impl Iterator<Item = &'a TheirRecord> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut out = self.0.lock().unwrap();
        let mut encoder = BinEncoder::new(&mut out);
        encoder.set_max_size(u16::MAX);
        Ok(response.destructive_emit(&mut encoder)?)
    }
}

fn their_name(name: &Name) -> TheirName {
    TheirName::from_bytes(name.as_wire()).unwrap()
}

fn their_record(question: &Name, answers: &[Record<'_>], record: &Record<'_>) -> TheirRecord {
    let owner = match &record.owner {
        Owner::Question => their_name(question),
        Owner::Name(name) => their_name(name),
        Owner::Target(place) => match &answers[*place].data {
            Rdata::Srv { target, .. } | Rdata::Cname(target) => their_name(target),
            other => panic!("{other:?} has no target"),
        },
    };
    let data = match &record.data {
        Rdata::A(address) => RData::A(A(*address)),
        Rdata::Aaaa(address) => RData::AAAA(AAAA(*address)),
        Rdata::Ns(name) => RData::NS(NS(their_name(name))),
        Rdata::Cname(name) => RData::CNAME(CNAME(their_name(name))),
        Rdata::Octets { rtype, octets } => {
            RData::Unknown { code: rtype.0.into(), rdata: NULL::with(octets.to_vec()) }
        }
        Rdata::Srv { priority, weight, port, target } => {
            RData::SRV(SRV::new(*priority, *weight, *port, their_name(target)))
        }
        Rdata::Txt(text) if text.is_empty() => RData::TXT(TXT::from_bytes(vec![b""])),
        Rdata::Txt(text) => RData::TXT(TXT::from_bytes(text.as_bytes().chunks(255).collect())),
        Rdata::Soa(soa) => RData::SOA(SOA::new(
            their_name(&soa.mname),
            their_name(&soa.rname),
            soa.serial,
            soa.refresh.cast_signed(),
            soa.retry.cast_signed(),
            soa.expire.cast_signed(),
            soa.minimum,
        )),
    };
    TheirRecord::from_rdata(owner, record.ttl, data)
}

fn oracle(packet: &[u8], question: &Name, reply: &Reply<'_>, granted: Granted) -> Vec<u8> {
    let section = |records: &[Record<'_>]| {
        records.iter().map(|r| their_record(question, &reply.answers, r)).collect()
    };
    let handler = Oracle {
        rcode: reply.rcode.code(),
        authoritative: reply.authoritative,
        sections: [&reply.answers, &reply.authority, &reply.additional].map(|s| section(s)),
        granted,
    };
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
    let request = Request::from_bytes(packet.to_vec(), peer, Protocol::Tcp).unwrap();
    let capture = Capture(Arc::default());
    let answered = pin!(handler.handle_request::<_, TokioTime>(&request, capture.clone()));
    let Poll::Ready(_) = answered.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the oracle waits")
    };
    let out = capture.0.lock().unwrap();
    out.clone()
}

/// What two encodings of one message share: everything but places, order and case.
#[derive(Debug, PartialEq)]
struct Meaning {
    head: String,
    sections: [Vec<String>; 3],
    edns: Option<String>,
}

fn meaning(octets: &[u8]) -> Meaning {
    let message = Message::from_vec(octets).unwrap();
    let sorted = |records: &[TheirRecord]| {
        let mut shown: Vec<_> =
            records.iter().map(|record| record.to_string().to_lowercase()).collect();
        shown.sort();
        shown
    };
    let sections = [&message.answers, &message.authorities, &message.additionals];
    let edns = message.edns.as_ref().map(|edns| {
        // The library does not write extended errors.
        let mut options = edns.options().options.clone();
        options.retain(|(code, _)| *code != EdnsCode::Unknown(15));
        let fixed = (edns.max_payload(), edns.flags().dnssec_ok, edns.version());
        format!("{fixed:?} {options:?}")
    });
    let head = format!("{:?} {:?}", message.metadata, message.queries);
    Meaning { head, sections: sections.map(|section| sorted(section)), edns }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_library_says_the_same(
        name in names(),
        parts in parts(20),
        id: u16,
        edns in prop::option::of(any::<u16>()),
        granted in granted(),
    ) {
        let packet = packet(&name, id, 0, edns);
        let Incoming::Query(query) = parse(&packet) else { panic!("not a query") };
        let mut reply = parts.reply();
        let answers = reply.answers.clone();
        // The library knows nothing of targets: those that point to none stay out.
        reply.additional.retain(|record| match record.owner {
            Owner::Target(place) => {
                answers.get(place).is_some_and(|a| matches!(a.data, Rdata::Srv { .. } | Rdata::Cname(_)))
            }
            Owner::Question | Owner::Name(_) => true,
        });
        let mut out = Vec::new();
        encode(&query, &reply, Limits::tcp(1232).granting(granted), &mut out);
        prop_assert_eq!(meaning(&out), meaning(&oracle(&packet, &name, &reply, granted)));
    }
}
