//! The one task that owns the world: feeds events in, and carries effects out.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::report::{Readiness, ServicesReport, SnapshotReport};
use crate::engine::turn::{Effects, Event, Start, Transition, turn};
use crate::engine::world::{Settings, World};
use crate::health::checks::Runner;
use crate::health::scheduler::CheckId;
use crate::metrics::Metrics;
use crate::model::health::{Condition, Finding, Outcome};
use crate::model::time::{Clock, Instant};
use crate::snapshot::Snapshot;
use crate::sources::Change;
use crate::store::serial::SerialFile;

/// Messages that wait for the world at most; senders wait beyond it.
const INBOX: usize = 256;
/// Outcomes taken in by one turn at most, so that messages are never kept waiting long.
const OUTCOMES: usize = 1024;
/// A world without timers is looked at now and then all the same.
const IDLE: Duration = Duration::from_secs(60);

/// The way to the world.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
    ready: watch::Receiver<bool>,
}

#[derive(Debug)]
enum Message {
    Changed(Vec<Change>),
    Configured(Box<Settings>),
    Report(oneshot::Sender<ServicesReport>),
    Readiness(oneshot::Sender<Readiness>),
}

impl Handle {
    /// Tells of changed files from a thread of its own; false when the world has ended.
    pub fn changed(&self, changes: Vec<Change>) -> bool {
        self.messages.blocking_send(Message::Changed(changes)).is_ok()
    }

    /// Tells of a new configuration.
    pub async fn configured(&self, settings: Settings) {
        // Nobody needs the settings of a world that has ended.
        let _ = self.messages.send(Message::Configured(Box::new(settings))).await;
    }

    /// Everything, by service; `None` when the world has ended.
    pub async fn services(&self) -> Option<ServicesReport> {
        let (reply, report) = oneshot::channel();
        self.messages.send(Message::Report(reply)).await.ok()?;
        report.await.ok()
    }

    /// Waits until no service waits for its first outcomes; false when the world has ended before.
    pub async fn ready(&mut self) -> bool {
        self.ready.wait_for(|ready| *ready).await.is_ok()
    }

    /// Whether no service waits for its first outcomes; `None` when the world has ended.
    pub async fn readiness(&self) -> Option<Readiness> {
        let (reply, readiness) = oneshot::channel();
        self.messages.send(Message::Readiness(reply)).await.ok()?;
        readiness.await.ok()
    }
}

/// The rim of the world.
pub struct Engine {
    world: World,
    current: Arc<ArcSwap<Snapshot>>,
    published: Instant,
    runner: Runner,
    runs: JoinSet<Run>,
    /// The runs in flight, by check and by task.
    handles: HashMap<CheckId, AbortHandle>,
    checks: HashMap<Id, CheckId>,
    wake: Option<Instant>,
    metrics: Metrics,
    serials: SerialFile,
    clock: Clock,
    inbox: mpsc::Receiver<Message>,
    ready: watch::Sender<bool>,
}

/// What a run's task gives back.
struct Run {
    id: CheckId,
    kind: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// What the engine works with.
pub struct Parts {
    /// An empty world.
    pub world: World,
    /// Where snapshots are published.
    pub current: Arc<ArcSwap<Snapshot>>,
    /// Runs the checks.
    pub runner: Runner,
    /// Where they are counted.
    pub metrics: Metrics,
    /// Keeps serials from going back.
    pub serials: SerialFile,
    /// Both clocks.
    pub clock: Clock,
}

impl Engine {
    /// Takes in what the sources hold and publishes the first snapshot; nothing runs until
    /// [`Self::run`], but for the first checks.
    pub fn start(parts: Parts, loaded: Vec<Change>) -> (Self, Handle) {
        let (messages, inbox) = mpsc::channel(INBOX);
        let (ready, is_ready) = watch::channel(false);
        let Parts { world, current, runner, metrics, serials, clock } = parts;
        let mut engine = Self {
            world,
            current,
            published: clock().mono,
            runner,
            runs: JoinSet::new(),
            handles: HashMap::new(),
            checks: HashMap::new(),
            wake: None,
            metrics,
            serials,
            clock,
            inbox,
            ready,
        };
        engine.step(Event::Loaded(loaded));
        (engine, Handle { messages, ready: is_ready })
    }

