//! BIND serves the same master files and is asked the same questions. Needs `named` (Debian's
//! bind9): `cargo test --test master -- --ignored bind`.
//!
//! Where the two are known to differ, and may:
//! - ANY is one `RRset` here (RFC 8482) and is not asked.
//! - BIND follows more than eight aliases and calls a loop SERVFAIL; the zones have neither.
//! - The serial of a SOA is ours.
//! - `addr`, `_tcp` and `_udp` below an apex exist here, for services; nobody asks below them.
//! - BIND follows aliases inside the zone asked; it is asked again for a name in another of its zones.
//! - A referral tells a DS to who sets DO (RFC 4035 section 3.1.4.1); BIND does so in signed zones.
//! - Of additional records, in-domain glue is compared (RFC 9471): addresses of other servers are a
//!   courtesy here, and BIND sends only those that are glue of another delegation.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hickory_proto::op::Message;
use livezone::metrics::dns::Transport;

use crate::support::{Server, question, sorted};

const QUESTIONS: usize = 6000;
const TYPES: [&str; 15] = [
    "A",
    "AAAA",
    "NS",
    "CNAME",
    "SOA",
    "MX",
    "TXT",
    "SRV",
    "DS",
    "DNAME",
    "CAA",
    "PTR",
    "HINFO",
    "HTTPS",
    "TYPE65280",
];

/// Ends with the test.
struct Named(Child);

impl Drop for Named {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs BIND's named"]
fn bind_says_the_same() {
    let zones = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/master/bind");
    let server = Server::load(&zones);
    assert_eq!(server.complaints, []);
    let folder = tempfile::tempdir().unwrap();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _named = start(&zones, folder.path(), port);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();

    let mut differences = String::new();
    let mut count = 0;
    for (place, (name, rtype)) in questions(&zones).into_iter().enumerate() {
        let octets = |name: &str| question(name, &rtype, Some((4096, place % 2 == 0)));
        let ours = meaning(&server.respond(&octets(&name), Transport::Tcp));
        let mut theirs = meaning(&ask(&socket, &octets(&name)));
        let mut zone = zone_of(&name);
        while let Some(next) = leaves(&theirs, zone).filter(|_| rtype != "CNAME") {
            zone = zone_of(&next);
            let mut rest = meaning(&ask(&socket, &octets(&next)));
            rest.answer.append(&mut theirs.answer);
            rest.answer.sort();
            // AA is that of the first name.
            theirs = Meaning { head: rest.head.replace("aa false", "aa true"), ..rest };
        }
        count += 1;
        if ours != theirs {
            writeln!(differences, "{name} {rtype}\n  ours {ours:#?}\n  theirs {theirs:#?}")
                .unwrap();
        }
    }
    assert!(count >= QUESTIONS, "{count}");
    assert!(differences.is_empty(), "{differences}");
}

/// The served zone that holds a name; the longer ones first.
fn zone_of(name: &str) -> Option<&'static str> {
    ["served.example.", "example.", "b.test."]
        .into_iter()
        .find(|zone| name == *zone || name.ends_with(&format!(".{zone}")))
}

/// The name in another served zone that the last alias leads to, if it is not answered yet.
fn leaves(theirs: &Meaning, zone: Option<&str>) -> Option<String> {
    let targets = theirs.answer.iter().filter_map(|r| Some(r.split_once(" in cname ")?.1));
    let owns = |name: &str| theirs.answer.iter().any(|r| r.starts_with(&format!("{name} ")));
    let mut open = targets.filter(|name| !owns(name) && theirs.authority.is_empty());
    let next = open.find(|name| zone_of(name).is_some() && zone_of(name) != zone)?;
    Some(next.to_owned())
}

