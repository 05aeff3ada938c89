//! The one task that owns the world: feeds events in, and carries effects out.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::board::Board;
use crate::engine::event::{Effects, Event, Keep, OrderNews, Start, Transition};
use crate::engine::runs::{Found, Runs};
use crate::engine::settings::Settings;
use crate::engine::tickets::{PendingWrite, Tickets};
use crate::engine::turn::turn;
use crate::engine::world::World;
use crate::health::checks::Runner;
use crate::metrics::Metrics;
use crate::model::agent::{Refusal, Write, Written};
use crate::model::health::Condition;
use crate::model::time::{Clock, Instant};
use crate::snapshot::Snapshot;
use crate::sources::Change;
use crate::store::registrations::{Batch, Done, Durability, Store, StoreError};
use crate::store::serial::{IndexFile, Reserved, SerialFile};

/// Messages that wait for the world at most; senders wait beyond it.
const INBOX: usize = 256;
/// Between two turns that have nothing to tell anybody: many checks are started and taken in by
/// one. What changes anything is never kept waiting, but in the first round.
const PACE: Duration = Duration::from_millis(10);
/// A world without timers is looked at now and then all the same.
const IDLE: Duration = Duration::from_secs(60);

/// Writes that wait at most; those beyond are refused.
const MOST_WRITES: usize = 4096;
/// Writes, or heartbeats, taken in by one turn.
const MOST_TOGETHER: usize = 1024;

/// What the store has at once: a batch that is waited for, one that is not, and orders.
const KEEPING: usize = 3;

/// A world that has shown no sign of life for so long stands still. It is asked for one each second,
/// and a machine may be busy.
const STILL: Duration = Duration::from_secs(10);

/// The way to the world, and what it has published.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
    writes: mpsc::Sender<PendingWrite>,
    /// They wait for no store.
    beats: mpsc::Sender<PendingWrite>,
    board: Arc<Board>,
    ready: watch::Receiver<bool>,
    generation: watch::Receiver<u64>,
}

#[derive(Debug)]
enum Message {
    Changed(Vec<Change>),
    Configured(Box<Settings>),
    Ping(oneshot::Sender<()>),
}

impl Handle {
    /// Tells of changes from a thread of its own; false when the world has ended.
    pub fn changed(&self, changes: Vec<Change>) -> bool {
        self.messages.blocking_send(Message::Changed(changes)).is_ok()
    }

    /// Tells of a new configuration.
    pub async fn configured(&self, settings: Settings) {
        // Nobody needs the settings of a world that has ended.
        let _ = self.messages.send(Message::Configured(Box::new(settings))).await;
    }

    /// Changes what is registered; returns once that is stored and served.
    pub async fn write(&self, write: Write) -> Result<Written, Refusal> {
        let (way_back, answer) = oneshot::channel();
        let asked = (write, way_back);
        if let Write::Beat { .. } = asked.0 {
            self.beats.send(asked).await.map_err(|_| Refusal::Ended)?;
        } else {
            self.writes.try_send(asked).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Refusal::Busy,
                mpsc::error::TrySendError::Closed(_) => Refusal::Ended,
            })?;
        }
        answer.await.unwrap_or(Err(Refusal::Ended))
    }

    /// The generation of what is published, to wait for the next one.
    pub fn generation(&self) -> watch::Receiver<u64> {
        self.generation.clone()
    }

    /// What is published, which is there whatever the world does.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Waits until no service waits for its first outcomes; false when the world has ended before.
    pub async fn ready(&mut self) -> bool {
        self.ready.wait_for(|ready| *ready).await.is_ok()
    }

    /// Waits for a sign of life; false when the world has ended.
    pub async fn ping(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.messages.send(Message::Ping(reply)).await.is_ok() && answer.await.is_ok()
    }

    /// Whether the world has ended.
    pub fn has_ended(&self) -> bool {
        self.messages.is_closed()
    }

    /// For how long the world has shown no sign of life, when that is too long.
    pub fn stands_still(&self, now: Instant) -> Option<Duration> {
        Some(self.board.silence(now)).filter(|silence| *silence >= STILL)
    }
}

/// The rim of the world.
pub struct Engine {
    world: World,
    current: Arc<ArcSwap<Snapshot>>,
    board: Arc<Board>,
    published: Instant,
    runs: Runs,
    /// Runs that the last turn wants.
    starting: Vec<Start>,
    /// Outcomes that may wait for the next turn.
    routine: Vec<Found>,
    /// When there was last a turn for nothing but timers and routine.
    paced: Instant,
    wake: Option<Instant>,
    /// The last turn left work.
    more: bool,
    metrics: Metrics,
    serials: SerialFile,
    indexes: IndexFile,
    clock: Clock,
    inbox: mpsc::Receiver<Message>,
    writes: mpsc::Receiver<PendingWrite>,
    beats: mpsc::Receiver<PendingWrite>,
    tickets: Tickets,
    store: Store,
    /// Told by the store.
    kept: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    ready: watch::Sender<bool>,
    generation: watch::Sender<u64>,
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
    /// Keeps the index that readers over HTTP wait for from going back.
    pub indexes: IndexFile,
    /// Keeps what is registered.
    pub store: Store,
    /// Both clocks.
    pub clock: Clock,
}

