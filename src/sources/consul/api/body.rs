//! The bodies of requests → what they register. An error is the words of a 400.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::str;
use std::sync::Arc;

use serde_json::Map;

use crate::model::agent::{AgentCheck, AgentService, TaggedAddress};
use crate::model::health::Verdict;
use crate::model::service::Weights;
use crate::sources::consul::api::first_error;
use crate::sources::consul::api::json::to_json;
use crate::sources::consul::keys::{CHECK, Keys, SERVICE, WEIGHTS, one_or_many, says, value};
use crate::sources::consul::{only, text};
use crate::syntax::json;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;
use crate::syntax::tree::{Tree, Value};

/// A registration has five levels. `serde_json`, which reads the stored record, takes 127.
const MOST_LEVELS: usize = 16;
const MOST_META: usize = 64;
const MOST_META_KEY: usize = 128;
const MOST_META_VALUE: usize = 512;

const TAGGED_ADDRESS: Keys =
    Keys { what: "a tagged address", read: &["address", "port"], unused: &[], aliases: &[] };
const UPDATE: Keys = Keys {
    what: "a check's update",
    read: &["status", "output"],
    unused: &["check_id"],
    aliases: &[],
};

/// What `check/update` says of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    pub verdict: Verdict,
    pub output: String,
}

/// Of `service/register`; `{"service": {…}}`, as a definition file has it, is taken too.
pub fn service(body: &[u8]) -> Result<AgentService, String> {
    let (report, tree) = parse(body)?;
    let inner = match &tree.value {
        Value::Table(entries) => match &entries[..] {
            [(key, inner)] if key.text.eq_ignore_ascii_case("service") => inner,
            _ => &tree,
        },
        _ => &tree,
    };
    let service = read_service(&report, inner);
    let service = decoded(report, service)?;
    is_valid(&service)?;
    Ok(service)
}

/// Of `check/register`.
pub fn check(body: &[u8]) -> Result<AgentCheck, String> {
    let (report, tree) = parse(body)?;
    let check = CHECK.read(&report, &tree).and_then(|table| {
        let service = text(&table, "service_id").map(|id| id.value.into());
        read_check(&report, &table, service, ToOwned::to_owned)
    });
    let check = decoded(report, check)?;
    if check.name.is_empty() {
        return Err("Missing check name".to_owned());
    }
    is_one_line("check ID", &check.id)?;
    Ok(check)
}

/// Of `check/update`.
pub fn update(body: &[u8]) -> Result<Update, String> {
    let (report, tree) = parse(body)?;
    let update = UPDATE.read(&report, &tree).map(|table| {
        let mut reader = Reader::document(&report, &table, UPDATE.what);
        let output = reader.string("output").map_or("", |output| output.value).to_owned();
        (reader.string("status").map_or("", |status| status.value).to_owned(), output)
    });
    let (status, output) = decoded(report, update)?;
    let verdict = verdict(&status).ok_or_else(|| format!("Invalid check status: {status:?}"))?;
    Ok(Update { verdict, output })
}

fn verdict(word: &str) -> Option<Verdict> {
    match word {
        "passing" => Some(Verdict::Passing),
        "warning" => Some(Verdict::Warning),
        "critical" => Some(Verdict::Critical),
        _ => None,
    }
}

fn parse(body: &[u8]) -> Result<(Report, Tree), String> {
    let failed = |words: &str| format!("Request decode failed: {words}");
    let text = str::from_utf8(body).map_err(|_| failed("the body is not UTF-8"))?;
    if text.trim().is_empty() {
        return Err(failed("EOF"));
    }
    let report = Report::new(Path::new("").into(), text.into());
    let tree = json::parse(&report, &[]);
    if levels(&tree) > MOST_LEVELS {
        return Err(failed("the body is nested too deeply"));
    }
    Ok((report, tree))
}

