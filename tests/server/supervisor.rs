//! What a supervisor is told, and what a server may do that is nobody in particular.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::process::Command;

use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::geteuid;

use crate::support::backend::Backend;
use crate::support::server::{Process, TestServer};
use crate::support::time::{SOON, eventually};
use crate::support::{dns, needs};

const WEB: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\nid = \"web-1\"\n\
                   address = \"10.0.0.1\"\n";

/// The supervisor's end.
struct Ear(UnixDatagram);

impl Ear {
    /// A socket without a place in the file system, and its name for the environment.
    fn abstract_socket(server: &TestServer) -> (Self, String) {
        let name = format!("livezone{}", server.path().display());
        let socket = UnixDatagram::bind_addr(&UnixAddress::from_abstract_name(&name).unwrap());
        (Self(socket.unwrap()), format!("@{name}"))
    }

    fn next(&self) -> String {
        self.0.set_read_timeout(Some(SOON)).unwrap();
        let mut buffer = [0; 2000];
        let len = self.0.recv(&mut buffer).expect("the supervisor is told something");
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    /// The next message that has this line; those before it, but for what `ignored` names, are
    /// wrong.
    fn wait_for(&self, line: &str, ignored: &[&str]) -> String {
        loop {
            let message = self.next();
            if message.lines().any(|l| l == line) {
                return message;
            }
            let known = ignored.iter().any(|start| message.starts_with(start));
            assert!(known, "{message:?} before {line}");
        }
    }
}

fn value<'m>(message: &'m str, key: &str) -> &'m str {
    let line = message.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_else(|| panic!("no {key} in {message:?}"))
}

fn supervised(server: &TestServer, socket: &str, watchdog: Option<&str>) -> Process {
    let mut command = server.serve();
    command.env("NOTIFY_SOCKET", socket).env_remove("WATCHDOG_PID");
    match watchdog {
        Some(usec) => command.env("WATCHDOG_USEC", usec),
        None => command.env_remove("WATCHDOG_USEC"),
    };
    Process::start(command)
}

#[test]
fn a_supervisor_is_told_of_every_stage() {
    let server = TestServer::with("web.toml", WEB);
    server.configure("shutdown_grace = \"1s\"\n");
    let (ear, socket) = Ear::abstract_socket(&server);
    let mut process = supervised(&server, &socket, None);

    let ready = ear.wait_for("READY=1", &[]);
    assert_eq!(value(&ready, "STATUS"), "services: 1; instances: 1 unchecked");
    assert!(server.path().join("ready").exists(), "the ready file is there by then");

    process.signal(Signal::SIGHUP);
    let reloading = ear.wait_for("RELOADING=1", &[]);
    let usec: u128 = value(&reloading, "MONOTONIC_USEC").parse().unwrap();
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
    let age = std::time::Duration::from(now).as_micros().checked_sub(usec).unwrap();
    assert!(age < SOON.as_micros(), "{age} µs");
    ear.wait_for("READY=1", &[]);
    process.wait_for_log(&["configuration reloaded"]);

    process.signal(Signal::SIGTERM);
    let stopping = ear.wait_for("STOPPING=1", &[]);
    assert_eq!(value(&stopping, "EXTEND_TIMEOUT_USEC"), "11000000");
    assert_eq!(process.exit_code(), Some(0));
}

#[test]
fn ready_waits_for_the_first_round() {
    let backends = Backend::several(1);
    backends[0].stop();
    let server = TestServer::new();
    server.configure("[health]\nfirst_round = \"2s\"\n");
    let check = "[[service]]\nname = \"web\"\n[[service.check]]\nhttp = \"/\"\ntimeout = \"9s\"\n";
    server.put("web.toml", &(check.to_owned() + &backends[0].instance("web-1")));
    let path = server.path().join("notify");
    let ear = Ear(UnixDatagram::bind(&path).unwrap());
    let process = supervised(&server, path.to_str().unwrap(), None);
    process.wait_for_log(&["listening"]);
    ear.0.set_nonblocking(true).unwrap();
    let mut buffer = [0; 100];
    assert!(ear.0.recv(&mut buffer).is_err(), "it listens, and is not ready");
    ear.0.set_nonblocking(false).unwrap();
    let ready = ear.wait_for("READY=1", &[]);
    assert_eq!(value(&ready, "STATUS"), "services: 1; instances: 1 unknown");
    process.wait_for_log(&["ready"]);
}

