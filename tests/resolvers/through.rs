//! What must be true of every resolver in front of us.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

use crate::support::dns::{self, ips};
use crate::support::server::{Process, ZONE};
use crate::support::time::{SOON, becomes, eventually};
use crate::world::{CROWD, NEGATIVE_TTL, SHORT_TTL, TTL, World};

/// A TTL may run out just after a question; then there is the way through the resolver.
const AFTER: Duration = Duration::from_secs(5);

/// Names and types; what livezone says of each is what the resolver must say.
const QUESTIONS: [(&str, RecordType); 32] = {
    use RecordType::{A, AAAA, CNAME, MX, NS, SOA, SRV, TXT};
    [
        ("web", A),
        ("web", AAAA),
        ("web", SRV),
        ("web", TXT),
        ("web", MX),
        ("v1.web", A),
        ("http.v2.web", AAAA),
        ("eu.west.web", A),
        ("west.web", A),
        ("v3.web", A),
        ("web-1.web", A),
        ("_web._tcp", SRV),
        ("_web._v2", SRV),
        ("_web", SRV),
        ("0a010001.addr", A),
        ("addr", A),
        ("", SOA),
        ("", NS),
        ("", A),
        ("ns1", A),
        ("nothing", A),
        ("nothing.at.all", AAAA),
        ("dead", A),
        ("deep.static", A),
        ("static", TXT),
        ("host.deep.static", A),
        ("alias", A),
        ("twice", AAAA),
        ("mail", MX),
        ("long", TXT),
        ("any.wild", A),
        ("outside", CNAME),
    ]
};

/// A resolver that answers at an address.
pub(crate) struct Resolver {
    process: Process,
    address: SocketAddr,
    world: World,
}

impl Resolver {
    /// Waits until it answers.
    pub(crate) fn new(world: World, process: Process, address: &str) -> Self {
        let resolver = Self { process, address: address.parse().unwrap(), world };
        eventually("the resolver answers", SOON, || {
            let reply = resolver.ask("host.deep.static", RecordType::A);
            match reply.filter(|reply| reply.answers.len() == 1) {
                Some(_) => Ok(()),
                None => Err(resolver.process.log()),
            }
        });
        resolver
    }

    /// Everything that holds of every resolver which keeps answers.
    pub(crate) fn proves_itself(&mut self) {
        self.accepts_every_answer();
        self.accepts_what_needs_tcp();
        self.keeps_an_answer_for_its_ttl();
        self.forgets_that_there_is_nothing();
        self.keeps_a_suspect_for_min_ttl();
        self.shows_a_change_of_health_after_the_ttl();
    }

    pub(crate) fn accepts_every_answer(&self) {
        let rejected: Vec<_> =
            QUESTIONS.iter().filter_map(|(name, rtype)| self.differs(name, *rtype)).collect();
        assert!(rejected.is_empty(), "{}\n{:#?}", rejected.join("\n"), self.process.log());
    }

    /// How the resolver's answer differs from ours, in lower and in mixed case.
    fn differs(&self, name: &str, rtype: RecordType) -> Option<String> {
        let ours = dns::tcp(self.world.server.dns, &absolute(name), rtype);
        for name in [name.to_owned(), mixed(name)] {
            let Some(theirs) = self.ask(&name, rtype) else {
                return Some(format!("{name} {rtype}: no answer"));
            };
            let good = meaning(&ours) == meaning(&theirs) && ttls_are_ours(&ours, &theirs);
            if !good {
                return Some(format!("{name} {rtype}:\nours {ours}\ntheirs {theirs}"));
            }
        }
        None
    }

    pub(crate) fn accepts_what_needs_tcp(&self) {
        for rtype in [RecordType::A, RecordType::SRV] {
            let over_tcp = |labels: &[&str]| {
                let labels = [&["transport=\"tcp\""], labels].concat();
                self.world.server.metric("livezone_dns_queries_total", &labels)
            };
            let before = over_tcp(&[]);
            let reply = self.ask_tcp("crowd", rtype);
            assert_eq!(reply.answers.len(), usize::from(CROWD), "{:#?}", self.process.log());
            assert!(over_tcp(&[]) > before, "the resolver did not come back over TCP");
        }
    }

    pub(crate) fn follows_an_external_instance(&self) {
        let reply = self.ask_well("outside", RecordType::A);
        let alias = reply.answers.iter().any(|record| record.record_type() == RecordType::CNAME);
        assert!(alias, "{reply}");
        assert_eq!(dns::addresses(&reply), ips(&["198.51.100.7"]), "{:#?}", self.process.log());
    }

    /// A forwarder hands out the CNAME and leaves the rest to whoever asked.
    pub(crate) fn gives_the_alias_alone(&self) {
        let reply = self.ask_well("outside", RecordType::A);
        let types: Vec<_> = reply.answers.iter().map(Record::record_type).collect();
        assert_eq!(types, [RecordType::CNAME]);
    }

    /// A forwarder that asks us what the CNAME's name is, too.
    pub(crate) fn cannot_leave_the_zone(&self) {
        let reply = self.ask_well("outside", RecordType::A);
        assert_eq!(reply.metadata.response_code, ResponseCode::ServFail, "{reply}");
    }

    pub(crate) fn keeps_an_answer_for_its_ttl(&self) {
        let first = self.ttl("counted");
        assert!(first <= TTL && first + 3 > TTL, "{first}");
        let asked = self.asked();
        let counts_down = || (self.ttl("counted") < first).then_some(()).ok_or(first);
        eventually("the TTL counts down", AFTER, counts_down);
        assert!(self.ttl("counted") <= first);
        assert!((self.asked() - asked).abs() < 0.5, "it was asked for again");
    }

