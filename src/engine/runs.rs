//! The runs in flight: each a task, which is ended on order and taken in when it ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::error;

use crate::engine::event::Start;
use crate::health::checks::Runner;
use crate::health::scheduler::CheckId;
use crate::metrics::Metrics;
use crate::model::health::{Finding, Outcome};
use crate::model::time::Clock;

/// Outcomes taken in at once at most, so that messages are never kept waiting long.
const MOST: usize = 1024;

/// What has been found of a check.
pub(super) type Found = (CheckId, Outcome);

/// See the module.
pub(super) struct Runs {
    runner: Runner,
    metrics: Metrics,
    clock: Clock,
    /// Where runs work that compute: handshakes and processes would keep the world waiting.
    elsewhere: Handle,
    tasks: JoinSet<Run>,
    /// To end them by.
    handles: HashMap<CheckId, AbortHandle, FixedState>,
}

/// What a run's task gives back.
struct Run {
    id: CheckId,
    kind: &'static str,
    outcome: Outcome,
    took: Duration,
}

impl Runs {
    /// None yet. Those that compute will work on the runtime of whoever calls this.
    pub(super) fn new(runner: Runner, metrics: Metrics, clock: Clock) -> Self {
        let (tasks, handles, elsewhere) = (JoinSet::new(), HashMap::default(), Handle::current());
        Self { runner, metrics, clock, elsewhere, tasks, handles }
    }

    /// Starts one. Those that only wait do so on the caller's own runtime: no thread has to be woken
    /// for them, and the outcomes of many are there together.
    pub(super) fn start(&mut self, start: Start) {
        self.metrics.check_started(start.lag);
        let Start { id, probe, .. } = start;
        let (runner, clock) = (self.runner.clone(), Arc::clone(&self.clock));
        let only_waits = Runner::only_waits(&probe);
        let run = async move {
            let began = clock().mono;
            let outcome = runner.run(&probe).await;
            Run { id, kind: probe.question.word(), outcome, took: clock().mono.since(began) }
        };
        let handle = if only_waits {
            self.tasks.spawn(run)
        } else {
            self.tasks.spawn_on(run, &self.elsewhere)
        };
        self.handles.insert(id, handle);
    }

    /// Ends one, if it runs; nothing will be heard of it.
    pub(super) fn stop(&mut self, id: CheckId) {
        if let Some(run) = self.handles.remove(&id) {
            run.abort();
        }
    }

    /// What all those have found that have ended by now, when one has; `None` while none runs.
    pub(super) async fn found(&mut self) -> Option<Vec<Found>> {
        let first = self.tasks.join_next().await?;
        let mut found = Vec::new();
        let mut next = Some(first);
        while let Some(ended) = next {
            found.extend(self.end(ended));
            next = if found.len() < MOST { self.tasks.try_join_next() } else { None };
        }
        Some(found)
    }

    fn end(&mut self, ended: Result<Run, JoinError>) -> Option<Found> {
        match ended {
            Ok(run) => {
                self.handles.remove(&run.id);
                self.metrics.check_finished(run.kind, run.outcome.finding, run.took);
                Some((run.id, run.outcome))
            }
            Err(failed) if failed.is_cancelled() => None,
            Err(failed) => {
                let (id, _) = self.handles.extract_if(|_, run| run.id() == failed.id()).next()?;
                error!(error = %failed, "check task failed (internal error)");
                Some((id, Outcome::new(Finding::Nothing, "check task failed (internal error)")))
            }
        }
    }
}