#[test]
fn the_watchdog_hears_of_a_server_that_nobody_asks() {
    let server = TestServer::with("web.toml", WEB);
    let (ear, socket) = Ear::abstract_socket(&server);
    // Workers look up every 250 ms; half of this is less.
    let process = supervised(&server, &socket, Some("300000"));
    for _ in 0..12 {
        ear.wait_for("WATCHDOG=1", &["READY=1", "STATUS="]);
    }
    assert!(process.lines_with(&["no progress"]).is_empty());
}

#[test]
fn a_supervisor_that_cannot_be_reached_is_no_reason_not_to_serve() {
    let server = TestServer::with("web.toml", WEB);
    let process = supervised(&server, "nowhere", None);
    process.wait_for_log(&["WARN", "NOTIFY_SOCKET=nowhere"]);
    process.wait_for_log(&["ready"]);
}

#[test]
fn root_is_told_that_it_need_not_be_root() {
    let server = TestServer::with("web.toml", WEB);
    let server = server.start();
    let told = server.process.lines_with(&["WARN", "running as root", "livezone.service"]);
    assert_eq!(told.len(), usize::from(geteuid().is_root()));
}

/// A loopback address that nothing else listens on, and a port that is not for everybody.
const LOW: &str = "127.0.5.3:53";

/// The server as nobody in particular, by root's leave, with these capabilities and no others.
/// `None` where this machine cannot show it, which has then been said.
fn as_nobody(test: &str, server: &mut TestServer, capabilities: &str) -> Option<Command> {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    let low = first.is_ok_and(|first| first.trim().parse::<u16>().unwrap() > 53);
    let able = needs::had(test, "ports below 1024 that are not for everybody", low)
        && needs::had(test, "root", geteuid().is_root())
        && needs::programs(test, &["setpriv"]);
    if !able {
        return None;
    }
    LOW.clone_into(&mut server.arguments[1]);
    for folder in [server.path().to_owned(), server.path().join("zones"), server.zone()] {
        fs::set_permissions(folder, Permissions::from_mode(0o777)).unwrap();
    }
    // The program may lie in a folder that only root may enter.
    let program = server.path().join("livezone");
    fs::copy(env!("CARGO_BIN_EXE_livezone"), &program).unwrap();
    let serve = server.serve();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]);
    for set in ["inh-caps", "ambient-caps", "bounding-set"] {
        command.arg(format!("--{set}=-all{capabilities}"));
    }
    command.arg(program).args(serve.get_args()).current_dir(server.path());
    Some(command)
}

#[test]
fn one_capability_is_all_that_port_53_needs() {
    let mut server = TestServer::with("web.toml", WEB);
    let test = "one_capability_is_all_that_port_53_needs";
    let Some(command) = as_nobody(test, &mut server, ",+net_bind_service") else { return };
    let process = Process::start(command);
    eventually("the ready file", SOON, || {
        fs::metadata(server.path().join("ready")).map_err(|_| process.log())
    });
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    assert!(status.contains("Uid:\t65534\t65534"), "{status}");
    assert!(status.contains("CapEff:\t0000000000000400"), "{status}");
    let address: SocketAddr = LOW.parse().unwrap();
    let over_udp = dns::udp(address, "web.service.internal.", RecordType::A);
    let over_tcp = dns::tcp(address, "web.service.internal.", RecordType::A);
    assert_eq!((over_udp.answers.len(), over_tcp.answers.len()), (1, 1));
    assert!(process.lines_with(&["running as root"]).is_empty());
}

#[test]
fn without_it_the_error_says_what_to_do() {
    let mut server = TestServer::with("web.toml", WEB);
    let test = "without_it_the_error_says_what_to_do";
    let Some(command) = as_nobody(test, &mut server, "") else { return };
    let mut process = Process::start(command);
    assert_eq!(process.exit_code(), Some(3));
    process.wait_for_log(&[LOW, "CAP_NET_BIND_SERVICE", "setcap", "livezone.service"]);
}
