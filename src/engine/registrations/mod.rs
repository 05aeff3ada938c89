//! What is registered over HTTP, on its way through the store: one batch of writes at a time is
//! judged, stored and then served; the others wait.

mod batch;
pub(super) mod judge;
mod restore;
pub mod view;

use std::collections::VecDeque;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::event::{Answer, Ticket};
use crate::engine::registrations::batch::{Batch, Translated, entry, put};
use crate::engine::registrations::judge::Judge;
use crate::engine::registrations::view::AgentView;
use crate::engine::settings::Registering;
use crate::model::agent::{Refusal, Write};
use crate::model::name::Label;
use crate::model::origin::Origin;
use crate::model::service::{InstanceId, ServiceKey};
use crate::registry::catalogue::Catalogue;
use crate::sources::Change;
use crate::store::registrations::{Op, Records};

/// Writes judged in one turn: each has its document made, and checks wait meanwhile.
const MOST_OF_BATCH: usize = 256;

/// An instance that was registered anew.
#[derive(Debug)]
pub(super) struct Registered {
    pub(super) key: ServiceKey,
    pub(super) id: InstanceId,
    /// The service that it was of.
    pub(super) before: Option<ServiceKey>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    served: AgentView,
    waiting: VecDeque<(Option<Ticket>, Write)>,
    batch: Option<Batch>,
    /// Deregistrations that nobody waits for and that could not be stored: they go with the next
    /// batch.
    put_off: Vec<Arc<str>>,
    /// Registered again as they are served.
    again: Vec<Arc<str>>,
}

/// What follows from a batch that is stored.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// What the catalogue is told.
    pub(super) changes: Vec<Change>,
    /// The instances that were registered anew, with the service that each was of.
    pub(super) registered: Vec<Registered>,
    /// The services of which something else is shown, and whether that may be how tags are spelled.
    pub(super) shown: Vec<(ServiceKey, bool)>,
}

impl Registrations {
    pub(super) fn view(&self) -> &AgentView {
        &self.served
    }

    /// How many writes wait for those before them.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn wait(&mut self, ticket: Ticket, write: Write) {
        self.waiting.push_back((Some(ticket), write));
    }

    /// Deregisters those of these instances that are registered over HTTP.
    pub(super) fn deregister<'i>(
        &mut self,
        instances: impl Iterator<Item = (&'i ServiceKey, &'i InstanceId)>,
        catalogue: &Catalogue,
    ) {
        let entries = instances.filter_map(|(key, id)| catalogue.entry_with(key, id));
        let ours = entries.filter(|entry| entry.origin == Origin::Api);
        self.waiting.extend(ours.map(|entry| (None, Write::Deregister(Arc::clone(&entry.key)))));
    }

    /// The instance that a service registered over HTTP is.
    pub(super) fn instance(
        &self,
        id: &str,
        registering: &Registering,
    ) -> Option<(ServiceKey, InstanceId)> {
        let name = Label::parse(&self.served.services.get(id)?.name).ok()?;
        Some((ServiceKey { zone: registering.zone.apex.clone(), name }, InstanceId::keep(id)))
    }

    /// Judges the writes that wait, unless others are being stored: what is to be stored, and the
    /// answers to those that changed nothing. `is_over` tells whether an instance is still to be
    /// deregistered.
    pub(super) fn begin(
        &mut self,
        registering: &Registering,
        catalogue: &Catalogue,
        is_over: impl Fn(&(ServiceKey, InstanceId)) -> bool,
        answers: &mut Vec<Answer<()>>,
    ) -> Vec<Op> {
        if self.batch.is_some() || self.waiting.is_empty() {
            return Vec::new();
        }
        let mut put_off = std::mem::take(&mut self.put_off);
        put_off.retain(|id| self.instance(id, registering).is_some_and(|it| is_over(&it)));
        let mut batch = Batch { next: self.served.clone(), ..Batch::default() };
        let mut judge = Judge { batch: &mut batch, registering, catalogue };
        let many = self.waiting.len().min(MOST_OF_BATCH);
        let put_off = put_off.into_iter().map(|id| (None, Write::Deregister(id)));
        for (ticket, write) in put_off.chain(self.waiting.drain(..many)) {
            if let (None, Write::Deregister(id)) = (ticket, &write) {
                judge.batch.own.push(Arc::clone(id));
            }
            let judged = judge.judge(write);
            judge.batch.answers.extend(ticket.map(|ticket| (ticket, judged)));
        }
        let ops = batch.ops(&self.served);
        self.again.append(&mut batch.again);
        if ops.is_empty() {
            answers.append(&mut batch.answers);
        } else {
            self.batch = Some(batch);
        }
        ops
    }

    /// The instances that were registered since the last call without a change.
    pub(super) fn again(&mut self, registering: &Registering) -> Vec<(ServiceKey, InstanceId)> {
        let again = std::mem::take(&mut self.again);
        again.iter().filter_map(|id| self.instance(id, registering)).collect()
    }

    /// The batch is stored, or could not be. A batch that was not stored leaves no trace.
    pub(super) fn end(
        &mut self,
        stored: Result<(), String>,
        registering: &Registering,
        answers: &mut Vec<Answer<()>>,
    ) -> Served {
        let Some(batch) = self.batch.take() else { return Served::default() };
        if let Err(words) = stored {
            let failed = batch.answers.into_iter().map(|(ticket, judged)| {
                (ticket, judged.and_then(|()| Err(Refusal::NotStored(words.clone()))))
            });
            answers.extend(failed);
            self.put_off = batch.own;
            return Served::default();
        }
        let shown = batch.shown(&self.served, &registering.zone.apex).collect();
        answers.extend(batch.answers);
        let service = |of: &Self, id| Some(of.instance(id, registering)?.0);
        let before: Vec<_> = batch.registered.iter().map(|id| service(self, id)).collect();
        self.served = batch.next;
        let change = |(id, document): (Arc<str>, Option<Translated>)| match document {
            Some(translated) => put(id, registering, Ok(translated)),
            None => Change::Gone(entry(id)),
        };
        let registered = batch.registered.iter().zip(before);
        let registered = registered.filter_map(|(id, before)| {
            let (key, id) = self.instance(id, registering)?;
            Some(Registered { key, id, before })
        });
        let registered = registered.collect();
        let changes = batch.documents.into_iter().map(change).collect();
        Served { changes, registered, shown }
    }

    /// Takes over what was stored before this process: what the catalogue is told.
    pub(super) fn restore(
        &mut self,
        records: &Records,
        problems: Vec<Diagnostic>,
        registering: &Registering,
    ) -> Vec<Change> {
        let (served, changes) = restore::read(records, problems, registering);
        self.served = served;
        changes
    }
}
