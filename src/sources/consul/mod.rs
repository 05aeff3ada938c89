//! Consul's service definition files, in JSON and HCL → [`Document`].
//!
//! Each definition is one instance of the service it names. One that livezone cannot take (a check
//! of a kind that it does not run, a name that DNS cannot carry) is refused alone, with an error;
//! the others of its file are taken. Any other error refuses the file, as in native TOML.

pub mod api;
mod checks;
mod effect;
mod keys;
pub mod node;
mod service;
mod shape;
mod times;

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, nearest};
use crate::model::definition::{Document, Placed, ServiceDefinition};
use crate::model::service::InstanceId;
use crate::sources::conceal::{conceal, conceal_in};
use crate::sources::consul::api::targets::Targets;
use crate::sources::consul::effect::WithoutEffect;
use crate::sources::consul::keys::{CHECK, FILE, PLURALS, SERVICE, one_or_many, says, value};
use crate::sources::size;
use crate::syntax::hcl::lead::json_start;
use crate::syntax::report::Report;
use crate::syntax::tree::{Key, Tree, Value};
use crate::syntax::{hcl, json};

/// `None` when an error that refuses the file is among the diagnostics. A path that ends in `.hcl`
/// is HCL, or JSON where it begins as JSON does; any other is JSON. `node` is the address of definitions that name none.
pub fn parse(
    path: Arc<Path>,
    text: Arc<str>,
    node: Option<IpAddr>,
) -> (Option<Document>, Vec<Diagnostic>) {
    let report = Report::new(Arc::clone(&path), Arc::clone(&text));
    let mut file = File::new(&report, node, None);
    let services = as_file(&report).map(|tree| file.read(&tree)).unwrap_or_default();
    file.warn();
    size::check(&report, &services);
    let shown = conceal(text);
    let document = Document::new(path, Arc::clone(&shown), services);
    let (document, mut diagnostics) = report.finish(Some(document));
    conceal_in(&mut diagnostics, &shown);
    (document, diagnostics)
}

/// The text of a definition file as its table, whichever form it has.
fn as_file(report: &Report) -> Option<Tree> {
    let is_hcl = report.path.extension().is_some_and(|ending| ending == "hcl");
    let tree = match json_start(&report.text) {
        Some(start) if is_hcl => json::parse_from(report, start, &PLURALS),
        None if is_hcl => hcl::parse(report, &["service", "check"]),
        Some(_) | None => json::parse(report, &PLURALS),
    };
    shape::as_file(report, tree)
}

/// One file while it is read.
struct File<'a> {
    report: &'a Report,
    node: Option<IpAddr>,
    /// Where checks of HTTP may connect; `None` for a file's, which go to their instance.
    targets: Option<&'a Targets>,
    /// Keys that Consul has and livezone does not use, where they are first written.
    unused: Vec<Key>,
    without_effect: WithoutEffect,
    unnamed: Unnamed,
    /// Whether the service that is being read names its address itself.
    address_is_written: bool,
}

#[derive(Default)]
struct Unnamed {
    ids: usize,
    tags: usize,
    first: Option<Range<usize>>,
}

impl Unnamed {
    fn see(&mut self, span: &Range<usize>) {
        if self.first.as_ref().is_none_or(|first| span.start < first.start) {
            self.first = Some(span.clone());
        }
    }
}

impl<'a> File<'a> {
    fn new(report: &'a Report, node: Option<IpAddr>, targets: Option<&'a Targets>) -> Self {
        Self {
            report,
            node,
            targets,
            unused: Vec::new(),
            without_effect: WithoutEffect::default(),
            unnamed: Unnamed::default(),
            address_is_written: false,
        }
    }

    fn read(&mut self, tree: &Tree) -> Vec<ServiceDefinition> {
        let Some(top) = FILE.read(self.report, tree) else { return Vec::new() };
        self.note_unused(FILE.unused_in(&top));
        let services = self.tables(&top, ["service", "services"], &SERVICE);
        let ids = self.each_id_once(&services);
        let mut alone = self.stand_alone(&top, &ids);
        let read = services.iter().filter_map(|table| {
            let own = id_of(table).and_then(|id| alone.remove(id.value)).unwrap_or_default();
            service::read(self, table, &own)
        });
        read.collect()
    }