    /// Runs until `stop`; runs in flight end with it.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            let now = (self.clock)().mono;
            let wait = self.wake.map_or(IDLE, |wake| wake.since(now));
            tokio::select! {
                () = stop.cancelled() => return,
                Some(message) = self.inbox.recv() => self.receive(message),
                Some(ended) = self.runs.join_next_with_id() => self.collect(ended),
                () = tokio::time::sleep(wait) => self.step(Event::Timer),
            }
        }
    }

    fn receive(&mut self, message: Message) {
        // An asker that has gone away needs no answer.
        match message {
            Message::Changed(changes) => self.step(Event::Changed(changes)),
            Message::Configured(settings) => self.step(Event::Configured(settings)),
            Message::Report(reply) => drop(reply.send(self.world.report())),
            Message::Readiness(reply) => drop(reply.send(self.readiness())),
        }
    }

    fn readiness(&self) -> Readiness {
        let (ready, sources, checks) = self.world.readiness();
        let age = (self.clock)().mono.since(self.published);
        let generation = self.current.load().generation;
        let snapshot = SnapshotReport { generation, age_seconds: age.as_secs() };
        Readiness { ready, sources, checks, snapshot }
    }

    /// Takes one ended run in, and all others that have ended by now.
    fn collect(&mut self, first: Result<(Id, Run), JoinError>) {
        let mut outcomes = Vec::new();
        let mut next = Some(first);
        while let Some(ended) = next {
            outcomes.extend(self.end(ended));
            next = if outcomes.len() < OUTCOMES { self.runs.try_join_next_with_id() } else { None };
        }
        self.step(Event::Outcomes(outcomes));
    }

    fn end(&mut self, ended: Result<(Id, Run), JoinError>) -> Option<(CheckId, Outcome)> {
        match ended {
            Ok((task, run)) => {
                self.checks.remove(&task);
                self.handles.remove(&run.id);
                self.metrics.check_finished(run.kind, run.outcome.finding, run.took);
                Some((run.id, run.outcome))
            }
            Err(failed) => {
                let id = self.checks.remove(&failed.id())?;
                self.handles.remove(&id);
                if failed.is_cancelled() {
                    return None;
                }
                error!(error = %failed, "a check's run broke off");
                Some((id, Outcome::new(Finding::Nothing, "the run broke off in livezone itself")))
            }
        }
    }

    /// One turn of the world, and its effects.
    fn step(&mut self, event: Event) {
        let now = (self.clock)();
        let of_files = !matches!(event, Event::Outcomes(_) | Event::Timer);
        let effects = turn(&mut self.world, event, now);
        let Effects { start, stop, snapshot, transitions, complaints, wake } = effects;
        if let Some(snapshot) = snapshot {
            self.publish(snapshot, now.mono);
        }
        for id in stop {
            if let Some(run) = self.handles.remove(&id) {
                run.abort();
            }
        }
        for start in start {
            self.spawn(start);
        }
        for transition in &transitions {
            self.metrics.transition(transition.to);
            log_transition(transition);
        }
        complaints.iter().for_each(log_complaint);
        self.wake = wake;
        self.ready.send_if_modified(|ready| {
            let first = !*ready && self.world.is_ready();
            *ready |= first;
            first
        });
        self.count();
        if of_files {
            self.metrics.set_source_errors("files", self.world.files_in_error());
        }
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>, since: Instant) {
        if let Err(error) = self.serials.reserve(self.world.serial()) {
            warn!(%error, "cannot keep the serial: after a crash it may go back");
        }
        self.metrics.set_generation(snapshot.generation);
        self.current.store(snapshot);
        self.published = (self.clock)().mono;
        self.metrics.propagated(self.published.since(since));
    }

    fn spawn(&mut self, start: Start) {
        self.metrics.check_started(start.lag);
        let Start { id, probe, .. } = start;
        let (runner, clock) = (self.runner.clone(), Arc::clone(&self.clock));
        let handle = self.runs.spawn(async move {
            let began = clock().mono;
            let outcome = runner.run(&probe).await;
            Run { id, kind: probe.question.word(), outcome, took: clock().mono.since(began) }
        });
        self.checks.insert(handle.id(), id);
        self.handles.insert(id, handle);
    }

    fn count(&self) {
        self.metrics.set_services(self.world.service_count());
        for condition in Condition::ALL {
            self.metrics.set_instances(condition, self.world.count(condition));
        }
    }
}

fn log_transition(transition: &Transition) {
    let Transition { service, instance, from, to, reason } = transition;
    let reason = reason.as_deref();
    info!(%service, %instance, from = from.word(), to = to.word(), reason, "health changed");
}

fn log_complaint(diagnostic: &Diagnostic) {
    let place = diagnostic.short();
    match diagnostic.severity {
        Severity::Error => error!(%place, "registration refused"),
        Severity::Warning => warn!(%place, "registration is doubtful"),
    }
}
