//! Backends without number in one process of their own: one port on every address of 127.0.0.0/8,
//! so that no pair of addresses runs out of ports. It counts when it is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::support::time::Stopwatch;

/// Set for the child.
const ROLE: &str = "LIVEZONE_TEST_CROWD";
const LISTENS: &str = "crowd listens on ";
const COUNTED: &str = "crowd counted ";
/// Each takes connections of its own; an answer is short, and so is the wait behind another.
const THREADS: usize = 8;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

/// What a count is of.
pub(crate) const BIN: Duration = Duration::from_millis(100);

/// The process, which ends with this value.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) port: u16,
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

impl Crowd {
    pub(crate) fn start() -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "crowd::a_crowd"])
            .env(ROLE, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (orders, words) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut crowd = Self { port: 0, child, orders, words: BufReader::new(words) };
        crowd.port = crowd.hear(LISTENS).trim().parse().unwrap();
        crowd
    }

    /// How many connections came in each [`BIN`] since the last time.
    pub(crate) fn counts(&mut self) -> Vec<u64> {
        writeln!(self.orders, "count").unwrap();
        let counts = self.hear(COUNTED);
        counts.split_whitespace().map(|count| count.parse().unwrap()).collect()
    }

    fn hear(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.words.read_line(&mut line).unwrap() > 0, "the crowd has ended");
            // The harness may have begun the line.
            if let Some((_, rest)) = line.split_once(word) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // One that has ended already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "the body of a process that measurements start"]
fn a_crowd() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let first = listener(0);
    let port = first.local_addr().unwrap().port();
    let listeners = std::iter::once(first).chain((1..THREADS).map(|_| listener(port)));
    let counts: &'static Mutex<(Stopwatch, Vec<u64>)> =
        Box::leak(Box::new(Mutex::new((Stopwatch::start(), Vec::new()))));
    for listener in listeners {
        std::thread::spawn(move || serve(&listener, counts));
    }
    println!("{LISTENS}{port}");
    // Ends with whoever started it.
    for _ in std::io::stdin().lines().map_while(Result::ok) {
        let mut counts = counts.lock().unwrap();
        let (_, bins) = std::mem::replace(&mut *counts, (Stopwatch::start(), Vec::new()));
        let bins: Vec<String> = bins.iter().map(ToString::to_string).collect();
        println!("{COUNTED}{}", bins.join(" "));
    }
}

fn listener(port: u16) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into()).unwrap();
    // The first round comes all at once.
    socket.listen(4096).unwrap();
    socket.into()
}

fn serve(listener: &TcpListener, counts: &Mutex<(Stopwatch, Vec<u64>)>) {
    for mut stream in listener.incoming().map_while(Result::ok) {
        {
            let mut counts = counts.lock().unwrap();
            let bin = counts.0.elapsed().as_millis() / BIN.as_millis();
            let bin = usize::try_from(bin).unwrap();
            if counts.1.len() <= bin {
                counts.1.resize(bin + 1, 0);
            }
            counts.1[bin] += 1;
        }
        // A peer that has gone away needs nothing.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        if stream.read(&mut [0; 1024]).is_ok_and(|read| read > 0) {
            let _ = stream.write_all(ANSWER);
        }
    }
}