impl Engine {
    /// Takes in what the sources hold and publishes the first snapshot; nothing runs until
    /// [`Self::run`], which may be on a runtime of its own. Checks that compute will work on this
    /// one.
    pub fn start(parts: Parts, loaded: Vec<Change>) -> (Self, Handle) {
        let (messages, inbox) = mpsc::channel(INBOX);
        let (to_writes, writes) = mpsc::channel(MOST_WRITES);
        let (to_beats, beats) = mpsc::channel(MOST_TOGETHER);
        let (ready, is_ready) = watch::channel(false);
        let (generation, current_generation) = watch::channel(0);
        let Parts { world, current, runner, metrics, serials, indexes, store, clock } = parts;
        let board = Arc::new(Board::new(Arc::clone(&current), indexes.first));
        let handle = Handle {
            messages,
            writes: to_writes,
            beats: to_beats,
            board: Arc::clone(&board),
            ready: is_ready,
            generation: current_generation,
        };
        let mut engine = Self {
            world,
            board,
            current,
            published: clock().mono,
            runs: Runs::new(runner, metrics.clone(), Arc::clone(&clock)),
            starting: Vec::new(),
            routine: Vec::new(),
            paced: Instant::default(),
            wake: None,
            more: false,
            metrics,
            serials,
            indexes,
            clock,
            inbox,
            writes,
            beats,
            tickets: Tickets::default(),
            store,
            kept: mpsc::channel(KEEPING),
            ready,
            generation,
        };
        engine.step(Event::Loaded(loaded));
        (engine, handle)
    }

    /// Runs until `stop`; runs in flight end with it.
    pub async fn run(mut self, stop: CancellationToken) {
        let (mut writes, mut beats) = (Vec::new(), Vec::new());
        loop {
            for start in std::mem::take(&mut self.starting) {
                self.runs.start(start);
            }
            let wait = self.wait((self.clock)().mono);
            tokio::select! {
                () = stop.cancelled() => break,
                Some(message) = self.inbox.recv(), if self.world.has_room() => self.receive(message),
                Some(found) = self.runs.found() => self.collect(found),
                Some(kept) = self.kept.1.recv() => self.step(kept),
                1.. = self.beats.recv_many(&mut beats, MOST_TOGETHER) => self.ask(&mut beats),
                1.. = self.writes.recv_many(&mut writes, MOST_TOGETHER),
                    if self.world.waiting_writes() < MOST_TOGETHER => self.ask(&mut writes),
                () = tokio::time::sleep(wait) => self.tick(),
            }
        }
        self.end();
    }

    /// What a crash may lose an ordered end does not: dropping the store writes what waits.
    fn end(self) {
        let (ops, durability) = (self.world.unsaved(), Durability::Soon);
        if !ops.is_empty() {
            self.store.commit(Batch { ops, durability, done: Box::new(drop) });
        }
    }

    fn receive(&mut self, message: Message) {
        match message {
            Message::Changed(changes) => self.step(Event::Changed(changes)),
            Message::Configured(settings) => self.step(Event::Configured(settings)),
            Message::Ping(reply) => {
                self.board.lives((self.clock)().mono);
                // An asker that has gone away needs no answer.
                let _ = reply.send(());
            }
        }
    }

    fn ask(&mut self, asked: &mut Vec<PendingWrite>) {
        let writes = self.tickets.issue(std::mem::take(asked));
        self.step(Event::Writes(writes));
    }

    /// How long there is nothing to do if nothing happens.
    fn wait(&self, now: Instant) -> Duration {
        let soonest = self.paced + PACE;
        let next = match self.wake {
            _ if self.more => return Duration::ZERO,
            _ if !self.routine.is_empty() => soonest,
            Some(wake) => wake.max(soonest),
            None => return IDLE,
        };
        next.since(now)
    }

    /// A turn for what is due and for what changes nothing.
    fn tick(&mut self) {
        self.paced = (self.clock)().mono;
        let routine = std::mem::take(&mut self.routine);
        self.step(if routine.is_empty() { Event::Timer } else { Event::Outcomes(routine) });
    }

    fn collect(&mut self, found: Vec<Found>) {
        // Nobody is told of one that is ready later by so little; but each turn of a first round builds
        // the services anew that it touches.
        let first_round = !self.world.is_ready();
        let may_wait = |(id, outcome): &Found| self.world.is_routine(*id, outcome);
        let wait = first_round || found.iter().all(may_wait);
        self.routine.extend(found);
        if !wait {
            let found = std::mem::take(&mut self.routine);
            self.step(Event::Outcomes(found));
        }
    }