/// The parser takes 512 at most.
fn levels(tree: &Tree) -> usize {
    let inner = match &tree.value {
        Value::List(items) => items.iter().map(levels).max(),
        Value::Table(entries) => entries.iter().map(|(_, value)| levels(value)).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}

/// What was read, if nothing was complained of.
fn decoded<T>(report: Report, read: Option<T>) -> Result<T, String> {
    let (read, diagnostics) = report.finish(read);
    let words = || first_error(&diagnostics).unwrap_or_else(|| "nothing to register".to_owned());
    read.ok_or_else(|| format!("Request decode failed: {}", words()))
}

pub(super) fn read_service(report: &Report, tree: &Tree) -> Option<AgentService> {
    let table = only(&SERVICE.read(report, tree)?, |_| true);
    has_no_namespace(report, &table);
    let mut reader = Reader::document(report, &table, SERVICE.what);
    let name = string(&mut reader, "name");
    let id = Some(string(&mut reader, "id")).filter(|id| !id.is_empty());
    let id: Arc<str> = id.unwrap_or_else(|| name.clone()).into();
    let tags = reader.strings("tags").unwrap_or_default();
    let meta = reader.string_table("meta").unwrap_or_default();
    Some(AgentService {
        tags: tags.iter().map(|tag| tag.value.to_owned()).collect(),
        address: string(&mut reader, "address"),
        port: reader.integer("port", 0..=65_535).map_or(0, |port| port.value),
        meta: meta.into_iter().map(|(key, said)| (key.text.clone(), said.value.into())).collect(),
        tagged_addresses: tagged_addresses(report, &table),
        weights: weights(report, &table),
        enable_tag_override: reader
            .boolean("enable_tag_override")
            .is_some_and(|placed| placed.value),
        checks: checks(report, &table, (&id, &name)),
        id,
        name,
    })
}

/// What a key says; nothing is the empty text.
fn string(reader: &mut Reader<'_>, key: &'static str) -> String {
    reader.string(key).map_or_else(String::new, |text| text.value.to_owned())
}

/// Consul without its enterprise half has neither.
fn has_no_namespace(report: &Report, table: &Tree) {
    for key in ["namespace", "partition"] {
        if let Some(said) = value(table, key).filter(|tree| says(&tree.value)) {
            report.error(said.span.clone(), format!("livezone has no {key}s"), "remove it");
        }
    }
}

fn tagged_addresses(report: &Report, table: &Tree) -> BTreeMap<String, TaggedAddress> {
    let Some(all) = value(table, "tagged_addresses") else { return BTreeMap::new() };
    let Value::Table(entries) = &all.value else {
        let kind = all.value.kind();
        let message = format!("\"tagged_addresses\" must be a table, not {kind}");
        report.error(all.span.clone(), message, "write { \"lan\": { \"address\": … } }");
        return BTreeMap::new();
    };
    let read = entries.iter().filter_map(|(key, tree)| {
        let table = TAGGED_ADDRESS.read(report, tree)?;
        let mut reader = Reader::document(report, &table, TAGGED_ADDRESS.what);
        let port = reader.integer("port", 0..=65_535).map_or(0, |port| port.value);
        Some((key.text.clone(), TaggedAddress { address: string(&mut reader, "address"), port }))
    });
    read.collect()
}

/// 1 and 1 where there are none; of two one of which is left out, that one is 0.
fn weights(report: &Report, table: &Tree) -> Weights {
    let Some(written) = value(table, "weights") else { return Weights::default() };
    let Some(table) = WEIGHTS.read(report, written) else { return Weights::default() };
    let mut reader = Reader::document(report, &table, WEIGHTS.what);
    let passing = reader.integer("passing", 0..=65_535).map_or(0, |weight| weight.value);
    let warning = reader.integer("warning", 0..=65_535).map_or(0, |weight| weight.value);
    Weights { passing, warning }
}

/// `Check` comes before `Checks`, and what has no id has that of its place.
fn checks(report: &Report, table: &Tree, (id, name): (&Arc<str>, &str)) -> Vec<AgentCheck> {
    let written = ["check", "checks"].into_iter().filter_map(|key| value(table, key));
    let tables: Vec<Tree> = written
        .flat_map(one_or_many)
        .filter(|tree| says(&tree.value))
        .filter_map(|tree| CHECK.read(report, tree))
        .collect();
    let place = |number: usize| match tables.len() {
        1 => format!("service:{id}"),
        _ => format!("service:{id}:{number}"),
    };
    let read = tables.iter().zip(1..).filter_map(|(table, number)| {
        let mut check = read_check(report, table, Some(Arc::clone(id)), |_| place(number))?;
        if check.name.is_empty() {
            check.name = format!("Service '{name}' check");
        }
        Some(check)
    });
    read.collect()
}

/// A check whose keys are canonical; without an id it has the one that is made of its name.
fn read_check(
    report: &Report,
    table: &Tree,
    service: Option<Arc<str>>,
    id: impl FnOnce(&str) -> String,
) -> Option<AgentCheck> {
    has_no_namespace(report, table);
    let said = only(table, |_| true);
    let mut reader = Reader::document(report, &said, CHECK.what);
    let name = string(&mut reader, "name");
    let written = Some(string(&mut reader, "id")).filter(|id| !id.is_empty());
    let words = ["passing", "warning", "critical"].map(|word| (word, verdict(word)));
    let status = reader.choice("status", &words).and_then(|placed| placed.value);
    let Value::Table(entries) = &table.value else { return None };
    // A token is a secret that nobody asks for.
    let own = ["id", "name", "notes", "service_id", "status", "token", "namespace", "partition"];
    let others = entries.iter().filter(|(key, _)| !own.contains(&&*key.text));
    Some(AgentCheck {
        id: written.unwrap_or_else(|| id(&name)).into(),
        notes: string(&mut reader, "notes"),
        service,
        definition: others
            .map(|(key, tree)| (spelt(&key.text), to_json(tree)))
            .collect::<Map<_, _>>(),
        status: status.filter(|status| *status != Verdict::Critical),
        name,
    })
}

fn spelt(key: &str) -> String {
    if key == "h2ping" {
        return "H2PING".to_owned();
    }
    let word = |word: &str| match word {
        "http" | "tcp" | "udp" | "ttl" | "grpc" | "tls" | "id" | "os" => word.to_ascii_uppercase(),
        word => {
            let mut rest = word.chars();
            let first = rest.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(rest).collect()
        }
    };
    key.split('_').map(word).collect()
}

fn is_valid(service: &AgentService) -> Result<(), String> {
    if service.name.is_empty() {
        return Err("Missing service name".to_owned());
    }
    is_one_line("service ID", &service.id)?;
    let unspecified = |address: IpAddr| address.is_unspecified();
    if service.address.parse().is_ok_and(unspecified) {
        return Err("Invalid service address".to_owned());
    }
    if service.weights.passing == 0 {
        return Err("Invalid Weights: Passing must be greater than 0".to_owned());
    }
    for (at, check) in service.checks.iter().enumerate() {
        is_one_line("check ID", &check.id)?;
        if service.checks.iter().take(at).any(|other| other.id == check.id) {
            return Err(format!("Invalid check: duplicate CheckID {:?}", check.id));
        }
        if check.definition.get("Args").or(check.definition.get("DockerContainerID")).is_some() {
            return Err(SCRIPT.to_owned());
        }
    }
    meta_is_valid(&service.meta)
}

const SCRIPT: &str = "Invalid check: Scripts are disabled on this agent; write them in a file";

/// In octets. Nomad's have some 150; each stands in every list.
const LONGEST_ID: usize = 512;

fn is_one_line(what: &str, id: &str) -> Result<(), String> {
    if id.chars().any(char::is_control) {
        Err(format!("Invalid {what}: {id:?} has a control character"))
    } else if id.len() > LONGEST_ID {
        Err(format!("Invalid {what}: it has {} octets, {LONGEST_ID} are allowed", id.len()))
    } else {
        Ok(())
    }
}

fn meta_is_valid(meta: &BTreeMap<String, String>) -> Result<(), String> {
    let invalid = |words: String| Err(format!("Invalid Service Meta: {words}"));
    if meta.len() > MOST_META {
        return invalid(format!("it has {} pairs, {MOST_META} are allowed", meta.len()));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    for (key, value) in meta {
        if key.is_empty() || key.len() > MOST_META_KEY || !key.chars().all(legal) {
            let may_be = "a key has 1 to 128 letters, digits, '-' and '_'";
            return invalid(format!("invalid key {key:?}: {may_be}"));
        }
        if value.len() > MOST_META_VALUE {
            let octets = value.len();
            return invalid(format!("{key:?} has {octets} octets, {MOST_META_VALUE} are allowed"));
        }
    }
    Ok(())
}
