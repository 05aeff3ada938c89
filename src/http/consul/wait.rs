//! What a reader of the catalog sees, and the index that stands for it.

use std::sync::Arc;

use crate::engine::registrations::view::AgentView;
use crate::http::Face;
use crate::http::consul::failure::Failure;
use crate::http::consul::request::Params;
use crate::snapshot::Snapshot;

/// What a reader looks at.
pub(super) enum Resource<'a> {
    /// One service, by its folded name.
    Service(#[expect(dead_code, reason = "whoever waits reads it")] &'a str),
    /// The names of services and their tags.
    Services,
    /// The node.
    Nodes,
    /// Everything of the zone.
    All,
}

/// What there was when the wait was over, and the index that stands for it.
pub(super) struct Seen {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) agent: AgentView,
    pub(super) index: u64,
}

/// What there is now.
pub(super) async fn seen(face: &Face, params: &Params, of: Resource<'_>) -> Result<Seen, Failure> {
    params.wait()?;
    match of {
        Resource::Service(_) | Resource::Services | Resource::Nodes | Resource::All => {}
    }
    // The snapshot first: what is registered is then at least as new.
    let snapshot = face.engine.board().snapshot();
    let agent = face.engine.board().agent();
    Ok(Seen { index: snapshot.generation.max(1), snapshot, agent })
}