fn start(zones: &Path, folder: &Path, port: u16) -> Named {
    let mut config = format!(
        "options {{ directory \"{}\"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n\
         recursion no; minimal-responses yes; zero-no-soa-ttl no; dnssec-validation no; empty-zones-enable no;\n\
         pid-file none; session-keyfile none; check-integrity no; }};\ncontrols {{ }};\n",
        folder.display()
    );
    for (apex, file) in files(zones) {
        let file = file.display();
        let check = "check-names ignore; check-wildcard no;";
        writeln!(config, "zone \"{apex}\" {{ type primary; file \"{file}\"; {check} }};").unwrap();
    }
    let path = folder.join("named.conf");
    fs::write(&path, config).unwrap();
    let log = fs::File::create(folder.join("log")).unwrap();
    let named = Command::new("named")
        .args(["-g", "-n", "1", "-c"])
        .arg(&path)
        .stderr(Stdio::from(log))
        .spawn()
        .unwrap();
    Named(named)
}

/// Each zone's apex and its one master file.
fn files(zones: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(zones).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|p| (p.file_name().unwrap().to_str().unwrap().to_owned(), p.join("a.zone")))
        .collect()
}

/// Every name of the files, those above and some below, by every type; drawn with a fixed seed.
fn questions(zones: &Path) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    for (apex, file) in files(zones) {
        let text = fs::read_to_string(file).unwrap();
        let owners = text.lines().filter(|l| !l.starts_with([' ', '$', ';', '@']));
        for owner in owners.filter_map(|line| line.split_whitespace().next()) {
            let mut name = format!("{owner}.{apex}.");
            while name.len() > apex.len() + 1 {
                names.insert(name.clone());
                name = name.split_once('.').unwrap().1.to_owned();
            }
        }
        names.insert(format!("{apex}."));
    }
    let names: Vec<String> = names.into_iter().collect();
    let labels = ["x", "*", "sub", "www", "a", "ns", "_ssh", "host", "deep"];
    let mut rng = fastrand::Rng::with_seed(4592);
    let mut asked = BTreeSet::new();
    for name in &names {
        asked.extend(TYPES.map(|rtype| (name.clone(), rtype.to_owned())));
    }
    while asked.len() < QUESTIONS {
        let mut name = names[rng.usize(..names.len())].clone();
        for _ in 0..rng.usize(1..4) {
            name = format!("{}.{name}", labels[rng.usize(..labels.len())]);
        }
        asked.insert((name, TYPES[rng.usize(..TYPES.len())].to_owned()));
    }
    asked
}

fn ask(socket: &UdpSocket, octets: &[u8]) -> Message {
    let mut buffer = [0; 4096];
    let mut attempt = || {
        // Until it has started, the port is closed.
        let _ = socket.send(octets);
        let len = socket.recv(&mut buffer).ok();
        if len.is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        len
    };
    let len = (0..50).find_map(|_| attempt()).expect("named answers");
    Message::from_vec(&buffer[..len]).unwrap()
}

/// What both must say.
#[derive(Debug, PartialEq)]
struct Meaning {
    head: String,
    answer: Vec<String>,
    authority: Vec<String>,
    glue: Vec<String>,
}

fn meaning(message: &Message) -> Meaning {
    let head = &message.metadata;
    let authority: Vec<String> =
        sorted(&message.authorities).iter().map(|r| without_serial(r)).collect();
    let authority: Vec<String> = authority.into_iter().filter(|r| !r.contains(" in ds ")).collect();
    let cut = authority.iter().find_map(|r| Some(r.split_once(" 300 in ns ")?.0.to_owned()));
    let mut glue = sorted(&message.additionals);
    glue.retain(|record| {
        let owner = record.split(' ').next().unwrap_or_default();
        cut.as_ref().is_some_and(|cut| owner.ends_with(&format!(".{cut}")))
    });
    Meaning {
        head: format!("{:?} aa {}", head.response_code, head.authoritative),
        answer: sorted(&message.answers).iter().map(|r| without_serial(r)).collect(),
        authority,
        glue,
    }
}

fn without_serial(record: &str) -> String {
    let mut words: Vec<&str> = record.split(' ').collect();
    if words.get(3) == Some(&"soa") {
        words[6] = "SERIAL";
    }
    words.join(" ")
}
