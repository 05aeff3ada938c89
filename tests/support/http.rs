//! An HTTP client in thirty lines: the server's own client is under test elsewhere.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::time::SOON;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The header's lines.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(": "));
        pairs.find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// Asks for `path`; `None` when nobody answers.
pub(crate) fn get(address: SocketAddr, path: &str) -> Option<Response> {
    send(address, "GET", path, "")
}

/// The same with any method, and with a body.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<Response> {
    let mut stream = TcpStream::connect_timeout(&address, SOON).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\n");
    write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Response { status, head: head.to_owned(), body: body.to_owned() })
}

/// The sum of a metric's samples whose labels contain each of `labels`.
pub(crate) fn metric(address: SocketAddr, name: &str, labels: &[&str]) -> Option<f64> {
    let body = get(address, "/metrics")?.body;
    let samples = body.lines().filter_map(|line| {
        let (key, value) = line.rsplit_once(' ')?;
        let (of, labelled) = key.split_once('{').unwrap_or((key, ""));
        let wanted = of == name && labels.iter().all(|label| labelled.contains(label));
        wanted.then(|| value.parse::<f64>().ok()).flatten()
    });
    samples.reduce(|sum, value| sum + value)
}