    /// One turn of the world, and its effects.
    fn step(&mut self, event: Event) {
        let now = (self.clock)();
        let effects = turn(&mut self.world, event, now);
        let Effects { start, stop, snapshot, transitions, complaints, dangling, .. } = effects;
        let of_sources = effects.settled;
        self.show(snapshot, of_sources, now.mono);
        self.tickets.answer(effects.answers);
        self.keep(effects.keep);
        for id in stop {
            self.runs.stop(id);
        }
        self.starting.extend(start);
        for transition in &transitions {
            self.metrics.transition(transition.to);
        }
        transitions.iter().for_each(log_transition);
        effects.ordered.iter().for_each(log_order);
        Complaints::few(complaints.iter().chain(&dangling)).iter().for_each(log_complaint);
        (self.wake, self.more) = (effects.wake, effects.more);
        self.ready.send_if_modified(|ready| {
            let first = !*ready && self.world.is_ready();
            *ready |= first;
            first
        });
        if of_sources || !transitions.is_empty() {
            self.count();
        }
        if of_sources {
            for (origin, count) in self.world.errors() {
                self.metrics.set_source_errors(origin.word(), count);
            }
        }
    }

    /// Publishes what is new, for DNS and then for readers.
    fn show(&mut self, snapshot: Option<Arc<Snapshot>>, sources_changed: bool, now: Instant) {
        let generation = snapshot.as_ref().map(|snapshot| snapshot.generation);
        if let Some(snapshot) = snapshot {
            self.publish(snapshot, now);
        }
        // After the snapshot: who is told that nothing waits is answered so.
        if generation.is_some() || sources_changed || self.board.is_behind(&self.world) {
            self.board.tell(&self.world, self.published, sources_changed);
        }
        self.board.turned(&self.world, now);
        if let Some(generation) = generation {
            self.generation.send_replace(generation);
        }
    }

    /// Has this kept; an event tells of each when it is.
    fn keep(&self, keep: Keep) {
        let Keep { now, soon, orders } = keep;
        if !now.is_empty() {
            let done = self.tell(|stored| Event::Stored(stored.map_err(|error| words(&error))));
            self.store.commit(Batch { ops: now, durability: Durability::Now, done });
        }
        if !soon.is_empty() {
            let done = self.tell(|saved| Event::Saved(saved.is_ok()));
            self.store.commit(Batch { ops: soon, durability: Durability::Soon, done });
        }
        if let Some(lines) = orders {
            let done = self.tell(|kept| Event::Ordered(kept.map_err(|error| words(&error))));
            self.store.orders(lines, done);
        }
    }

    /// Has the store tell of an outcome.
    fn tell(&self, tell: fn(Result<(), StoreError>) -> Event) -> Done {
        let kept = self.kept.0.clone();
        // There is room, for one of each sort is kept at a time; an engine that has ended waits for none.
        Box::new(move |result| drop(kept.try_send(tell(result))))
    }

    fn publish(&mut self, snapshot: Arc<Snapshot>, since: Instant) {
        let index = self.board.index(snapshot.generation);
        log_reserved(self.serials.reserve(self.world.serial(), since), "SOA serial");
        log_reserved(self.indexes.reserve(index, since), "X-Consul-Index");
        self.metrics.set_generation(snapshot.generation);
        self.current.store(snapshot);
        self.published = (self.clock)().mono;
        self.metrics.propagated(self.published.since(since));
    }

    fn count(&self) {
        self.metrics.set_services(self.world.service_count());
        for condition in Condition::ALL {
            self.metrics.set_instances(condition, self.world.count(condition));
        }
    }
}

fn log_reserved(reserved: Reserved, number: &str) {
    match reserved {
        Reserved::Unchanged => {}
        Reserved::Failed(error) => {
            let cause = error.source().map(ToString::to_string);
            warn!(%error, cause, "cannot save the {number}: it may decrease after a restart");
        }
        Reserved::Restored => info!("the {number} is saved again"),
    }
}

fn words(error: &StoreError) -> String {
    error.source().map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

fn log_transition(transition: &Transition) {
    let Transition { service, instance, from, to, reason } = transition;
    let reason = reason.as_deref();
    info!(%service, %instance, from = from.word(), to = to.word(), reason, "health changed");
}

fn log_order(news: &OrderNews) {
    let OrderNews { service, instance, order, reason } = news;
    let reason = reason.as_deref();
    if let Some(order) = order {
        info!(%service, %instance, order, reason, "ordered");
    } else {
        info!(%service, %instance, "order ended");
    }
}

fn log_complaint(diagnostic: &Diagnostic) {
    let place = diagnostic.short();
    match diagnostic.severity {
        Severity::Error => error!(%place, "registration refused"),
        Severity::Warning => warn!(%place, "registration accepted with warnings"),
    }
}
