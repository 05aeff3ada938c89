//! An HTTP client that keeps its connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::time::SOON;

#[derive(Debug)]
pub(super) struct Kept {
    to: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Kept {
    pub(super) fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&to, SOON).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { to, stream: BufReader::new(stream) }
    }

    /// The status and the body of the answer; `None` when the connection has ended before it was
    /// there as a whole.
    pub(super) fn put(&mut self, path: &str, body: &str) -> Option<(u16, String)> {
        let (to, length) = (self.to, body.len());
        let head = format!("PUT {path} HTTP/1.1\r\nHost: {to}\r\nContent-Length: {length}\r\n\r\n");
        self.stream.get_mut().write_all((head + body).as_bytes()).ok()?;
        let status = self.line()?.split(' ').nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            let line = self.line()?.to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).ok()?;
        Some((status, String::from_utf8(body).ok()?))
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        line.strip_suffix("\r\n").map(str::to_owned)
    }
}
