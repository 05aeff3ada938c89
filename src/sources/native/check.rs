//! `[[service.check]]` and `[[service.instance.check]]`: the keys that all kinds share.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use crate::config::policy;
use crate::model::check::Kind;
use crate::model::definition::{CheckDefinition, InstanceDefinition, Placed};
use crate::model::health::Verdict;
use crate::sources::native::asked::{GRPC_KEYS, HTTP_KEYS, KindKeys, TCP_KEYS, TLS_KEYS};
use crate::sources::native::{grpc, http, script, tcp, ttl};
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// Reads the value that chooses a kind, and the keys that go with it.
type Read = fn(&mut Reader<'_>) -> Option<KindKeys>;

const KINDS: [(&str, Read); 5] = [
    ("http", http::read),
    ("tcp", tcp::read),
    ("grpc", grpc::read),
    ("args", script::read),
    ("ttl", ttl::read),
];

/// A check and what an instance must have to be asked it.
pub(super) struct Written {
    pub(super) definition: CheckDefinition,
    literal: Option<IpAddr>,
    needs_port: bool,
    /// Where the file says what is asked.
    place: Range<usize>,
}

impl Written {
    /// Where it names a command to run, if that is what it does.
    pub(super) fn script(&self) -> Option<Range<usize>> {
        matches!(*self.definition.kind, Kind::Script(_)).then(|| self.place.clone())
    }

    /// Complains when the instance cannot be asked, and says whether it can. Where lines could not
    /// be read, what is missing may stand there.
    pub(super) fn fits(
        &self,
        report: &Report,
        instance: &InstanceDefinition,
        service_port: Option<u16>,
    ) -> bool {
        if report.is_broken() {
            return true;
        }
        let (id, addresses) = (&instance.id, instance.location.addresses());
        if let Some(literal) = self.literal.filter(|literal| !addresses.contains(literal)) {
            let connect = match &*self.definition.kind {
                Kind::Http(_) => "write \"localhost\" for the instance, or add connect = \"url\"",
                Kind::Tcp(_) | Kind::Grpc(_) | Kind::Script(_) | Kind::Alias(_) | Kind::Ttl(_) => {
                    "write \"localhost\" for the instance"
                }
            };
            let message = format!("{literal} is not an address of instance \"{id}\"");
            report.error(self.place.clone(), message, connect);
            return false;
        }
        if self.needs_port && instance.port.or(service_port).is_none() {
            report.error(
                self.place.clone(),
                format!("this check has no port for instance \"{id}\""),
                "add a port here, or set `port` in the instance or the service",
            );
            return false;
        }
        true
    }
}

/// Reads the key `check` of a service or an instance.
pub(super) fn read_all(reader: &mut Reader<'_>, header: &str) -> Vec<Written> {
    let mut ids: HashSet<Arc<str>> = HashSet::new();
    let report = reader.report;
    let tables = reader.tables("check", "a check", header);
    let mut checks: Vec<(Written, Option<Range<usize>>)> =
        tables.into_iter().filter_map(read).collect();
    for (check, place) in &checks {
        let Some(place) = place else { continue };
        let id = &check.definition.id;
        if !ids.insert(Arc::clone(id)) {
            let message = format!("duplicate check id {id:?}");
            report.error(place.clone(), message, "give each check its own id");
        }
    }
    let mut numbers = HashMap::new();
    for (check, place) in &mut checks {
        if place.is_none() {
            check.definition.id = unused(&ids, &check.definition.id, &mut numbers);
            ids.insert(Arc::clone(&check.definition.id));
        }
    }
    checks.into_iter().map(|(check, _)| check).collect()
}

/// `id`, else `id#2` and so on.
fn unused(
    ids: &HashSet<Arc<str>>,
    id: &Arc<str>,
    numbers: &mut HashMap<Arc<str>, usize>,
) -> Arc<str> {
    let mut candidate = Arc::clone(id);
    // Many checks may ask the same: each goes on where the last one ended.
    let number = numbers.entry(Arc::clone(id)).or_insert(2);
    while ids.contains(&candidate) {
        candidate = Arc::from(format!("{id}#{number}"));
        *number += 1;
    }
    candidate
}

/// One check, and the place of its id if it was given one.
fn read(mut reader: Reader<'_>) -> Option<(Written, Option<Range<usize>>)> {
    let chosen = |(key, read): (&'static str, Read)| Some((key, read, reader.entry(key)?.1));
    let kinds: Vec<_> = KINDS.into_iter().filter_map(chosen).collect();
    let id = id(&mut reader);
    reader.string("name");
    reader.string("notes");
    let mut policy = policy::read(&mut reader, None);
    policy::read_own(&mut reader, &mut policy);
    let initial = status(&mut reader);
    let place = kinds.first().map_or(reader.place.clone(), |(_, _, value)| value.span.clone());
    let asked = match &kinds[..] {
        [(_, read, _)] => read(&mut reader),
        [] => {
            pass_over(&mut reader);
            nothing_asked(&reader);
            None
        }
        [_, (second, ..), ..] => {
            let keys = all_of(kinds.iter().map(|(key, ..)| *key));
            let message = format!("this check has {keys}: only one of them is allowed");
            let label =
                if kinds.len() == 2 { "write two checks" } else { "write one check for each" };
            reader.report.error(reader.place_of(second), message, label);
            pass_over(&mut reader);
            None
        }
    };
    reader.finish();
    let asked = asked?;
    let (given, span) = id.map_or((None, None), |id| (Some(id.value), Some(id.span)));
    let definition = CheckDefinition {
        id: given.unwrap_or(&asked.summary).into(),
        kind: Arc::new(asked.kind),
        policy,
        initial,
    };
    let (literal, needs_port) = (asked.literal, asked.needs_port);
    Some((Written { definition, literal, needs_port, place }, span))
}

fn id<'a>(reader: &mut Reader<'a>) -> Option<Placed<&'a str>> {
    let id = reader.string("id")?;
    if id.value.is_empty() {
        reader.report.error(
            id.span.clone(),
            "the id is empty",
            "write an id, or leave the key \
                                                                 out",
        );
    }
    Some(id)
}

/// Critical is what nobody has an outcome of yet: it is not served either way.
fn status(reader: &mut Reader<'_>) -> Option<Verdict> {
    let words = [
        ("passing", Some(Verdict::Passing)),
        ("warning", Some(Verdict::Warning)),
        ("critical", None),
    ];
    reader.choice("status", &words)?.value
}

/// `"a", "b" and "c"`.
fn all_of<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = keys.map(|key| format!("{key:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some(_) | None => quoted.concat(),
    }
}

/// An unknown key may well have been the kind: then that is the complaint.
fn nothing_asked(reader: &Reader<'_>) {
    if reader.unknown().next().is_none() && !reader.report.is_broken() {
        let label = "write http = \"/health\" or tcp = true";
        reader.report.error(reader.place.clone(), "this check does not say what to check", label);
    }
}

/// Where the kind is not known, neither is which keys are too many.
fn pass_over(reader: &mut Reader<'_>) {
    for key in HTTP_KEYS.into_iter().chain(TCP_KEYS).chain(GRPC_KEYS).chain(TLS_KEYS) {
        reader.entry(key);
    }
}
