//! The two servers as users run them, and one packet to each.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::master::bind::packets::Packet;
use crate::support::server::livezone;

/// A busy machine is waited for; nothing that is asserted takes it.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);
/// A question that each answers: what comes before its answer was said to the packet before it.
const SENTINEL: &[u8] = b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x00\x00\x06\x00\x01";

/// A program that is being written cannot run, and what is started meanwhile holds it open.
static STARTING: Mutex<()> = Mutex::new(());

/// A server that ends with the test.
pub(super) struct Server {
    child: Child,
    /// Where it writes.
    folder: TempDir,
    address: SocketAddr,
    socket: UdpSocket,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// BIND's named with every zone of the folder; `minimal` is its `minimal-responses`.
    pub(super) fn named(zones: &Path, minimal: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let path = folder.path().join("named.conf");
        fs::write(&path, named_conf(zones, folder.path(), (port, minimal))).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut named = Command::new(copy_of("named", folder.path()));
        named.args(["-g", "-n", "1", "-c"]).arg(&path).stderr(Stdio::from(log));
        Self::start(&mut named, folder, |_| Some(SocketAddr::from(([127, 0, 0, 1], port))))
    }

    /// livezone with the same.
    pub(super) fn livezone(zones: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut livezone = livezone();
        livezone.current_dir(folder.path()).arg("serve").arg("--zones").arg(zones);
        livezone.args(["--dns", "127.0.0.1:0", "--http", "127.0.0.1:0", "--ready-file", "ready"]);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        livezone.stderr(Stdio::from(log));
        Self::start(&mut livezone, folder, |folder| {
            let text = fs::read_to_string(folder.join("ready")).ok()?;
            text.lines().find_map(|line| line.strip_prefix("dns=")?.parse().ok())
        })
    }

    fn start(
        command: &mut Command,
        folder: TempDir,
        address: impl Fn(&Path) -> Option<SocketAddr>,
    ) -> Self {
        let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn().unwrap();
        drop(starting);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let unset = SocketAddr::from(([0; 4], 0));
        let mut server = Self { child, folder, address: unset, socket };
        let looks = PATIENCE.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            if let Some(address) = address(server.folder.path()) {
                server.address = address;
                // Until it has started, its port is closed.
                if TcpStream::connect(address).is_ok() {
                    server.socket.connect(address).unwrap();
                    server.socket.set_read_timeout(Some(PATIENCE)).unwrap();
                    return server;
                }
            }
            sleep(LOOK);
        }
        panic!("{command:?} does not answer:\n{}", server.log());
    }

    /// What it has logged, for the report of a failure.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The reply; `None` when there is none, or the connection is closed instead.
    pub(super) fn ask(&self, packet: &Packet) -> Option<Vec<u8>> {
        let id = !packet.id();
        let sentinel = [&id.to_be_bytes()[..], SENTINEL].concat();
        if packet.tcp { self.ask_tcp(packet, &sentinel) } else { self.ask_udp(packet, &sentinel) }
    }

    fn ask_udp(&self, packet: &Packet, sentinel: &[u8]) -> Option<Vec<u8>> {
        self.socket.send(&packet.octets).unwrap();
        self.socket.send(sentinel).unwrap();
        let mut reply = None;
        let mut buffer = vec![0; 65_535];
        loop {
            let len = self.socket.recv(&mut buffer).unwrap_or_else(|error| {
                panic!("{error} at {packet:?}, reply {reply:02x?}:\n{}", self.log())
            });
            if buffer[..2] == sentinel[..2] {
                return reply;
            }
            reply = Some(buffer[..len].to_owned());
        }
    }

    fn ask_tcp(&self, packet: &Packet, sentinel: &[u8]) -> Option<Vec<u8>> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut octets = Vec::new();
        for message in [&packet.octets, sentinel] {
            octets.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
            octets.extend(message);
        }
        stream.write_all(&octets).unwrap();
        let first = receive(&mut stream)?;
        (first[..2] != sentinel[..2]).then_some(first)
    }
}

/// Debian's `AppArmor` profiles go by the path of a program and would keep it out of our folder.
/// Users other than root do not have /usr/sbin in their path.
fn copy_of(program: &str, folder: &Path) -> PathBuf {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let mut places = path.split(':').map(|place| Path::new(place).join(program));
    let found = places.find(|place| place.exists());
    let copy = folder.join(program);
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    fs::copy(found.unwrap_or_else(|| panic!("{program} is not installed")), &copy).unwrap();
    copy
}

fn receive(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply).ok()?;
    Some(reply)
}

fn named_conf(zones: &Path, folder: &Path, (port, minimal): (u16, &str)) -> String {
    let mut config = format!(
        "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; minimal-responses {minimal}; zero-no-soa-ttl no; dnssec-validation no; empty-zones-enable no;\n\
         allow-transfer {{ none; }}; version none; hostname none; server-id none;\n\
         edns-udp-size 1232; max-udp-size 1232; pid-file none; session-keyfile none;\n\
         check-integrity no; }};\ncontrols {{ }};\n",
        folder.display()
    );
    for (apex, file) in files(zones) {
        let file = file.display();
        let check = "check-names ignore; check-wildcard no;";
        writeln!(config, "zone \"{apex}\" {{ type primary; file \"{file}\"; {check} }};").unwrap();
    }
    config
}

/// Each zone's apex and its one master file.
pub(super) fn files(zones: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(zones).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries
        .map(|p| (p.file_name().unwrap().to_str().unwrap().to_owned(), p.join("a.zone")))
        .collect();
    files.sort();
    files
}
