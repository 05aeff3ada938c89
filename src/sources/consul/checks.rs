//! The checks of a definition.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::model::check::{AliasCheck, HttpCheck, Kind};
use crate::model::definition::{CheckDefinition, InstanceDefinition};
use crate::model::health::Verdict;
use crate::sources::consul::keys::{CHECK, says, value};
use crate::sources::consul::{File, effect, only, text, times};
use crate::sources::native::asked::KindKeys;
use crate::sources::native::{grpc, http, script, tcp, url};
use crate::syntax::reader::Reader;
use crate::syntax::tree::{Tree, Value};

/// The keys that choose a check's kind, in the order of what wins where Consul takes two.
const KINDS: [&str; 12] = [
    "docker_container_id",
    "http",
    "tcp",
    "grpc",
    "args",
    "alias_service",
    "alias_node",
    "ttl",
    "udp",
    "h2ping",
    "os_service",
    "shell",
];

/// The keys of every kind; the rest goes with one.
const SHARED: [&str; 11] = [
    "id",
    "name",
    "notes",
    "service_id",
    "status",
    "interval",
    "timeout",
    "success_before_passing",
    "failures_before_warning",
    "failures_before_critical",
    "deregister_critical_service_after",
];

/// Why a check is not among those that are run. It has been told.
pub(super) struct Refused;

/// Reads the checks, those that stand in the service first. An error refuses the service: without
/// one of its checks it would be served unseen.
pub(super) fn read(
    file: &mut File<'_>,
    (own, alone): (&[Tree], &[Tree]),
    instance: &InstanceDefinition,
) -> Result<Vec<CheckDefinition>, Refused> {
    let mut checks = Vec::new();
    let (mut ids, mut refused) = (HashSet::new(), false);
    for (number, table) in own.iter().chain(alone).enumerate() {
        file.note_unused(CHECK.unused_in(table));
        let stands_alone = number >= own.len();
        let (id, place) = id(table, instance, (own.len() > 1).then_some(number + 1), stands_alone);
        if !ids.insert(Arc::clone(&id)) {
            let message = format!("duplicate check id {id:?}");
            file.report.error(place, message, "give each check its own id");
        }
        match check(file, table, instance) {
            Ok(Some(check)) => checks.push(CheckDefinition { id, ..check }),
            // The file is refused for it.
            Ok(None) => {}
            Err(Refused) => refused = true,
        }
    }
    if refused { Err(Refused) } else { Ok(checks) }
}

/// As Consul names them: `service:<id>`, `service:<id>:<number>` where there are several. A check
/// that stands alone is called by its name.
fn id(
    table: &Tree,
    instance: &InstanceDefinition,
    number: Option<usize>,
    stands_alone: bool,
) -> (Arc<str>, Range<usize>) {
    let name = || text(table, "name").filter(|_| stands_alone);
    if let Some(given) = text(table, "id").or_else(name) {
        return (given.value.into(), given.span);
    }
    let number = number.map(|number| format!(":{number}")).unwrap_or_default();
    (format!("service:{}{number}", instance.id).into(), table.span.clone())
}

fn check(
    file: &mut File<'_>,
    table: &Tree,
    instance: &InstanceDefinition,
) -> Result<Option<CheckDefinition>, Refused> {
    let Some(kind) = kind(file, table) else { return Ok(None) };
    let common = only(table, |key| SHARED.contains(&key));
    // A threshold of 0 says something, unlike any other 0.
    let mut thresholds = Reader::document(file.report, table, CHECK.what);
    let policy = times::read(&mut thresholds);
    let mut reader = Reader::document(file.report, &common, CHECK.what);
    for key in ["id", "name", "notes", "service_id"] {
        reader.string(key);
    }
    let initial = status(&mut reader);
    let Some(asked) = ask(file, table, kind, instance)? else { return Ok(None) };
    let asked = elsewhere(file, asked, instance);
    fits(file, table, kind, (&asked, instance))?;
    let (id, kind) = (Arc::default(), Arc::new(asked.kind));
    Ok(Some(CheckDefinition { id, kind, policy, initial }))
}

