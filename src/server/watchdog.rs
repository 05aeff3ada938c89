//! Feeds the supervisor's watchdog for as long as the workers turn and the world answers, and looks
//! whether memory is to be given back.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::engine::task::Handle;
use crate::metrics::Metrics;
use crate::model::time::{Clock, Instant};
use crate::server::memory::{Peak, give_back};
use crate::server::notify::{Supervisor, status};

/// A worker whom nobody asks turns four times a second. Less than this is no sign of anything,
/// however short the watchdog's period.
const SHORTEST: Duration = Duration::from_secs(1);

/// How often the world is asked for a sign of life.
const PULSE: Duration = Duration::from_secs(1);

/// How often is looked whether memory is to be given back.
const MEMORY: Duration = Duration::from_secs(10);

/// Gives memory back to the system when many instances are gone, as long as it is not dropped.
pub(super) async fn watch_memory(metrics: Metrics) {
    let mut peak = Peak::default();
    let mut looks = interval(MEMORY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if peak.falls_to(metrics.all_instances()) {
            // It may take a while, and no other thread is to wait. Without a thread the memory stays.
            let _ = thread::Builder::new().name("memory".to_owned()).spawn(give_back);
        }
    }
}

/// Asks the world for signs of life, by which `/health/ready` knows that it goes on, until it ends.
pub(super) async fn pulse(engine: Handle) {
    let mut turns = interval(PULSE);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while engine.ping().await {
        turns.tick().await;
    }
}

/// Tells `supervisor` twice in each period that we live, while we do. Nothing to do without one.
pub(super) async fn feed(
    supervisor: Arc<Supervisor>,
    engine: Handle,
    metrics: Metrics,
    draining: CancellationToken,
    clock: Clock,
) {
    let Some(half) = supervisor.watchdog().map(|period| period / 2) else { return };
    let mut vitals = Vitals::new(half);
    let (mut stuck, mut told) = (None, String::new());
    let mut turns = interval(half);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        turns.tick().await;
        let answered = timeout(half, engine.ping()).await.is_ok_and(|lives| lives);
        let seen = vitals.look(&metrics.beats(), answered, clock().mono);
        if seen.is_none() {
            supervisor.alive();
        }
        if seen != stuck {
            if let Some(part) = seen {
                error!(%part, "no progress: watchdog keep-alive withheld");
            } else {
                info!("progress again: watchdog keep-alive resumed");
            }
            stuck = seen;
        }
        let line = status(&metrics);
        if answered && engine.board().is_ready() && !draining.is_cancelled() && line != told {
            supervisor.status(&line);
            told = line;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stuck {
    Worker(usize),
    Engine,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Worker(place) => write!(f, "UDP worker {place}"),
            Self::Engine => f.write_str("engine"),
        }
    }
}

/// When each worker was last seen to have gone on.
struct Vitals {
    patience: Duration,
    workers: Vec<Pulse>,
}

#[derive(Clone, Copy)]
struct Pulse {
    beats: u64,
    moved: Instant,
}

impl Vitals {
    fn new(between: Duration) -> Self {
        Self { patience: between.max(SHORTEST), workers: Vec::new() }
    }

