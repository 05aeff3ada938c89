//! Checks against loopback servers that are written here byte by byte.

mod anchors;
mod host;
mod http;
mod request;
mod tcp;
pub(super) mod tls;
mod urls;
pub(super) mod words;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

use crate::health::checks::Runner;
use crate::model::check::{
    CheckTarget, Headers, HttpCheck, Policy, Probe, Protocol, Question, Sources, TcpCheck,
    TlsOptions,
};
use crate::model::health::Outcome;

/// Serves every connection with `serve`, one after the other, until the test process ends.
pub(super) fn server(serve: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    address
}

/// Reads a request, answers with `answer` and closes; the requests can be received.
pub(super) fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, Receiver<String>) {
    let answer = answer.into();
    let (sender, receiver) = sync_channel(16);
    let address = server(move |mut stream| {
        let request = read_request(&mut stream);
        // A check may have seen enough before the end.
        let _ = stream.write_all(&answer);
        sender.send(request).unwrap();
    });
    (address, receiver)
}

/// A head and as much body as its Content-Length says.
pub(super) fn read_request(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        text.push(byte[0]);
    }
    let head = String::from_utf8(text).unwrap();
    let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = request.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn http_check() -> HttpCheck {
    HttpCheck {
        tls: None,
        host: None,
        port: None,
        path: "/health".into(),
        method: "GET".into(),
        headers: Headers::default(),
        body: String::new(),
        expect_status: None,
        expect_body: None,
        connect: None,
    }
}

fn tcp_check(tls: Option<TlsOptions>) -> Protocol {
    Protocol::Tcp(TcpCheck { port: None, tls: tls.map(Arc::new) })
}

pub(super) fn probe(protocol: Protocol, target: SocketAddr) -> Probe {
    let policy = Policy { immediate_status: vec![503], ..Policy::default() };
    let question = Question::Network(protocol, CheckTarget::Address(target));
    Probe { question, policy: Arc::new(policy), sources: Sources::default() }
}

pub(super) fn hasty(protocol: Protocol, target: SocketAddr) -> Probe {
    let policy = Policy { timeout: Duration::from_millis(200), ..Policy::default() };
    Probe { policy: Arc::new(policy), ..probe(protocol, target) }
}

async fn run_http(check: HttpCheck, target: SocketAddr) -> Outcome {
    Runner::new().run(&probe(Protocol::Http(Arc::new(check)), target)).await
}

/// A port of ours on which nobody listens.
pub(super) fn closed_port() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}