    pub(crate) fn keeps_nothing_of_ttl_zero(&self) {
        let asked = self.asked();
        for _ in 0..3 {
            assert_eq!(self.ttl("never-kept"), 0);
        }
        assert!(self.asked() - asked > 2.5, "an answer of TTL 0 was kept");
    }

    /// Within a second the answer may come again.
    pub(crate) fn keeps_ttl_zero_for_a_moment(&self) {
        assert_eq!(self.ttl("never-kept"), 0);
        let asked = self.asked();
        eventually("it is asked for again", AFTER, || {
            assert_eq!(self.ttl("never-kept"), 0);
            (self.asked() > asked).then_some(()).ok_or(asked)
        });
    }

    /// Each question is asked on.
    pub(crate) fn keeps_nothing(&self) {
        let asked = self.asked();
        for _ in 0..3 {
            assert_eq!(self.ttl("counted"), TTL);
        }
        assert!(self.asked() - asked > 2.5, "an answer was kept");
    }

    fn forgets_that_there_is_nothing(&self) {
        let asked = || self.world.server.metric("livezone_dns_queries_total", &["NXDOMAIN"]);
        let before = asked();
        let first = self.ask_well("not-there", RecordType::A);
        assert_eq!(first.metadata.response_code, ResponseCode::NXDomain);
        let once = asked();
        assert!(once > before);
        let again = self.ask_well("not-there", RecordType::A);
        assert_eq!(again.metadata.response_code, ResponseCode::NXDomain);
        assert!((asked() - once).abs() < 0.5, "it was not remembered");
        let limit = AFTER + Duration::from_secs(NEGATIVE_TTL.into());
        eventually("it is asked for again", limit, || {
            self.ask_well("not-there", RecordType::A);
            (asked() > once).then_some(()).ok_or(once)
        });
    }

    fn keeps_a_suspect_for_min_ttl(&mut self) {
        self.world.suspect.kill();
        let ttl = |reply: &Message| reply.answers.first().map(|record| record.ttl);
        becomes("it is suspect", SOON, &Some(SHORT_TTL), || {
            ttl(&self.world.server.ask("suspect", RecordType::A))
        });
        assert!(self.ttl("suspect") <= SHORT_TTL);
        // The second answer is the kept one, or a new one.
        assert!(self.ttl("suspect") <= SHORT_TTL);
    }

    pub(crate) fn shows_a_change_of_health_after_the_ttl(&mut self) {
        let both = ips(&["127.0.0.2", "127.0.0.3"]);
        let seen = |resolver: &Self| dns::addresses(&resolver.ask_well("flaky", RecordType::A));
        becomes("both are seen", SOON, &both, || seen(self));
        self.world.flaky[0].kill();
        self.world.server.answers("flaky", &["127.0.0.3"]);
        becomes("the dead one is gone", AFTER, &ips(&["127.0.0.3"]), || seen(self));
        self.world.flaky[0].restart();
        self.world.server.answers("flaky", &["127.0.0.2", "127.0.0.3"]);
        becomes("it is back", AFTER, &both, || seen(self));
    }

    /// How many questions livezone has answered.
    fn asked(&self) -> f64 {
        self.world.server.metric("livezone_dns_queries_total", &[])
    }

    fn ttl(&self, name: &str) -> u32 {
        let reply = self.ask_well(name, RecordType::A);
        reply.answers.first().unwrap_or_else(|| panic!("{reply}")).ttl
    }

    fn ask_well(&self, name: &str, rtype: RecordType) -> Message {
        self.ask(name, rtype).unwrap_or_else(|| panic!("{name}: {:#?}", self.process.log()))
    }

    fn ask(&self, name: &str, rtype: RecordType) -> Option<Message> {
        let question = question(name, rtype);
        let reply = dns::udp_octets(self.address, &question.to_vec().unwrap())?;
        let reply = Message::from_vec(&reply).unwrap();
        if reply.metadata.truncation { Some(self.ask_tcp(name, rtype)) } else { Some(reply) }
    }

    fn ask_tcp(&self, name: &str, rtype: RecordType) -> Message {
        let mut stream = std::net::TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let question = question(name, rtype).to_vec().unwrap();
        dns::tcp_ask(&mut stream, &question).expect("an answer over TCP")
    }
}

fn question(name: &str, rtype: RecordType) -> Message {
    let mut question = dns::question(&absolute(name), rtype);
    question.metadata.recursion_desired = true;
    question
}

fn absolute(name: &str) -> String {
    let dot = if name.is_empty() { "" } else { "." };
    format!("{name}{dot}{ZONE}.")
}

/// Every second letter as a capital.
fn mixed(name: &str) -> String {
    let case = |(place, letter): (usize, char)| match place % 2 {
        0 => letter.to_ascii_uppercase(),
        _ => letter,
    };
    name.chars().enumerate().map(case).collect()
}

/// The rcode, the answers, and whether a SOA says how long the data is missing.
fn meaning(reply: &Message) -> (ResponseCode, BTreeSet<String>, bool) {
    let shown = |record: &Record| {
        format!("{} {} {}", record.name, record.record_type(), record.data).to_lowercase()
    };
    let answers = reply.answers.iter().map(shown).collect();
    let soa = reply.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
    (reply.metadata.response_code, answers, soa)
}

fn ttls_are_ours(ours: &Message, theirs: &Message) -> bool {
    let longest = |records: &[Record]| records.iter().map(|record| record.ttl).max();
    longest(&theirs.answers) <= longest(&ours.answers)
        && longest(&theirs.authorities) <= longest(&ours.authorities)
}