    /// What stands still, given the workers' beats and whether the world has answered since the
    /// last look. A worker seen for the first time is given its time.
    fn look(&mut self, beats: &[u64], answered: bool, now: Instant) -> Option<Stuck> {
        for (place, &beats) in beats.iter().enumerate() {
            match self.workers.get_mut(place) {
                Some(pulse) if pulse.beats == beats => {}
                Some(pulse) => *pulse = Pulse { beats, moved: now },
                None => self.workers.push(Pulse { beats, moved: now }),
            }
        }
        let still = |pulse: &Pulse| now.since(pulse.moved) >= self.patience;
        match self.workers.iter().position(still) {
            Some(place) => Some(Stuck::Worker(place)),
            None if !answered => Some(Stuck::Engine),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::os::unix::net::UnixDatagram;

    use arc_swap::ArcSwap;
    use tokio::task::JoinSet;

    use super::*;
    use crate::config::Config;
    use crate::engine::settings::Settings;
    use crate::engine::task::{Engine, Parts};
    use crate::engine::world::World;
    use crate::health::checks::Runner;
    use crate::metrics::dns::Transport;
    use crate::model::time::Now;
    use crate::snapshot::{Rules, Snapshot};
    use crate::store::registrations::Store;
    use crate::store::serial::{IndexFile, SerialFile};

    const HALF: Duration = Duration::from_secs(15);

    fn at(seconds: u64) -> Instant {
        Instant(Duration::from_secs(seconds))
    }

    #[test]
    fn one_worker_that_stands_still_is_enough() {
        let mut vitals = Vitals::new(HALF);
        assert_eq!(vitals.look(&[0, 0], true, at(0)), None, "both have their time");
        assert_eq!(vitals.look(&[60, 9000], true, at(15)), None);
        assert_eq!(vitals.look(&[120, 9000], true, at(30)), Some(Stuck::Worker(1)));
        assert_eq!(vitals.look(&[180, 9000], true, at(45)), Some(Stuck::Worker(1)));
        assert_eq!(vitals.look(&[240, 9001], true, at(60)), None, "it goes on");
    }

    #[test]
    fn a_world_that_does_not_answer_is_enough() {
        let mut vitals = Vitals::new(HALF);
        assert_eq!(vitals.look(&[1], false, at(0)), Some(Stuck::Engine));
        assert_eq!(vitals.look(&[2], true, at(15)), None);
    }

    #[test]
    fn a_short_period_does_not_take_an_idle_worker_for_a_dead_one() {
        let mut vitals = Vitals::new(Duration::from_millis(50));
        let at = |millis| Instant(Duration::from_millis(millis));
        assert_eq!(vitals.look(&[1], true, at(0)), None);
        assert_eq!(vitals.look(&[1], true, at(240)), None);
        assert_eq!(vitals.look(&[1], true, at(999)), None);
        assert_eq!(vitals.look(&[1], true, at(1000)), Some(Stuck::Worker(0)));
    }

    /// An engine whose world is empty, a supervisor with a watchdog of two halves, and its ear.
    struct Stage {
        folder: tempfile::TempDir,
        ear: UnixDatagram,
        metrics: Metrics,
        clock: Clock,
    }

    impl Stage {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let ear = UnixDatagram::bind(folder.path().join("notify")).unwrap();
            ear.set_nonblocking(true).unwrap();
            let began = tokio::time::Instant::now();
            let clock: Clock =
                Arc::new(move || Now { mono: Instant(began.elapsed()), ..Now::default() });
            Self { folder, ear, metrics: Metrics::new("0"), clock }
        }

        fn engine(&self) -> (Engine, Handle) {
            let parts = Parts {
                world: World::new(Settings::of(&Config::default()), 1, 0),
                current: Arc::new(ArcSwap::from_pointee(Snapshot::empty(Rules::default()))),
                runner: Runner::new(),
                metrics: self.metrics.clone(),
                serials: SerialFile::open(Some(self.folder.path()), 1, Now::default().mono).file,
                indexes: IndexFile::open(None, 1, Now::default().mono).file,
                store: Store::default(),
                clock: Arc::clone(&self.clock),
            };
            Engine::start(parts, Vec::new())
        }

        /// How often the watchdog was fed in four halves and a bit.
        async fn fed(&self, engine: Handle) -> usize {
            let environment = |name: &str| match name {
                "NOTIFY_SOCKET" => Some(self.folder.path().join("notify").into_os_string()),
                "WATCHDOG_USEC" => Some(OsString::from((2 * HALF.as_micros()).to_string())),
                _ => None,
            };
            let supervisor = Arc::new(Supervisor::of(&environment, 1).unwrap());
            let draining = CancellationToken::new();
            let clock = Arc::clone(&self.clock);
            let feeding = feed(supervisor, engine, self.metrics.clone(), draining, clock);
            timeout(4 * HALF + SHORTEST, feeding).await.unwrap_err();
            let mut buffer = [0; 1000];
            let next = || self.ear.recv(&mut buffer).ok().map(|len| buffer[..len].to_vec());
            std::iter::from_fn(next).filter(|said| said == b"WATCHDOG=1").count()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_is_fed_at_half_of_its_period() {
        let stage = Stage::new();
        let (engine, handle) = stage.engine();
        let mut tasks = JoinSet::new();
        tasks.spawn(engine.run(CancellationToken::new()));
        assert_eq!(stage.fed(handle).await, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_world_that_is_asked_each_second_shows_that_it_goes_on() {
        let stage = Stage::new();
        let (engine, handle) = stage.engine();
        let minutes = Duration::from_secs(300);
        let silence = || handle.stands_still((stage.clock)().mono);
        timeout(minutes, pulse(handle.clone())).await.unwrap_err();
        assert_eq!(silence(), Some(minutes), "nobody runs it");
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        tasks.spawn(engine.run(stop.clone()));
        timeout(minutes, pulse(handle.clone())).await.unwrap_err();
        assert_eq!(silence(), None);
        stop.cancel();
        tasks.join_next().await;
        timeout(PULSE * 2, pulse(handle.clone())).await.unwrap();
        assert!(handle.has_ended());
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_stands_still_starves_the_watchdog() {
        let stage = Stage::new();
        let worker = stage.metrics.worker(Transport::Udp);
        worker.beat();
        let (engine, handle) = stage.engine();
        let mut tasks = JoinSet::new();
        tasks.spawn(engine.run(CancellationToken::new()));
        assert_eq!(stage.fed(handle).await, 1, "at the first look it had its time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_world_that_never_answers_starves_the_watchdog() {
        let stage = Stage::new();
        let (_engine, handle) = stage.engine();
        assert_eq!(stage.fed(handle).await, 0);
    }
}
