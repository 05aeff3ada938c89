//! Asks a running server over UDP, once or without a pause.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

/// What was said, and to whom it points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) rcode: ResponseCode,
    pub(crate) addresses: Vec<Ipv4Addr>,
}

impl Answer {
    /// This one address.
    pub(crate) fn of(last: u8) -> Self {
        let addresses = vec![Ipv4Addr::new(192, 0, 2, last)];
        Self { rcode: ResponseCode::NoError, addresses }
    }

    /// No such name.
    pub(crate) fn none() -> Self {
        Self { rcode: ResponseCode::NXDomain, addresses: Vec::new() }
    }
}

/// Asks for the A records of `service` in service.internal.
pub(crate) fn ask(server: SocketAddr, service: &str) -> Answer {
    let name = Name::from_str(&format!("{service}.service.internal.")).unwrap();
    let mut question = Message::new(7, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(name, RecordType::A));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    socket.send(&question.to_vec().unwrap()).unwrap();
    let mut octets = [0; 1232];
    let length = socket.recv(&mut octets).unwrap();
    let answer = Message::from_vec(&octets[..length]).unwrap();
    let address = |data: &RData| if let RData::A(a) = data { Some(a.0) } else { None };
    let addresses = answer.answers.iter().filter_map(|record| address(&record.data)).collect();
    Answer { rcode: answer.metadata.response_code, addresses }
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
