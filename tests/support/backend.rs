//! Backends: processes of their own, so that they die, stop and come back as real ones do. They
//! are this test binary again, at the one test below.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::time::pause;

/// Where the child listens.
const ADDRESS: &str = "LIVEZONE_TEST_BACKEND";
const LISTENS: &str = "backend listens on ";
const OBEYED: &str = "backend obeyed";

/// An HTTP server in a process of its own, that answers every request with its address.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    process: Option<Process>,
}

#[derive(Debug)]
struct Process {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

impl Backend {
    /// On a port of its own at `ip`, which is best not 127.0.0.1: clients' ports are drawn there.
    pub(crate) fn start(ip: &str) -> Self {
        Self::start_at(SocketAddr::new(ip.parse().unwrap(), 0))
    }

    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let (process, address) = Process::start(address);
        Self { address, process: Some(process) }
    }

    /// One each on 127.0.0.2, 127.0.0.3, …
    pub(crate) fn several(count: u8) -> Vec<Self> {
        (0..count).map(|n| Self::start(&format!("127.0.0.{}", n + 2))).collect()
    }

    /// A `[[service.instance]]` of this backend.
    pub(crate) fn instance(&self, id: &str) -> String {
        let (ip, port) = (self.address.ip(), self.address.port());
        format!("[[service.instance]]\nid = \"{id}\"\naddress = \"{ip}\"\nport = {port}\n")
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// The same address again.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = Some(Process::start(self.address).0);
    }

    /// SIGSTOP: connections are accepted by the kernel, and nothing answers.
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// SIGCONT.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// From now on answers with this status after this time.
    pub(crate) fn answer_with(&mut self, status: u16, delay: Duration) {
        let process = self.process.as_mut().expect("the backend runs");
        writeln!(process.orders, "{status} {}", delay.as_millis()).unwrap();
        process.hear(OBEYED);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("the backend runs");
        kill(Pid::from_raw(process.child.id().try_into().unwrap()), signal).unwrap();
    }
}

impl Process {
    fn start(address: SocketAddr) -> (Self, SocketAddr) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "support::backend::a_backend"])
            .env(ADDRESS, address.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (orders, words) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut process = Self { child, orders, words: BufReader::new(words) };
        let address = process.hear(LISTENS).trim().parse().unwrap();
        (process, address)
    }

    /// Waits for a line with `word`, and gives what follows it.
    fn hear(&mut self, word: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.words.read_line(&mut line).unwrap();
            assert!(length > 0, "the backend ended");
            // The harness may have begun the line.
            if let Some((_, rest)) = line.split_once(word) {
                return rest.to_owned();
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the child answers.
#[derive(Debug)]
struct Manner {
    status: AtomicU16,
    delay_ms: AtomicU64,
}

#[test]
#[ignore = "the body of a backend that other tests start"]
fn a_backend() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let listener = TcpListener::bind(address).unwrap();
    let address = listener.local_addr().unwrap();
    let manner = Arc::new(Manner { status: AtomicU16::new(200), delay_ms: AtomicU64::new(0) });
    let shared = Arc::clone(&manner);
    thread::spawn(move || accept(&listener, &shared));
    println!("{LISTENS}{address}");
    // Ends with whoever started it.
    for order in std::io::stdin().lines().map_while(Result::ok) {
        let (status, delay) = order.split_once(' ').unwrap();
        manner.status.store(status.parse().unwrap(), Ordering::SeqCst);
        manner.delay_ms.store(delay.parse().unwrap(), Ordering::SeqCst);
        println!("{OBEYED}");
    }
}

fn accept(listener: &TcpListener, manner: &Arc<Manner>) {
    for stream in listener.incoming().map_while(Result::ok) {
        let manner = Arc::clone(manner);
        thread::spawn(move || answer(stream, &manner));
    }
}

/// Answers one request; a peer that has gone away needs nothing.
fn answer(mut stream: TcpStream, manner: &Manner) -> Option<()> {
    let mut head = Vec::new();
    let mut octets = [0; 1024];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut octets).ok()? {
            0 => return None,
            read => head.extend_from_slice(&octets[..read]),
        }
    }
    pause(Duration::from_millis(manner.delay_ms.load(Ordering::SeqCst)));
    let status = manner.status.load(Ordering::SeqCst);
    let body = format!("{}\n", stream.local_addr().ok()?);
    let length = body.len();
    let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close");
    write!(stream, "{head}\r\n\r\n{body}").ok()
}
