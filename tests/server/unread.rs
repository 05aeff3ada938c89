//! A log that nobody reads: a pipe that is full before the server starts, as behind a log shipper that
//! hangs. Nothing else may wait for it, and what was lost is counted and told.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, UdpSocket};
use std::process::Stdio;
use std::thread;

use hickory_proto::op::Message;
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use crate::support::backend::Backend;
use crate::support::dns;
use crate::support::pipe::full;
use crate::support::server::{Process, Server, TestServer, livezone};
use crate::support::time::{SOON, Stopwatch, becomes, eventually};

const NAME: &str = "web.service.internal.";
const LOST: &str = "livezone_log_dropped_total";
/// What is wrong in [`complaints`], and in how many files: as much as the log shows at once, which is a
/// little more than its queue holds.
const MISTAKES: usize = 1000;
const FILES: usize = 50;

/// A service with one checked backend, and a server that limits answers and ends soon.
fn server(backend: &Backend) -> TestServer {
    let check = "[[service]]\nname = \"web\"\n[[service.check]]\nhttp = \"/\"\ninterval = \"200ms\"\n\
                 timeout = \"200ms\"\nfast_interval = \"50ms\"\n";
    let server = TestServer::with("web.toml", &(check.to_owned() + &backend.instance("web-1")));
    let limits = "shutdown_grace = \"1s\"\n[rrl]\nresponses_per_second = 5\nexempt = []\n";
    server.configure(limits);
    server
}

/// Files whose mistakes fill more than the queue of the log.
fn complaints(server: &Server) {
    let long = "a".repeat(5000);
    for file in 0..FILES {
        let service = |n| {
            let name = format!("[[service]]\nname = \"s{file}-{n}\"\n");
            name + &format!("[[service.check]]\ntcp = true\ninterval = \"{long}\"\n")
        };
        let services = (0..MISTAKES / FILES).map(service);
        server.setup.put(&format!("long{file}.toml"), &services.collect::<String>());
    }
}

/// One question of a client of its own, over UDP.
fn ask(server: &Server, client: Ipv4Addr) -> Option<Message> {
    let socket = UdpSocket::bind((client, 0)).unwrap();
    socket.connect(server.dns).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.send(&dns::question(NAME, RecordType::A).to_vec().unwrap()).unwrap();
    let mut buffer = [0; 2000];
    let len = socket.recv(&mut buffer).ok()?;
    Some(Message::from_vec(&buffer[..len]).unwrap())
}

/// One client that asks too much: the limiter has something to say then.
fn flood(server: &Server) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(server.dns).unwrap();
    let question = dns::question(NAME, RecordType::A).to_vec().unwrap();
    for _ in 0..180 {
        socket.send(&question).unwrap();
    }
    eventually("limited answers", SOON, || {
        let limited = server.metric("livezone_dns_limited_total", &[]);
        if limited >= 1.0 { Ok(()) } else { Err(limited) }
    });
}

/// The addresses over TCP, which is not limited.
fn served(server: &Server, name: &str) -> usize {
    dns::tcp(server.dns, name, RecordType::A).answers.len()
}

