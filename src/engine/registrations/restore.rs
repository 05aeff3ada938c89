//! What was stored before this process → what is served, and what the catalogue is told.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use crate::diagnostic::Diagnostic;
use crate::engine::registrations::batch::{put, translate};
use crate::engine::registrations::view::AgentView;
use crate::engine::settings::Registering;
use crate::model::agent::{AgentCheck, AgentService};
use crate::model::origin::Origin;
use crate::sources::Change;
use crate::store::registrations::Records;

/// A record that cannot be taken stays stored, and is told of.
pub(super) fn read(
    records: &Records,
    mut troubles: Vec<Diagnostic>,
    registering: &Registering,
) -> (AgentView, Vec<Change>) {
    let mut served = AgentView::default();
    let mut changes = vec![Change::Zone(Origin::Api, registering.zone.clone())];
    for (key, value) in &records.checks {
        match serde_json::from_str::<AgentCheck>(value) {
            Ok(check) => served.put_check(check),
            Err(error) => troubles.push(trouble(key, &error)),
        }
    }
    let read = |(key, value): &(String, String)| -> Result<_, Box<Diagnostic>> {
        let service: AgentService =
            serde_json::from_str(value).map_err(|error| Box::new(trouble(key, &error)))?;
        let translated = translate(&service, &served, registering);
        Ok((put(Arc::clone(&service.id), registering, translated), service))
    };
    let all = by_all_cores(&records.services, &read);
    for service in all {
        match service {
            Ok((change, service)) => {
                changes.push(change);
                served.put(service);
            }
            Err(trouble) => troubles.push(*trouble),
        }
    }
    changes.extend([Change::Troubles(Origin::Api, troubles), Change::Synced(Origin::Api)]);
    (served, changes)
}

fn trouble(key: &str, error: &serde_json::Error) -> Diagnostic {
    let path: Arc<Path> = Path::new(&format!("api:{key}")).into();
    Diagnostic::of_file(&path, format!("cannot read the stored record: {error}"))
}

/// The same as `items.iter().map(work)`. A start waits for it, and there may be very many.
fn by_all_cores<T: Sync, R: Send>(items: &[T], work: &(impl Fn(&T) -> R + Sync)) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let size = items.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let start = |part| {
            let all = move || -> Vec<R> { <[T]>::iter(part).map(work).collect() };
            // Without a thread the work is done here.
            thread::Builder::new().spawn_scoped(scope, all).map_err(|_| all())
        };
        let parts: Vec<_> = items.chunks(size).map(start).collect();
        let done = |part: Result<thread::ScopedJoinHandle<'_, Vec<R>>, Vec<R>>| match part {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(done) => done,
        };
        parts.into_iter().flat_map(done).collect()
    })
}
