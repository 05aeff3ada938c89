//! Asks a running server over UDP, once or without a pause.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::dns;
use crate::support::server::ZONE;

/// What was said, and to whom it points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rcode: ResponseCode,
    pub(crate) addresses: BTreeSet<IpAddr>,
}

impl Answer {
    /// This one address.
    pub(crate) fn of(last: u8) -> Self {
        let addresses = [IpAddr::from([192, 0, 2, last])].into();
        Self { rcode: ResponseCode::NoError, addresses }
    }

    /// No such name.
    pub(crate) fn none() -> Self {
        Self { rcode: ResponseCode::NXDomain, addresses: BTreeSet::new() }
    }
}

/// Asks for the A records of `service` in service.internal.
pub(crate) fn ask(server: SocketAddr, service: &str) -> Answer {
    let reply = dns::udp(server, &format!("{service}.{ZONE}."), RecordType::A);
    let addresses = dns::addresses(&reply);
    assert_eq!(addresses.len(), reply.answers.len(), "{reply}");
    Answer { rcode: reply.metadata.response_code, addresses }
}

/// Asks for one name until told to stop.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(Vec<Answer>, usize)>,
}

impl Watch {
    pub(crate) fn start(server: SocketAddr, service: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let (mut answers, mut asked) = (Vec::new(), 0);
            loop {
                // Told to stop, it asks once more: what is served by then is seen.
                let last = stopped.load(Ordering::Relaxed);
                answers.push(ask(server, service));
                answers.dedup();
                asked += 1;
                if last {
                    return (answers, asked);
                }
                thread::sleep(Duration::from_micros(500));
            }
        });
        Self { stop, thread }
    }

    /// The answers in their order, each run of equal ones once; and how many questions that took.
    pub(crate) fn stop(self) -> (Vec<Answer>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}
