//! The same definitions read by a Consul agent: what it registers, and what it answers.
//!
//! `tests/consul/compare` builds the agent and runs this.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use serde_json::Value;

use super::{NODE, dns, files, folder, read};

struct Agent {
    child: Child,
    http: SocketAddr,
    dns: SocketAddr,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A port that was free a moment ago.
fn free() -> u16 {
    TcpListener::bind((NODE, 0)).unwrap().local_addr().unwrap().port()
}

impl Agent {
    fn start(program: &Path) -> Self {
        let ports = [free(), free(), free(), free()];
        let child = Command::new(program)
            .args(["agent", "-dev", "-node=peer", "-bind=127.0.0.1", "-enable-local-script-checks"])
            .arg(format!("-config-dir={}", folder("definitions").display()))
            .args(["-hcl", "domain = \"internal\""])
            .args(["-hcl", "leave_on_terminate = false"])
            .arg(format!("-http-port={}", ports[0]))
            .arg(format!("-dns-port={}", ports[1]))
            .arg(format!("-server-port={}", ports[2]))
            .arg(format!("-serf-lan-port={}", ports[3]))
            .args(["-serf-wan-port=-1", "-grpc-port=-1", "-log-level=warn"])
            .stdout(Stdio::inherit())
            .spawn()
            .unwrap();
        let at = |port| SocketAddr::new(NODE, port);
        Self { child, http: at(ports[0]), dns: at(ports[1]) }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// Waits until the definitions are in the catalogue, as DNS reads it.
    fn services(&self) -> BTreeMap<String, Registered> {
        for _ in 0..120 {
            let known = self.get("/v1/catalog/services");
            let services = self.get("/v1/agent/services");
            let synced = |services: &BTreeMap<String, Registered>| {
                let known = known.as_ref();
                services.values().all(|s| known.is_some_and(|k| k.get(&s.name).is_some()))
            };
            let services = services.iter().filter_map(Value::as_object).flat_map(|s| s.values());
            let services: BTreeMap<_, _> =
                services.map(|service| (text(service, "ID"), theirs(service))).collect();
            if !services.is_empty() && synced(&services) {
                return services;
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        panic!("the agent has not registered the definitions within a minute");
    }
}

/// What both say of one service, in the same words.
#[derive(Debug, PartialEq)]
struct Registered {
    name: String,
    address: String,
    port: u64,
    tags: Vec<String>,
    meta: BTreeMap<String, String>,
    weights: (u64, u64),
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn theirs(service: &Value) -> Registered {
    let address = text(service, "Address");
    let tags = service["Tags"].as_array().unwrap().iter();
    let meta = service["Meta"].as_object().unwrap().iter();
    let weight = |which: &str| service["Weights"][which].as_u64().unwrap();
    Registered {
        name: text(service, "Service"),
        // The agent fills the node's address in when it answers.
        address: if address.is_empty() { NODE.to_string() } else { address },
        port: service["Port"].as_u64().unwrap(),
        tags: tags.map(|tag| tag.as_str().unwrap().to_owned()).collect(),
        meta: meta.map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect(),
        weights: (weight("Passing"), weight("Warning")),
    }
}

fn ours() -> BTreeMap<String, Registered> {
    let services = files(&folder("definitions")).into_iter().flat_map(|file| read(&file).0);
    let mut found = BTreeMap::new();
    for service in services {
        for instance in &service.instances {
            let registered = Registered {
                name: service.name.value.to_string(),
                address: instance.location.endpoints().next().unwrap().to_string(),
                port: instance.port.unwrap_or(0).into(),
                tags: instance.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
                meta: instance.meta.as_deref().cloned().unwrap_or_default(),
                weights: (instance.weights.passing.into(), instance.weights.warning.into()),
            };
            found.insert(instance.id.to_string(), registered);
        }
    }
    found
}

/// Why both may differ; docs/consul.md says more of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    /// Names, and ids and tags that are names, are kept in lower case.
    Case,
    /// An instance has a name below its service's; Consul answers NXDOMAIN there.
    InstanceName,
    /// Consul answers SRV with port 0 where no port is registered.
    NoPort,
    /// A tag that is no name, such as `a=b`; Consul compares any octets.
    NoName,
}

/// How often each reason was met, and what has none.
#[derive(Default)]
struct Differences {
    explained: BTreeMap<Reason, usize>,
    unexplained: String,
}

impl Differences {
    fn add(&mut self, reason: Option<Reason>, what: &str, theirs: &str, ours: &str) {
        if let Some(reason) = reason {
            *self.explained.entry(reason).or_default() += 1;
        } else {
            let shown = &mut self.unexplained;
            writeln!(shown, "{what}\n  consul   {theirs}\n  livezone {ours}").unwrap();
        }
    }
}

#[test]
#[ignore = "needs a Consul agent: run tests/consul/compare"]
fn a_consul_agent_registers_and_answers_the_same() {
    let program = std::env::var("LIVEZONE_CONSUL").expect("LIVEZONE_CONSUL is the agent's path");
    let agent = Agent::start(Path::new(&program));
    let mut theirs = agent.services();
    // What `connect` makes of a service is another of its own.
    theirs.retain(|id, _| !id.ends_with("-sidecar-proxy"));
    let mut differences = Differences::default();
    registered(&theirs, &ours(), &mut differences);
    let server = dns::serve();
    let questions = names(&theirs);
    for (name, rtype) in &questions {
        let full = format!("{name}.service.internal.");
        let (a, b) = (dns::ask(agent.dns, &full, *rtype), dns::ask(server.dns, &full, *rtype));
        let (a, b) = ((a.0, comparable(a.1)), (b.0, comparable(b.1)));
        if a != b {
            let reason = why(name, &theirs, (&a.0, &a.1), (&b.0, &b.1));
            let (a, b) = (format!("{a:?}"), format!("{b:?}"));
            differences.add(reason, &format!("{full} {rtype}"), &a, &b);
        }
    }
    println!("{} services and {} questions compared", theirs.len(), questions.len());
    println!("explained: {:?}", differences.explained);
    assert!(differences.unexplained.is_empty(), "unexplained:\n{}", differences.unexplained);
}

fn why(
    name: &str,
    services: &BTreeMap<String, Registered>,
    (code, records): (&str, &[String]),
    (our_code, our_records): (&str, &[String]),
) -> Option<Reason> {
    const NOTHING: &str = "Non-Existent Domain";
    let is_instance = services.iter().any(|(id, s)| *name == format!("{id}.{}", s.name));
    if code == NOTHING && our_code != NOTHING && is_instance {
        return Some(Reason::InstanceName);
    }
    let no_port = !records.is_empty() && records.iter().all(|r| r.ends_with(" port 0"));
    if no_port && our_records.is_empty() {
        return Some(Reason::NoPort);
    }
    let odd = |c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c);
    (our_code == NOTHING && name.contains(odd)).then_some(Reason::NoName)
}

fn registered(
    theirs: &BTreeMap<String, Registered>,
    ours: &BTreeMap<String, Registered>,
    differences: &mut Differences,
) {
    let folded = |id: &String| ours.get(id).or_else(|| ours.get(&id.to_ascii_lowercase()));
    for (id, a) in theirs {
        let b = folded(id);
        if b != Some(a) {
            let lower = |s: &Registered| format!("{:?} {:?}", s.name, s.tags).to_ascii_lowercase();
            let case = b.is_some_and(|b| {
                lower(a) == lower(b)
                    && (&a.address, a.port, &a.meta, a.weights)
                        == (&b.address, b.port, &b.meta, b.weights)
            });
            let (a, b) = (format!("{a:?}"), format!("{b:?}"));
            differences.add(case.then_some(Reason::Case), id, &a, &b);
        }
    }
    assert_eq!(theirs.len(), ours.len());
}

/// The names of services without checks, which are healthy for both: the service, each tag and
/// each id below it, and the form of RFC 2782.
fn names(services: &BTreeMap<String, Registered>) -> Vec<(String, RecordType)> {
    let mut checked: Vec<String> = Vec::new();
    for service in files(&folder("definitions")).iter().flat_map(|file| read(file).0) {
        if service.instances.iter().any(|instance| !instance.checks.is_empty()) {
            checked.push(service.name.value.to_string());
        }
    }
    let mut names = std::collections::BTreeSet::new();
    for (id, service) in services.iter().filter(|(_, service)| !checked.contains(&service.name)) {
        let name = &service.name;
        names.insert(name.clone());
        names.insert(format!("_{name}._tcp"));
        names.insert(format!("nobody.{name}"));
        names.insert(format!("{id}.{name}"));
        for tag in service.tags.iter().filter(|tag| tag.len() < 60) {
            names.insert(format!("{tag}.{name}"));
            if !tag.contains('.') {
                names.insert(format!("_{name}._{tag}"));
            }
        }
    }
    let types = [RecordType::A, RecordType::AAAA, RecordType::SRV];
    let fits = |name: &&String| name.split('.').all(|label| label.len() <= 63);
    names.iter().filter(fits).flat_map(|name| types.map(|rtype| (name.clone(), rtype))).collect()
}

/// Without what differs in every answer and has one reason: the SRV target's name, and the
/// priority, 1 in Consul.
fn comparable(records: Vec<String>) -> Vec<String> {
    let plain = |record: String| match record.strip_prefix("SRV ") {
        Some(srv) => {
            let fields: Vec<&str> = srv.split(' ').collect();
            format!("SRV weight {} port {}", fields[1], fields[2])
        }
        None => record,
    };
    let mut records: Vec<String> = records.into_iter().map(plain).collect();
    records.sort();
    records
}
