//! Asks a snapshot as a client asks a server, octets both ways, and writes the answer as text.

use std::fmt::Write;
use std::str::FromStr;
use std::sync::LazyLock;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use livezone::answer::answer;
use livezone::model::dns::Question;
use livezone::snapshot::Snapshot;
use livezone::wire::reply::{Limits, encode, encode_rejection};
use livezone::wire::request::{Incoming, parse};

use crate::script::ScriptedQuery;

/// The zone that names are relative to.
pub(crate) const ORIGIN: &str = "service.internal.";

/// The answer to one question as a client decodes it.
pub(crate) fn ask(snapshot: &Snapshot, asked: &ScriptedQuery, rng: &mut fastrand::Rng) -> Message {
    let packet = packet(asked);
    let max = snapshot.rules.udp_max_size;
    let mut out = Vec::new();
    match parse(&packet) {
        Incoming::Query(query) => {
            let (name, rtype) = (query.asked.name.clone(), query.asked.rtype);
            let question = Question { name, rtype, client: asked.from };
            let reply = answer(snapshot, &question, rng).into_reply();
            let limits = match asked.within {
                Some(_) => Limits::udp(query.edns, max),
                None => Limits::tcp(max),
            };
            encode(&query, &reply, limits, &mut out);
        }
        Incoming::Reject(rejected) => encode_rejection(&rejected, Limits::tcp(max), &mut out),
        Incoming::Ignore(why) => panic!("the question is ignored: {why:?}"),
    }
    let message = Message::from_vec(&out).unwrap();
    assert_eq!(message.queries.len(), 1);
    let name = question_name(&asked.name);
    assert_eq!(out[12..12 + name.len()], name, "the asker's case comes back");
    message
}

fn packet(asked: &ScriptedQuery) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(asked.edns)];
    packet.extend(question_name(&asked.name));
    packet.extend(asked.rtype.0.to_be_bytes());
    packet.extend([0, 1]);
    if asked.edns {
        packet.extend([0, 0, 41]);
        packet.extend(asked.within.unwrap_or(1232).to_be_bytes());
        packet.extend([0; 6]);
    }
    packet
}

/// In wire form and in the case written; `\.` is a dot within a label.
fn question_name(text: &str) -> Vec<u8> {
    let text = if text == "@" {
        ORIGIN.to_owned()
    } else if text.ends_with('.') {
        text.to_owned()
    } else {
        format!("{text}.{ORIGIN}")
    };
    let mut wire = Vec::new();
    for label in text.trim_end_matches('.').replace("\\.", "\u{1}").split('.') {
        wire.push(u8::try_from(label.len()).unwrap());
        wire.extend(label.replace('\u{1}', ".").bytes());
    }
    wire.push(0);
    wire
}

/// The answer as a scenario writes it; records are sorted unless their order counts.
pub(crate) fn show(message: &Message, in_order: bool) -> Vec<String> {
    let mut lines = vec![headline(message)];
    if message.metadata.truncation {
        lines.push("TC".to_owned());
    }
    let sections = [("", &message.answers), ("additional ", &message.additionals)];
    for (prefix, records) in sections {
        let mut shown: Vec<_> = records.iter().map(|r| format!("{prefix}{}", record(r))).collect();
        if !in_order {
            shown.sort();
        }
        lines.extend(shown);
    }
    let option = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::Unknown(15)));
    if let Some(EdnsOption::Unknown(_, data)) = option {
        let (code, text) = data.split_first_chunk().unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap();
        lines.push(format!("EDE {} {text}", u16::from_be_bytes(*code)).trim_end().to_owned());
    }
    lines
}

/// The rcode, and the SOA that negative answers carry.
fn headline(message: &Message) -> String {
    let metadata = &message.metadata;
    let code = metadata.response_code;
    let mut line = match code {
        ResponseCode::NoError if message.answers.is_empty() && !metadata.truncation => {
            "NODATA".to_owned()
        }
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        other => format!("{other:?}"),
    };
    for record in &message.authorities {
        let owner = relative(&record.name);
        write!(line, " ({owner} {} {})", record.ttl, record.record_type()).unwrap();
        if let RData::SOA(soa) = &record.data {
            assert!(record.ttl <= soa.minimum, "RFC 2308 section 3");
        }
    }
    let ours = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
    if metadata.authoritative != ours {
        line.push_str(if ours { " without AA" } else { " with AA" });
    }
    line
}

/// `owner ttl TYPE data`.
fn record(record: &Record) -> String {
    let head = format!("{} {}", relative(&record.name), record.ttl);
    let rtype = record.record_type();
    assert_ne!(rtype, RecordType::OPT);
    let data = match &record.data {
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, relative(&srv.target))
        }
        RData::NS(name) => relative(&name.0),
        RData::CNAME(name) => relative(&name.0),
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {}",
            relative(&soa.mname),
            relative(&soa.rname),
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        other => other.to_string(),
    };
    format!("{head} {rtype} {data}")
}

fn relative(name: &Name) -> String {
    static APEX: LazyLock<Name> = LazyLock::new(|| Name::from_str(ORIGIN).unwrap());
    let origin = &*APEX;
    if name == origin {
        return "@".to_owned();
    }
    let text = name.to_ascii();
    match text.len().checked_sub(ORIGIN.len() + 1) {
        Some(end) if origin.zone_of(name) => text[..end].to_owned(),
        _ => text,
    }
}

/// The SOA serial of the zone that names are relative to.
pub(crate) fn serial(snapshot: &Snapshot) -> Option<u32> {
    let apex = livezone::model::name::Name::parse(ORIGIN).unwrap();
    snapshot.zones.get(apex.as_wire()).map(|zone| zone.soa.serial)
}