fn overflows(server: &Server) {
    eventually("lost lines", SOON, || {
        let lost = server.metric(LOST, &[]);
        if lost >= 1.0 { Ok(()) } else { Err(lost) }
    });
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing() {
    let mut backend = Backend::start("127.0.0.2");
    let (_reader, log, _) = full();
    let mut server = server(&backend).start_logging_to(log);
    assert_eq!(server.metric(LOST, &[]).to_string(), "0", "there from the start");
    for round in 0..3 {
        flood(&server);
        for client in 0..40 {
            let reply = ask(&server, Ipv4Addr::new(127, 1 + round, client, 1));
            assert_eq!(reply.expect("an answer over UDP").answers.len(), 1, "client {client}");
            assert_eq!(served(&server, NAME), 1);
        }
        backend.kill();
        becomes("it has left", SOON, &0, || served(&server, NAME));
        backend.restart();
        becomes("it is back", SOON, &1, || served(&server, NAME));
        complaints(&server);
        server.setup.put(
            &format!("new{round}.toml"),
            &format!(
                "[[service]]\nname = \"new{round}\"\n[[service.instance]]\naddress = \"10.0.0.1\"\n"
            ),
        );
        let new = format!("new{round}.service.internal.");
        becomes("a new file is served", SOON, &1, || served(&server, &new));
        server.setup.configure(&format!(
            "shutdown_grace = \"1s\"\n[rrl]\nresponses_per_second = 5\nexempt = []\n\
             [dns]\nworkers = {}\n",
            7 + round
        ));
        server.process.signal(Signal::SIGHUP);
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(server.get(path).status, 200, "{path}");
        }
    }
    overflows(&server);
    let watch = Stopwatch::start();
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.exit_code(), Some(0));
    assert!(watch.elapsed() < SOON, "{:?}", watch.elapsed());
}

#[test]
fn who_reads_again_is_told_in_one_line_how_much_was_lost() {
    let backend = Backend::start("127.0.0.2");
    let (reader, log, size) = full();
    let mut server = server(&backend).start_logging_to(log);
    complaints(&server);
    overflows(&server);
    becomes("all files are in error", SOON, &FILES.to_string(), || {
        server.metric("livezone_source_errors", &["files"]).to_string()
    });
    let lost = becomes_still(&server);

    let (mut reader, mut before) = (BufReader::new(reader), vec![0; size]);
    reader.read_exact(&mut before).unwrap();
    let rest = thread::spawn(move || reader.lines().map(Result::unwrap).collect::<Vec<_>>());
    server.process.signal(Signal::SIGTERM);
    assert_eq!(server.process.exit_code(), Some(0));
    let lines = rest.join().unwrap();
    let told: Vec<_> = lines.iter().filter(|line| line.contains("log lines were lost")).collect();
    let [told] = told[..] else { panic!("{told:?}") };
    assert!(told.contains("ERROR") && told.ends_with(&format!("lost={lost}")), "{told}");
    for line in &lines {
        let (time, _) = line.split_once(' ').unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "a line in pieces: {line}");
    }
    let complaints = lines.iter().filter(|line| line.contains("registration refused")).count();
    assert_eq!(complaints + usize::try_from(lost).unwrap(), MISTAKES);
    assert!(lines.iter().any(|line| line.contains("listening")), "the first lines are there");
    assert!(lines.last().unwrap().contains("stopped"), "{:?}", lines.last());
}

/// How many lines were lost, once no more are.
fn becomes_still(server: &Server) -> u32 {
    let mut last = 0.0;
    eventually("no more is lost", SOON, || {
        let lost = server.metric(LOST, &[]);
        let still = (lost - last).abs() < 0.5;
        last = lost;
        if still { Ok(()) } else { Err(lost) }
    });
    format!("{last}").parse().unwrap()
}

#[test]
fn a_start_that_fails_ends_although_nobody_reads_why() {
    let server = TestServer::new();
    server.configure("[dns]\nlisten = 53\n");
    let (_reader, log, _) = full();
    let mut process = Process::logging_to(log, server.serve());
    assert_eq!(process.exit_code(), Some(1));
}

#[test]
fn the_demo_waits_for_nobody_who_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let ((_log, errors, _), (_tour, output, _)) = (full(), full());
    let mut command = livezone();
    command.args(["demo", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0"]);
    command.current_dir(folder.path()).env("TMPDIR", folder.path()).stdout(Stdio::from(output));
    let mut demo = Process::logging_to(errors, command);
    let entries = || std::fs::read_dir(folder.path()).unwrap().flatten();
    eventually("the demo runs", SOON, || {
        let runs = entries().any(|entry| entry.path().join("state/serial").exists());
        if runs { Ok(()) } else { Err(()) }
    });
    demo.signal(Signal::SIGINT);
    assert_eq!(demo.exit_code(), Some(0));
    assert_eq!(entries().count(), 0, "nothing is left behind");
}
