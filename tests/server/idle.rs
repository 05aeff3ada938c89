//! Clients that take connections and do nothing with them.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use nix::sys::signal::Signal;
use socket2::{Domain, Socket, Type};

use crate::support::backend::Backend;
use crate::support::http;
use crate::support::server::{Server, TestServer};
use crate::support::time::{SOON, Stopwatch, becomes};

fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddrV4::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), SOON)?;
    Ok(socket.into())
}

/// Holds so many connections to each of some addresses, and renews them without a pause.
struct Hostile {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Hostile {
    /// From 127.0.9.1 up to the last of so many.
    fn start(targets: Vec<SocketAddr>, clients: u8, connections: usize) -> Self {
        let (stop, full) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, is_full) = (Arc::clone(&stop), Arc::clone(&full));
        let thread = thread::spawn(move || {
            let mut held: VecDeque<TcpStream> = VecDeque::new();
            let mut client = 0;
            while !stopped.load(Ordering::Relaxed) {
                client = client % clients + 1;
                for target in &targets {
                    let Ok(mut stream) = connect(Ipv4Addr::new(127, 0, 9, client), *target) else {
                        continue;
                    };
                    if held.len().is_multiple_of(2) {
                        // Half a request, or of DNS half a message.
                        let _ = stream.write_all(b"GE");
                    }
                    held.push_back(stream);
                }
                while held.len() > connections * targets.len() {
                    held.pop_front();
                    is_full.store(true, Ordering::Relaxed);
                }
            }
        });
        becomes("all are held", SOON, &true, || full.load(Ordering::Relaxed));
        Self { stop, thread }
    }

    fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

/// Whether the server says that it lives.
fn is_alive(from: Ipv4Addr, server: SocketAddr) -> bool {
    let mut stream = connect(from, server).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    // Who is closed for another's sake hears nothing, or a reset.
    let _ = stream.read_to_string(&mut answer);
    answer.starts_with("HTTP/1.0 200")
}

#[test]
fn idle_connections_keep_no_probe_waiting() {
    let server = TestServer::new();
    server.configure("[http]\nobserve = \"127.0.0.1:0\"\nmax_per_client = 300\n");
    let server = server.start();
    let ready = std::fs::read_to_string(server.setup.path().join("ready")).unwrap();
    let observe = crate::support::server::addresses(&ready, "observe")[0];
    let hostile = Hostile::start(vec![server.http(), observe], 1, 350);
    let watch = Stopwatch::start();
    for _ in 0..20 {
        for address in [server.http(), observe] {
            assert!(is_alive(Ipv4Addr::new(127, 0, 0, 2), address), "from elsewhere");
            assert!(is_alive(Ipv4Addr::new(127, 0, 9, 1), address), "from the same");
        }
    }
    // Eighty, each of which is answered in far less than the half a second that this gives them.
    assert!(watch.elapsed().as_secs() < 40, "{:?}", watch.elapsed());
    hostile.end();
    assert!(server.metric("livezone_http_closed_total", &["limit"]) > 0.5);
    // Of one client, and the one that asks.
    assert!(server.metric("livezone_http_connections", &[]) < 302.0);
}

#[test]
fn the_limits_of_http_follow_a_reload() {
    let server = TestServer::new().start();
    let from = |host| connect(Ipv4Addr::new(127, 0, 9, host), server.http()).unwrap();
    let open = || server.metric("livezone_http_connections", &[]).to_string();
    let held: Vec<_> = (1..=10).map(from).collect();
    // Its own is the eleventh.
    becomes("ten and one", SOON, &"11".to_owned(), open);
    server.setup.configure("[http]\nmax = 4\n");
    server.process.signal(Signal::SIGHUP);
    becomes("four", SOON, &"4".to_owned(), open);
    drop(held);
}

/// A service with one backend, as quick to see as it may be.
fn watched(backend: &Backend) -> TestServer {
    let check = "http = \"/\"\ninterval = \"200ms\"\nfast_interval = \"50ms\"\ntimeout = \"100ms\"";
    let text = format!("[[service]]\nname = \"web\"\n[[service.check]]\n{check}\n");
    TestServer::with("web.toml", &(text + &backend.instance("one")))
}

#[test]
fn with_few_files_checks_go_on_whatever_clients_hold() {
    for open_files in [64, 256] {
        let mut backend = Backend::start("127.0.0.2");
        let server: Server = watched(&backend).start_with_files(open_files);
        server.process.wait_for_log(&[
            "INFO",
            "limits lowered",
            &format!("open_files={open_files}"),
        ]);
        server.answers("web", &["127.0.0.2"]);
        let hostile = Hostile::start(vec![server.http(), server.dns], 200, 300);
        for _ in 0..3 {
            backend.kill();
            server.answers("web", &[]);
            backend.restart();
            server.answers("web", &["127.0.0.2"]);
        }
        hostile.end();
        let none = http::metric(server.http(), "livezone_checks_total", &["http", "none"]);
        assert_eq!(none, Some(0.0), "no check was without a descriptor");
        assert!(server.process.lines_with(&["cannot accept"]).is_empty());
        assert_eq!(server.process.lines_with(&["limits lowered"]).len(), 1);
    }
}

#[test]
fn with_too_few_files_the_server_says_how_many_it_wants() {
    let server = TestServer::new();
    let mut command = server.serve_with_files(30);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    for words in ["the open file limit is 30", "ulimit -n", "LimitNOFILE"] {
        assert!(text.contains(words), "{words} in {text}");
    }
}