    fn tables(&self, top: &Tree, names: [&str; 2], keys: &keys::Keys) -> Vec<Tree> {
        let written = names.into_iter().filter_map(|name| value(top, name)).flat_map(one_or_many);
        written.filter_map(|tree| keys.read(self.report, tree)).collect()
    }

    fn each_id_once<'t>(&self, services: &'t [Tree]) -> HashMap<InstanceId, &'t str> {
        let mut seen: HashMap<InstanceId, (&str, Range<usize>)> = HashMap::new();
        for id in services.iter().filter_map(id_of) {
            let key = InstanceId::keep(id.value);
            if let Some((_, first)) = seen.get(&key) {
                let line = self.report.line_number(first.start);
                let message = format!("duplicate service id {:?}", id.value);
                let label = format!("the first one is on line {line}; give this one another id");
                self.report.error(id.span, message, label);
            } else {
                seen.insert(key, (id.value, id.span));
            }
        }
        seen.into_iter().map(|(key, (text, _))| (key, text)).collect()
    }

    /// The checks that stand outside of their services, by the service's id.
    fn stand_alone<'t>(
        &self,
        top: &Tree,
        services: &HashMap<InstanceId, &'t str>,
    ) -> HashMap<&'t str, Vec<Tree>> {
        let mut found: HashMap<&str, Vec<Tree>> = HashMap::new();
        for check in self.tables(top, ["check", "checks"], &CHECK) {
            let Some(id) = text(&check, "service_id") else {
                let label = "write service_id = \"…\", or move the check into a service";
                let message = "this node check is not run: livezone has no nodes";
                self.report.warning(check.span, message, label);
                continue;
            };
            if let Some(service) = services.get(&InstanceId::keep(id.value)) {
                found.entry(service).or_default().push(check);
                continue;
            }
            self.report.error_with(id.span, || {
                let message = format!("no service in this file has the id {:?}", id.value);
                let label = match nearest(id.value, services.keys().map(InstanceId::as_str)) {
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "write the check in the file of its service".to_owned(),
                };
                (message, label)
            });
        }
        found
    }

    fn note_unused<'k>(&mut self, keys: impl Iterator<Item = &'k Key>) {
        for key in keys {
            if self.unused.iter().all(|known| known.text != key.text) {
                self.unused.push(key.clone());
            }
        }
    }

    /// What is taken and does less than in Consul: one warning of each sort.
    fn warn(&mut self) {
        self.unused.sort_by_key(|key| key.span.start);
        if let Some(first) = self.unused.first() {
            let words: Vec<_> = self.unused.iter().map(|key| format!("{:?}", key.text)).collect();
            let message = format!("livezone does not use {}", words.join(", "));
            let label = "the rest of the file is used";
            self.report.warning(first.span.clone(), message, label);
        }
        self.without_effect.warn(self.report);
        let Unnamed { ids, tags, first: Some(first) } = &self.unnamed else { return };
        let counted = [(*ids, "id"), (*tags, "tag")].into_iter().filter(|(count, _)| *count > 0);
        let words: Vec<_> = counted
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let message = format!("{} cannot be queried in DNS", words.join(" and "));
        let label = "kept; only labels of letters, digits, '-' and '_' can be queried";
        self.report.warning(first.clone(), message, label);
    }
}

/// The id of a service, which its name is when it has none.
fn id_of(service: &Tree) -> Option<Placed<&str>> {
    text(service, "id").or_else(|| text(service, "name"))
}

/// A string that is written and not empty.
fn text<'a>(table: &'a Tree, key: &str) -> Option<Placed<&'a str>> {
    match value(table, key)? {
        Tree { value: Value::String(text), span } if !text.is_empty() => {
            Some(Placed::new(text, span.clone()))
        }
        _ => None,
    }
}

/// The table without the keys that say nothing in Consul, and of the others those `wanted`.
fn only(table: &Tree, wanted: impl Fn(&str) -> bool) -> Tree {
    let Value::Table(entries) = &table.value else { return table.clone() };
    let kept = entries.iter().filter(|(key, value)| wanted(&key.text) && says(&value.value));
    Tree { span: table.span.clone(), value: Value::Table(kept.cloned().collect()) }
}
