//! What the tests of the listeners share.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::model::dns::{Owner, Rcode, Rdata, Record, Rtype};
use crate::model::time::Now;
use crate::transport::respond::Context;
use crate::wire::reply::Reply;

/// Answers 10.0.0.1 to A and a thousand texts to TXT; each look at the clock is a
/// microsecond later.
pub(super) fn context() -> Context {
    let looks = AtomicU64::new(0);
    Context {
        answer: Box::new(|question, _, send| {
            let record = |data| Record { owner: Owner::Question, ttl: 1, data };
            let answers = if question.rtype == Rtype::TXT {
                vec![record(Rdata::Txt("a text".into())); 1000]
            } else {
                vec![record(Rdata::A(Ipv4Addr::new(10, 0, 0, 1)))]
            };
            send(&Reply { authoritative: true, answers, ..Reply::empty(Rcode::NoError) });
        }),
        udp_max_size: 1232,
        clock: Box::new(move || {
            Now::default().after(Duration::from_micros(looks.fetch_add(1, Ordering::Relaxed)))
        }),
    }
}

/// Asks for `app1.svc.test A`.
pub(super) fn query(id: u16) -> Vec<u8> {
    query_for(id, Rtype::A)
}

/// Asks for `app1.svc.test` and a type.
pub(super) fn query_for(id: u16, rtype: Rtype) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04app1\x03svc\x04test\x00");
    out.extend(rtype.0.to_be_bytes());
    out.extend([0, 1]);
    out
}