fn kind(file: &File<'_>, table: &Tree) -> Option<&'static str> {
    let chosen = |key: &&'static str| value(table, key).is_some_and(|value| says(&value.value));
    let mut kinds: Vec<&'static str> = KINDS.into_iter().filter(chosen).collect();
    match kinds.first() {
        Some(&"docker_container_id") => kinds.truncate(1),
        _ => kinds.retain(|kind| *kind != "shell"),
    }
    if kinds.contains(&"alias_service") {
        kinds.retain(|kind| *kind != "alias_node");
    }
    match kinds[..] {
        [kind] => Some(kind),
        [] => {
            if CHECK.has_unknown(table) || file.report.is_broken() {
                return None;
            }
            let label = "write http = \"http://localhost:8080/health\" or tcp = \"localhost:8080\"";
            file.report.error(table.span.clone(), "this check does not say what to check", label);
            None
        }
        [first, second, ..] => {
            let message = format!(
                "this check has {first:?} and {second:?}: only one of them is \
                                   allowed"
            );
            let place = value(table, second).map_or(table.span.clone(), |value| value.span.clone());
            file.report.error(place, message, "write two checks");
            None
        }
    }
}

/// What a kind's own keys say. The kinds that livezone does not run refuse the service.
fn ask(
    file: &mut File<'_>,
    table: &Tree,
    kind: &'static str,
    instance: &InstanceDefinition,
) -> Result<Option<KindKeys>, Refused> {
    let own: &[&str] = match kind {
        "http" if is_https(table) => {
            &["http", "method", "header", "body", "tls_skip_verify", "tls_server_name"]
        }
        "http" => &["http", "method", "header", "body"],
        "tcp" if is_true(table, "tcp_use_tls") => {
            &["tcp", "tcp_use_tls", "tls_skip_verify", "tls_server_name"]
        }
        "tcp" => &["tcp"],
        "grpc" if is_true(table, "grpc_use_tls") => {
            &["grpc", "grpc_use_tls", "tls_skip_verify", "tls_server_name"]
        }
        "grpc" => &["grpc"],
        "args" => &["args"],
        "alias_service" => &["alias_service"],
        "ttl" => &["ttl"],
        _ => {
            let message = format!("livezone does not support {kind:?} checks");
            let label = format!(
                "service {:?} is refused: write an http, tcp, grpc or ttl check",
                instance.id.as_str()
            );
            let place = value(table, kind).map_or(table.span.clone(), |value| value.span.clone());
            file.report.refusal(place, message, label);
            return Err(Refused);
        }
    };
    // Redirects are never followed.
    let is_shared = |key: &str| match kind {
        "alias_service" | "ttl" => SHARED.contains(&key) && !effect::is_time(key),
        "http" => SHARED.contains(&key) || key == "disable_redirects",
        _ => SHARED.contains(&key),
    };
    let others = only(table, |key| !is_shared(key) && !own.contains(&key));
    if let Value::Table(others) = &others.value {
        for (key, _) in others {
            if let Some(name) = CHECK.read.iter().find(|name| key.text == **name) {
                file.without_effect.note(name, key, kind, table);
            }
        }
    }
    let asked = only(table, |key| own.contains(&key));
    let mut reader = Reader::document(file.report, &asked, CHECK.what);
    Ok(match kind {
        "http" => http::read(&mut reader),
        "grpc" => grpc::read(&mut reader),
        "args" => script::read(&mut reader),
        "alias_service" => alias(&mut reader),
        "ttl" => ttl(&mut reader),
        _ => tcp::read(&mut reader),
    })
}

/// Consul names a service by its id: what livezone calls an instance.
fn alias(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let of = reader.string("alias_service")?;
    let kind = Kind::Alias(AliasCheck::of(of.value));
    Some(KindKeys {
        kind,
        literal: None,
        needs_port: false,
        summary: format!("alias:{}", of.value),
    })
}

fn ttl(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let kind = Kind::Ttl(times::duration(reader, "ttl")?.value);
    Some(KindKeys { kind, literal: None, needs_port: false, summary: "ttl".to_owned() })
}

/// An HTTP check that a registration sends to another host, where that is allowed.
fn elsewhere(file: &File<'_>, asked: KindKeys, instance: &InstanceDefinition) -> KindKeys {
    let (Kind::Http(http), Some(literal), Some(targets)) =
        (&asked.kind, asked.literal, file.targets)
    else {
        return asked;
    };
    let is_own = instance.location.addresses().contains(&literal);
    let Some(port) = http.port.filter(|_| !is_own && targets.refusal(literal).is_none()) else {
        return asked;
    };
    let connect = Some(SocketAddr::new(literal, port));
    let kind = Kind::Http(Arc::new(HttpCheck { connect, ..HttpCheck::clone(http) }));
    KindKeys { kind, literal: None, ..asked }
}

/// A check goes to its instance: an address that is another's, or a port that nobody names, refuse
/// the service.
fn fits(
    file: &File<'_>,
    table: &Tree,
    kind: &str,
    (asked, instance): (&KindKeys, &InstanceDefinition),
) -> Result<(), Refused> {
    let place = value(table, kind).map_or(table.span.clone(), |value| value.span.clone());
    let id = &instance.id;
    if let Some(literal) =
        asked.literal.filter(|literal| !instance.location.addresses().contains(literal))
    {
        // Of a service without any address that has been told.
        if let Some(own) = instance.location.endpoints().next() {
            let message = format!("{literal} is not the address of service \"{id}\"");
            let label = if file.targets.is_some() {
                format!("write \"localhost\" for {own}, or add {literal} to [http] check_networks")
            } else if file.address_is_written {
                format!(
                    "write \"localhost\" for {own}: checks connect to the service's own address"
                )
            } else {
                format!(
                    "write \"localhost\" for {own}; if {literal} is the node's address, set \
                     node_address = \"{literal}\" under [consul] in livezone.toml"
                )
            };
            file.report.refusal(place, message, label);
        }
        return Err(Refused);
    }
    if asked.needs_port && instance.port.is_none() {
        let message = format!("this check has no port for service \"{id}\"");
        file.report.refusal(place, message, "add a port here or in the service");
        return Err(Refused);
    }
    Ok(())
}

fn is_https(table: &Tree) -> bool {
    text(table, "http").is_some_and(|url| url::is_https(url.value))
}

fn is_true(table: &Tree, key: &str) -> bool {
    value(table, key).is_some_and(|value| value.value == Value::Boolean(true))
}

/// Consul's initial critical is what nobody has an outcome of yet.
fn status(reader: &mut Reader<'_>) -> Option<Verdict> {
    let words = [
        ("passing", Some(Verdict::Passing)),
        ("warning", Some(Verdict::Warning)),
        ("critical", None),
    ];
    reader.choice("status", &words)?.value
}
