//! What else is dropped in as a definition file: a registration as Consul's API takes it.
//!
//! `PUT /v1/agent/service/register` takes what stands under `service` in a file, and
//! `/v1/agent/check/register` what stands under `check`: either is taken with or without that word
//! around it. What `/v1/catalog/register` takes is of a node, which livezone has none of.

use crate::sources::consul::keys::{CHECK, FILE, SERVICE};
use crate::sources::consul::text;
use crate::syntax::report::Report;
use crate::syntax::tree::{Key, Tree, Value};

/// The table of a definition file that `tree` stands for; `None` for one that cannot be taken,
/// which has been told.
pub(super) fn as_file(report: &Report, tree: Tree) -> Option<Tree> {
    let Value::Table(entries) = &tree.value else { return Some(tree) };
    let is = |key: &Key, name: &str| key.text.eq_ignore_ascii_case(name);
    let of_node =
        |(key, value): &&(Key, Tree)| is(key, "node") && matches!(value.value, Value::String(_));
    if let Some((node, _)) = entries.iter().find(of_node) {
        let message =
            "this registers a node in Consul's catalog, but a file can register only services";
        report.error(node.span.clone(), message, format!("write {}", wanted(entries)));
        return None;
    }
    let Some((first, _)) = entries.first().filter(|_| is_registration(entries)) else {
        return Some(tree);
    };
    let span = first.span.clone();
    let of_check =
        |key: &Key| CHECK.canonical(&key.text).is_some() && SERVICE.canonical(&key.text).is_none();
    let word = if entries.iter().any(|(key, _)| of_check(key)) { "check" } else { "service" };
    let key = Key { text: word.to_owned(), span: span.clone() };
    let within = Tree { span, value: tree.value };
    Some(Tree { span: tree.span, value: Value::Table(vec![(key, within)]) })
}

/// Whether the keys of a file are those of one service or one check: it has a name or an id of its
/// own, which no file has, and nothing that only a file has.
fn is_registration(entries: &[(Key, Tree)]) -> bool {
    let names = |key: &str| matches!(SERVICE.canonical(key), Some("id" | "name"));
    let of_file = |key: &str| {
        let known = FILE.canonical(key);
        known.is_some() && SERVICE.canonical(key).is_none()
    };
    let keys = || entries.iter().map(|(key, _)| key.text.as_str());
    keys().any(names) && !keys().any(of_file)
}

/// What a registration in the catalog says of its service, as a file says it.
fn wanted(entries: &[(Key, Tree)]) -> String {
    let named = |entries: &[(Key, Tree)], name: &str| {
        let entry = entries.iter().find(|(key, _)| key.text.eq_ignore_ascii_case(name));
        entry.map(|(_, value)| value.clone())
    };
    let lower = |(key, value): &(Key, Tree)| {
        (Key { text: key.text.to_ascii_lowercase(), span: key.span.clone() }, value.clone())
    };
    let service = match named(entries, "service") {
        Some(Tree { span, value: Value::Table(inner) }) => {
            Tree { span, value: Value::Table(inner.iter().map(lower).collect()) }
        }
        _ => Tree { span: 0..0, value: Value::Table(Vec::new()) },
    };
    let node = Tree { span: 0..0, value: Value::Table(entries.iter().map(lower).collect()) };
    let name = text(&service, "service").map_or("…", |name| name.value);
    let address = text(&service, "address").or_else(|| text(&node, "address"));
    let address = address.map_or("…", |address| address.value);
    let port = match &service.value {
        Value::Table(inner) => named(inner, "port"),
        _ => None,
    };
    let port = match port.map(|port| port.value) {
        Some(Value::Integer(port)) => format!(", \"port\": {port}"),
        _ => String::new(),
    };
    format!("{{ \"service\": {{ \"name\": {name:?}, \"address\": {address:?}{port} }} }}")
}
