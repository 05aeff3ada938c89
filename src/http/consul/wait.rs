//! What a reader of the catalog sees, and the index that stands for it: who knows the index waits
//! until there is a larger one.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::registrations::view::AgentView;
use crate::http::Face;
use crate::http::consul::failure::Failure;
use crate::http::consul::request::Params;
use crate::http::consul::watches::Key;
use crate::model::name::Name;
use crate::snapshot::Snapshot;

/// A wait is longer by up to this part of it, as Consul's: those who began together end apart.
const SPREAD: u32 = 16;

/// What a reader looks at.
#[derive(Clone, Copy)]
pub(in crate::http) enum Resource<'a> {
    /// One service, by its folded name.
    Service(&'a str),
    /// The names of services and their tags.
    Services,
    /// The node.
    Nodes,
    /// Everything of the zone.
    All,
}

impl Resource<'_> {
    fn key(self) -> Key {
        match self {
            Self::Service(name) => Key::Service(name.into()),
            Self::Services => Key::Names,
            Self::Nodes => Key::Node,
            Self::All => Key::Anything,
        }
    }

    /// The generation in which it changed last. A service that is not there has that of the last
    /// removal.
    fn changed(self, snapshot: &Snapshot, zone: &Name) -> u64 {
        let Some(zone) = snapshot.zones.get(zone.as_wire()) else { return snapshot.zones_changed };
        match self {
            Self::Service(name) => {
                zone.service(name).map_or(zone.changes.removed, |view| view.changed)
            }
            Self::Services => zone.changes.names,
            Self::Nodes => 0,
            Self::All => zone.changes.any,
        }
    }
}

/// What there was when the wait was over, and the index that stands for it.
pub(in crate::http) struct Seen {
    pub(in crate::http) snapshot: Arc<Snapshot>,
    pub(in crate::http) agent: AgentView,
    /// Never 0.
    pub(in crate::http) index: u64,
}

/// Waits for a larger index than `index`, if that is given, as long as `wait` says. A server that
/// is about to stop has nobody wait.
pub(in crate::http) async fn seen(
    face: &Face,
    params: &Params,
    of: Resource<'_>,
) -> Result<Seen, Failure> {
    let (known, wait) = (index(params)?, params.wait()?);
    let first = look(face, of).await;
    if known == 0 || first.index > known {
        return Ok(first);
    }
    drop(first);
    let mut end = pin!(tokio::time::sleep(wait + spread(wait)));
    let watch = face.watches.watch(of.key());
    loop {
        // Before it is looked: what changes from now on wakes.
        let mut changed = pin!(watch.changed.notified());
        changed.as_mut().enable();
        let seen = look(face, of).await;
        if seen.index > known {
            return Ok(seen);
        }
        drop(seen);
        tokio::select! {
            () = changed => {}
            () = &mut end => break,
            () = face.draining.cancelled() => break,
        }
    }
    Ok(look(face, of).await)
}

fn index(params: &Params) -> Result<u64, Failure> {
    let Some(written) = params.filled("index") else { return Ok(0) };
    let invalid = || Failure::bad(format!("Invalid index: {written:?}: write X-Consul-Index"));
    written.parse().map_err(|_| invalid())
}

fn spread(wait: Duration) -> Duration {
    (wait / SPREAD).mul_f64(fastrand::f64())
}

/// What there is now.
async fn look(face: &Face, of: Resource<'_>) -> Seen {
    let board = face.engine.board();
    let snapshot = board.snapshot();
    // What is registered over HTTP is published after the snapshot, and the generation then. An
    // engine that has ended publishes no more.
    let mut generation = face.engine.generation();
    let _ = generation.wait_for(|published| *published >= snapshot.generation).await;
    let index = board.index(of.changed(&snapshot, &face.node.zone));
    Seen { agent: board.agent(), snapshot, index }
}
