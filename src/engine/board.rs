//! What is published beside the snapshot: whether anything is waited for, what is wrong with the
//! sources, how much there is to check, and a sign of life. The world writes it and readers read it;
//! neither waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::diagnostic::Diagnostic;
use crate::engine::orders::book::Book;
use crate::engine::registrations::view::AgentView;
use crate::engine::report::{
    self, ChecksReport, OrderReport, Readiness, SnapshotReport, SourceReport,
};
use crate::engine::world::World;
use crate::model::origin::Origin;
use crate::model::service::ServiceKey;
use crate::model::time::Instant;
use crate::snapshot::Snapshot;

/// A start that waits for thousands of services need not name them all.
const WAITING_SHOWN: usize = 100;

/// See the module.
#[derive(Debug)]
pub struct Board {
    snapshot: Arc<ArcSwap<Snapshot>>,
    /// Of generation 0; of no earlier process.
    first_index: u64,
    facts: ArcSwap<Facts>,
    in_flight: AtomicUsize,
    check_changes: AtomicU64,
    /// The time of the world's last sign of life, in milliseconds.
    alive: AtomicU64,
}

/// What changes with what is published or registered, and not with each outcome.
#[derive(Debug, Default)]
struct Facts {
    /// Counts them.
    version: u64,
    ready: bool,
    /// The first that wait for first outcomes.
    waiting: Vec<ServiceKey>,
    awaited: Vec<Origin>,
    checks: usize,
    origins: Vec<Origin>,
    complaints: Arc<[Diagnostic]>,
    /// By which they are known to be the same.
    complaint_changes: u64,
    agent: AgentView,
    orders: Arc<Book>,
    generation: u64,
    published: Instant,
}

/// Tells what was published at one time from what was published at another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    facts: u64,
    generation: u64,
    check_changes: u64,
}

impl Board {
    /// Nothing is ready, and nothing is known beside the snapshots of `snapshot`.
    pub(super) fn new(snapshot: Arc<ArcSwap<Snapshot>>, first_index: u64) -> Self {
        Self {
            snapshot,
            first_index,
            facts: ArcSwap::default(),
            in_flight: AtomicUsize::new(0),
            check_changes: AtomicU64::new(0),
            alive: AtomicU64::new(0),
        }
    }

    /// Takes over what has changed with a snapshot that was published then, or with the sources.
    pub(super) fn tell(&self, world: &World, published: Instant, sources_changed: bool) {
        let before = self.facts.load();
        let now = world.complaint_changes();
        let (complaints, complaint_changes) = if sources_changed && now != before.complaint_changes
        {
            (world.complaints().into(), now)
        } else {
            (Arc::clone(&before.complaints), before.complaint_changes)
        };
        self.facts.store(Arc::new(Facts {
            version: before.version + 1,
            ready: world.is_ready(),
            waiting: world.waiting().take(WAITING_SHOWN).cloned().collect(),
            awaited: world.awaited().collect(),
            checks: world.check_count(),
            origins: world.origins().collect(),
            complaints,
            complaint_changes,
            agent: world.agent().clone(),
            orders: Arc::clone(world.orders.book()),
            generation: self.snapshot.load().generation,
            published,
        }));
    }

    /// Whether orders have come or ended since [`Self::tell`].
    pub(super) fn is_behind(&self, world: &World) -> bool {
        !Arc::ptr_eq(&self.facts.load().orders, world.orders.book())
    }

    /// Takes over what each turn may change.
    pub(super) fn turned(&self, world: &World, now: Instant) {
        self.in_flight.store(world.running(), Ordering::Relaxed);
        // Whoever sees this count sees what was counted.
        self.check_changes.store(world.check_changes(), Ordering::Release);
        self.lives(now);
    }

    /// The world goes on.
    pub(super) fn lives(&self, now: Instant) {
        let millis = u64::try_from(now.0.as_millis()).unwrap_or(u64::MAX);
        self.alive.store(millis, Ordering::Relaxed);
    }

    /// For how long there has been no sign of life.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.since(Instant(Duration::from_millis(self.alive.load(Ordering::Relaxed))))
    }

    /// What is served now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The number by which readers over HTTP know a generation: at least 1, and larger than any of
    /// an earlier process.
    pub fn index(&self, generation: u64) -> u64 {
        self.first_index.saturating_add(generation).max(1)
    }

    /// What is registered over HTTP, at least as new as the snapshot that was loaded before.
    pub fn agent(&self) -> AgentView {
        self.facts.load().agent.clone()
    }

    /// What is wrong with each source.
    pub fn sources(&self) -> Vec<SourceReport> {
        let facts = self.facts.load();
        report::sources(&facts.origins, &facts.complaints)
    }

    /// What operators have ordered.
    pub fn orders(&self) -> Vec<OrderReport> {
        report::orders(&self.facts.load().orders)
    }

    /// Of what is published now.
    pub fn version(&self) -> Version {
        let check_changes = self.check_changes.load(Ordering::Acquire);
        let facts = self.facts.load().version;
        Version { facts, generation: self.snapshot.load().generation, check_changes }
    }

    /// Whether no service waits for its first outcomes.
    pub fn is_ready(&self) -> bool {
        self.facts.load().ready
    }

    /// The same, and what stands in the way.
    pub fn readiness(&self, now: Instant) -> Readiness {
        let facts = self.facts.load_full();
        let (generation, age) = (facts.generation, now.since(facts.published));
        Readiness {
            ready: facts.ready,
            awaited: facts.awaited.iter().map(|origin| origin.word().to_owned()).collect(),
            sources: report::sources(&facts.origins, &facts.complaints),
            checks: ChecksReport {
                total: facts.checks,
                in_flight: self.in_flight.load(Ordering::Relaxed),
                waiting: facts.waiting.iter().map(ToString::to_string).collect(),
            },
            snapshot: SnapshotReport { generation, age_seconds: age.as_secs() },
        }
    }
}
