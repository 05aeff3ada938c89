//! A server without sockets: folders in, octets out.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name as TheirName, Record, RecordType};
use livezone::config::{Config, zone_toml};
use livezone::diagnostic::Diagnostic;
use livezone::engine::event::Event;
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::metrics::Metrics;
use livezone::metrics::dns::Transport;
use livezone::model::time::Now;
use livezone::snapshot::Snapshot;
use livezone::sources::files::options::Options;
use livezone::sources::files::parse::{Context, Host, parse};
use livezone::sources::files::watch::load;
use livezone::transport::message::Received;
use livezone::transport::respond::respond;
use livezone::transport::worker::Worker;

pub(crate) struct Server {
    snapshot: Arc<Snapshot>,
    metrics: Metrics,
    pub(crate) complaints: Vec<Diagnostic>,
}

impl Server {
    /// Serves a folder of zones.
    pub(crate) fn load(zones_dir: &Path) -> Self {
        let options = Options {
            zones_dir: zones_dir.to_owned(),
            parse: Arc::new(|apex, kind, path, text, includes| {
                let host = Host { ns_addresses: Vec::new(), node: None };
                parse(kind, (path, text), Context { apex, host: &host, includes })
            }),
            defaults: Arc::new(|apex| zone_toml::defaults(&apex, &[])),
        };
        let now = Now::default();
        let (_, changes) = load(options, now).unwrap();
        let mut config = Config::default();
        config.health.first_round = Duration::ZERO;
        let settings = Settings::of(&config);
        let effects = turn(&mut World::new(settings, 1, 1), Event::Loaded(changes), now);
        Self {
            snapshot: effects.snapshot.unwrap(),
            metrics: Metrics::new("0"),
            complaints: effects.complaints,
        }
    }

    pub(crate) fn ask(&self, name: &str, rtype: &str) -> Message {
        self.respond(&question(name, rtype, Some((4096, true))), Transport::Tcp)
    }

    pub(crate) fn ask_udp(&self, name: &str, rtype: &str, payload: u16) -> Message {
        self.respond(&question(name, rtype, Some((payload, false))), Transport::Udp)
    }

    pub(crate) fn respond(&self, octets: &[u8], transport: Transport) -> Message {
        let mut worker = Worker::new(self.metrics.worker(transport));
        let peer = SocketAddr::from(([127, 0, 0, 1], 5353));
        let mut out = Vec::new();
        let now = Now::default();
        let idle = None;
        let received = Received { octets, peer, asked: None, now, transport, idle };
        respond(&received, &self.snapshot, &mut worker, &mut out);
        Message::from_vec(&out).unwrap()
    }
}

/// A query; with EDNS, its payload size and DO.
pub(crate) fn question(name: &str, rtype: &str, edns: Option<(u16, bool)>) -> Vec<u8> {
    let mut query = Query::new();
    query.set_name(TheirName::from_ascii(name).unwrap());
    query.set_query_type(rtype_of(rtype));
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(query);
    message.edns = edns.map(|(payload, dnssec_ok)| {
        let mut edns = Edns::new();
        edns.set_max_payload(payload).set_dnssec_ok(dnssec_ok);
        edns
    });
    message.to_vec().unwrap()
}

fn rtype_of(text: &str) -> RecordType {
    match text.strip_prefix("TYPE") {
        Some(number) => RecordType::from(number.parse::<u16>().unwrap()),
        None => text.parse().unwrap(),
    }
}

/// A message as people read it.
pub(crate) fn shown(message: &Message) -> String {
    let head = &message.metadata;
    let aa = if head.authoritative { " aa" } else { "" };
    let tc = if head.truncation { " tc" } else { "" };
    let mut lines = vec![format!("  {:?}{aa}{tc}", head.response_code)];
    let sections = [
        ("answer", &message.answers),
        ("authority", &message.authorities),
        ("additional", &message.additionals),
    ];
    for (section, records) in sections {
        lines.extend(records.iter().map(|record| format!("  {section}: {record}")));
    }
    lines.join("\n")
}

/// The records of a section in an order that does not depend on who says them.
pub(crate) fn sorted(records: &[Record]) -> Vec<String> {
    let mut shown: Vec<_> = records.iter().map(|r| r.to_string().to_lowercase()).collect();
    shown.sort();
    shown
}
