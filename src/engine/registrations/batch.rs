//! Writes that are stored together, and what they change.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::event::Answer;
use crate::engine::registrations::view::AgentView;
use crate::engine::settings::Registering;
use crate::model::agent::{AgentCheck, AgentService};
use crate::model::definition::Document;
use crate::model::name::{Label, Name};
use crate::model::origin::{EntryId, Origin};
use crate::model::service::ServiceKey;
use crate::sources::consul::api::document;
use crate::sources::{Change, Content, Put};
use crate::store::registrations::{Op, Table};

/// What is being stored.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// What is served once it is.
    pub(super) next: AgentView,
    /// What the catalogue is told then, by id; `None` has gone.
    pub(super) documents: BTreeMap<Arc<str>, Option<Translated>>,
    /// Of the node's checks, which ones are new, or have gone.
    pub(super) checks: BTreeMap<Arc<str>, Option<Arc<AgentCheck>>>,
    /// Those that were registered anew, or say something else of themselves.
    pub(super) registered: Vec<Arc<str>>,
    /// Those that were registered as they are.
    pub(super) again: Vec<Arc<str>>,
    /// Deregistrations that nobody waits for.
    pub(super) own: Vec<Arc<str>>,
    /// What is answered then.
    pub(super) answers: Vec<Answer<()>>,
}

/// What the catalogue is told of a service, and what somebody should look at.
pub(super) type Translated = (Arc<Document>, Vec<String>);

impl Batch {
    /// What is to be stored; nothing for what came back to what it was.
    pub(super) fn ops(&self, served: &AgentView) -> Vec<Op> {
        let is_other = |id: &&Arc<str>| self.next.services.get(*id) != served.services.get(*id);
        let services = self.documents.keys().filter(is_other).map(|key| {
            let value = self.next.services.get(key).map(|service| json(&**service));
            (Table::Services, key, value)
        });
        let checks =
            self.checks.iter().filter(|(id, check)| check.as_ref() != served.checks.get(*id));
        let checks = checks.map(|(key, c)| (Table::Checks, key, c.as_ref().map(|c| json(&**c))));
        let op = |(table, key, value): (Table, &Arc<str>, Option<Arc<str>>)| match value {
            Some(value) => Op::Put { table, key: Arc::clone(key), value },
            None => Op::Remove { table, key: Arc::clone(key) },
        };
        services.chain(checks).map(op).collect()
    }

    /// The services in `zone` of which it shows something else than `served` did, under the names
    /// from before and from now, and whether that may be how tags are spelled.
    pub(super) fn shown<'b>(
        &'b self,
        served: &'b AgentView,
        zone: &'b Name,
    ) -> impl Iterator<Item = (ServiceKey, bool)> + use<'b> {
        let versions = move |id: &Arc<str>| [served, &self.next].map(|view| view.services.get(id));
        let versions = self.documents.keys().map(versions);
        let moved = versions.filter(|[old, new]| !self.checks.is_empty() || old != new);
        moved.flat_map(move |versions| {
            let [old, new] = versions.map(|service| service.map(|service| &service.tags));
            let names = versions.into_iter().flatten().filter_map(|s| Label::parse(&s.name).ok());
            names.map(move |name| (ServiceKey { zone: zone.clone(), name }, old != new))
        })
    }
}

fn json(record: &impl serde::Serialize) -> Arc<str> {
    serde_json::to_string(record).expect("a registration has text keys alone").into()
}

/// What the catalogue is told of a service; the node's checks are checks of each.
pub(super) fn translate(
    service: &AgentService,
    view: &AgentView,
    registering: &Registering,
) -> Result<Translated, String> {
    if view.checks.is_empty() {
        return document(service, registering.node, &registering.targets);
    }
    let mut with_nodes = service.clone();
    with_nodes.checks.extend(view.checks.iter().map(|(_, check)| AgentCheck::clone(check)));
    document(&with_nodes, registering.node, &registering.targets)
}

pub(super) fn entry(id: Arc<str>) -> EntryId {
    EntryId { origin: Origin::Api, key: id }
}

pub(super) fn put(
    id: Arc<str>,
    registering: &Registering,
    translated: Result<Translated, String>,
) -> Change {
    let path: Arc<Path> = Path::new(&format!("api:{id}")).into();
    let complain = |words: String| Diagnostic::of_file(&path, words);
    let (content, diagnostics) = match translated {
        Ok((document, warnings)) => {
            let warn = |words| Diagnostic { severity: Severity::Warning, ..complain(words) };
            (Content::Services(document), warnings.into_iter().map(warn).collect())
        }
        Err(words) => (Content::Refused, vec![complain(words)]),
    };
    let zone = registering.zone.apex.clone();
    Change::Put(Put { id: entry(id), zone, content, diagnostics })
}
