//! The composition root: starts the stages in order, and stops them in reverse.

pub mod clock;
mod cookies;
pub mod limits;
pub mod memory;
pub mod notify;
pub mod ready;
pub mod reload;
mod signals;
pub mod threads;
mod watchdog;
mod web;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::config::{Config, zone_toml};
use crate::diagnostic::Diagnostic;
use crate::engine::settings::Settings;
use crate::engine::task::{Engine, Handle, Parts};
use crate::engine::world::World;
use crate::health::checks::Runner;
use crate::http::consul::node::Node;
use crate::metrics::Metrics;
use crate::model::origin::Origin;
use crate::model::time::{Clock, Now};
use crate::server::limits::{Shares, TooFewFiles};
use crate::server::memory::MemoryError;
use crate::server::notify::{Supervisor, status};

use crate::server::signals::{Signals, Wish};
use crate::server::web::Web;
use crate::snapshot::Snapshot;
use crate::sources::files::options;
use crate::sources::files::parse::{self, Host, parse};
use crate::sources::files::watch::{self, FileSource, ScanError, WatchHandle};
use crate::store::directory::{DirectoryError, StateDirectory};
use crate::store::open::{self, Recover};
use crate::store::registrations::{Opened, Problem, Records, Store};
use crate::store::serial::{self, IndexFile, NumberFile, SerialFile};
use crate::transport::batch::Sending;
use crate::transport::bind::{BindError, Bound, advice, bind};
use crate::transport::respond::Context;
use crate::transport::{tcp, udp};

/// Reads the configuration again, flags and environment applied; the text of an error is for the
/// log.
pub type Reread = Box<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Told of the addresses once they are bound.
pub type Started = Box<dyn FnOnce(&Addresses) + Send>;

pub struct Options {
    pub config: Config,
    pub metrics: Metrics,
    pub ready_file: Option<PathBuf>,
    pub reload: Reread,
    /// What to do with the last export of registrations.
    pub recover: Recover,
    /// Told how the server is.
    pub supervisor: Supervisor,
    /// Called once everything is bound.
    pub started: Option<Started>,
}

/// Where the server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    pub dns: Vec<SocketAddr>,
    pub http: Option<SocketAddr>,
    pub observe: Option<SocketAddr>,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(
        "cannot listen on {address} (HTTP): {}",
        advice(*address, source, "--http or [http] listen")
    )]
    BindHttp { address: SocketAddr, source: io::Error },
    #[error(transparent)]
    State(#[from] DirectoryError),
    #[error(transparent)]
    Zones(#[from] ScanError),
    #[error(transparent)]
    Files(#[from] TooFewFiles),
    #[error("{}", threads::missing(.whose))]
    Thread { whose: &'static str, source: io::Error },
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// Signals, or random bytes.
    #[error("cannot get {what} from the system")]
    System {
        /// Such as `signals`.
        what: &'static str,
        source: io::Error,
    },
}

fn thread_of(whose: &'static str) -> impl FnOnce(io::Error) -> ServeError {
    move |source| ServeError::Thread { whose, source }
}

fn system(what: &'static str) -> impl FnOnce(io::Error) -> ServeError {
    move |source| ServeError::System { what, source }
}

impl ServeError {
    /// 1: what was asked about is bad; 3: cannot bind.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Bind(_) | Self::BindHttp { .. } | Self::State(DirectoryError::Locked { .. }) => 3,
            Self::State(DirectoryError::Open { .. })
            | Self::Zones(_)
            | Self::Files(_)
            | Self::Thread { .. }
            | Self::Memory(_)
            | Self::System { .. } => 1,
        }
    }
}

/// Serves until SIGTERM or SIGINT.
pub fn run(options: Options) -> Result<(), ServeError> {
    let Options { config, .. } = options;
    let workers = workers(&config);
    // Before anything is opened, or that would fail instead.
    let (config, shares) = limits::fit(config, workers, None)?;
    let runtime = threads::runtime().map_err(thread_of("the runtime"))?;
    let result = runtime.block_on(serve(Options { config, ..options }, shares));
    runtime.shutdown_background();
    result
}

/// Everything that runs, in the order it was started.
struct Running {
    engine: Handle,
    metrics: Metrics,
    files: WatchHandle,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// Turns `/health/ready` to 503.
    draining: CancellationToken,
    quiet: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

async fn serve(options: Options, shares: Shares) -> Result<(), ServeError> {
    let Options { config, metrics, ready_file, reload, recover, supervisor, started } = options;
    let supervisor = Arc::new(supervisor);
    let drawn = cookies::draw().map_err(system("random bytes"))?;
    let config = cookies::with_secret(config, drawn);
    let clock = clock::start();
    let bound = bind(&config.dns.listen, workers(&config))?;
    let web = Web::bind(&config.http).await?;
    let [http, observe] = web.addresses();
    let addresses = Addresses {
        dns: bound.endpoints.iter().map(|endpoint| endpoint.address).collect(),
        http,
        observe,
    };
    let state = hold(&config.state_dir)?;
    let mut signals = Signals::new().map_err(system("signals"))?;

    let http = Arc::clone(&web.current);
    let kept = Kept::open(state.as_ref(), recover, &clock);
    let running = start(&config, kept, bound, web, (&clock, metrics)).await?;
    announce(&addresses);
    if let Some(started) = started {
        started(&addresses);
    }
    let ready = ready::Announcement { file: ready_file, addresses };
    running.report(ready, &supervisor, clock);

    let mut reloader = reload::Reloader { config, reread: reload, drawn, shares, http };
    let grace = loop {
        match signals.next().await {
            Wish::Reload => {
                supervisor.reloading(clock::of_the_machine());
                reloader.reload(&running.engine, &running.files).await;
                supervisor.reloaded(&status(&running.metrics));
            }
            Wish::Drain => break reloader.config.shutdown_grace,
            Wish::Stop => break std::time::Duration::ZERO,
        }
    };
    info!(grace = ?grace, "stopping");
    supervisor.stopping(grace);
    running.draining.cancel();
    tokio::select! {
        () = tokio::time::sleep(grace) => {}
        () = signals.stop() => {}
    }
    running.stop().await;
    info!("stopped");
    Ok(())
}

/// Starts the stages from left to right: nothing answers before the first snapshot is there. Where one
/// cannot be started, those before it are stopped.
async fn start(
    config: &Config,
    kept: Kept,
    bound: Bound,
    web: Web,
    (clock, metrics): (&Clock, Metrics),
) -> Result<Running, ServeError> {
    let (stop, draining, tasks) =
        (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    let now = clock();
    let host = Arc::new(Host::new(config));
    let (source, mut loaded) = watch::load(file_options(config, &host), now)?;
    let Kept { problems, serials, indexes, store, records, orders } = kept;
    let mut settings = Settings::of(config);
    settings.registering = settings.registering.at(host.node);
    let current = Arc::new(ArcSwap::from_pointee(Snapshot::empty(settings.rules.clone())));
    let mut world = World::new(settings, serials.first, fastrand::u64(..));
    world.wait_for(Origin::Files);
    loaded.extend(world.restore(&records, &orders, problems));
    let parts = Parts {
        world,
        current: Arc::clone(&current),
        runner: Runner::new(),
        metrics: metrics.clone(),
        serials,
        indexes,
        store,
        clock: Arc::clone(clock),
    };
    let (engine, handle) = Engine::start(parts, loaded);
    let world = threads::world(engine, stop.clone()).map_err(thread_of("the engine"))?;
    let files = follow(source, clock, handle.clone());
    // The world ends by itself then.
    let files = files.inspect_err(|_| stop.cancel()).map_err(thread_of("reading files"))?;

    let context = Arc::new(Context { current, clock: Arc::clone(clock), limiter: Arc::default() });
    let quiet = Arc::new(AtomicBool::new(false));
    let threads = vec![world];
    let mut running =
        Running { engine: handle, metrics, files, tasks, stop, draining, quiet, threads };
    let answers = running.answer(bound, config, &context);
    if let Err(error) = answers.and_then(|()| Ok(memory::check_room()?)) {
        running.stop().await;
        return Err(error);
    }
    let node = Node::new(&config.consul, host.node);
    running.show(web, clock, node);
    Ok(running)
}

/// A state directory that cannot be used is no reason not to answer; one that another livezone
/// holds is.
fn hold(path: &Path) -> Result<Option<StateDirectory>, DirectoryError> {
    match StateDirectory::open(path) {
        Ok(state) => Ok(Some(state)),
        Err(locked @ DirectoryError::Locked { .. }) => Err(locked),
        Err(error @ DirectoryError::Open { .. }) => {
            let cause = error.source().map(ToString::to_string);
            warn!(%error, cause, "state is not saved: SOA serials start from the clock");
            Ok(None)
        }
    }
}

struct Kept {
    serials: SerialFile,
    indexes: IndexFile,
    store: Store,
    records: Records,
    orders: Vec<String>,
    /// What of it is not as it was saved.
    problems: Vec<Diagnostic>,
}

impl Kept {
    /// Problems are logged: numbers start from the clock then, and registrations may be missing.
    fn open(state: Option<&StateDirectory>, recover: Recover, clock: &Clock) -> Self {
        let (directory, now) = (state.map(StateDirectory::path), clock());
        let seconds = unix_seconds(now);
        let serials = numbers(SerialFile::open(directory, seconds, now.mono), "SOA serial");
        let indexes = IndexFile::open(directory, seconds.into(), now.mono);
        let indexes = numbers(indexes, "X-Consul-Index");
        let Opened { store, records, orders, problems } =
            open::open(directory, recover, Arc::clone(clock));
        for problem in &problems {
            warn!(%problem, "not all registrations and orders are as they were saved");
        }
        let place: Arc<Path> = Path::new("api:state").into();
        let is_recovered = problems.iter().any(|p| matches!(p, Problem::Recovered { .. }));
        let lasts = |problem: &&Problem| match problem {
            Problem::Recovered { .. } => false,
            Problem::Damaged { .. } | Problem::Lost { .. } => !is_recovered,
            _ => true,
        };
        let problems = problems.iter().filter(lasts);
        let problems = problems.map(|p| Diagnostic::of_file(&place, p.to_string())).collect();
        Self { serials, indexes, store, records, orders, problems }
    }
}

fn numbers<N>(opened: serial::Opened<N>, number: &str) -> NumberFile<N> {
    if let Some(error) = opened.problem {
        let cause = error.source().map(ToString::to_string);
        warn!(%error, cause, "cannot use the saved {number}: it may decrease after a restart");
    }
    opened.file
}

impl Running {
    fn answer(
        &mut self,
        bound: Bound,
        config: &Config,
        context: &Arc<Context>,
    ) -> Result<(), ServeError> {
        let (metrics, limits) = (&self.metrics, tcp::Limits::default());
        let shared = tcp::Shared::new(Arc::clone(context), limits, metrics, self.draining.clone());
        let shared = Arc::new(shared);
        let sending = if config.dns.udp_segmentation { Sending::Segmented } else { Sending::Alone };
        for endpoint in bound.endpoints {
            let listener = tokio::net::TcpListener::from_std(endpoint.tcp);
            let listener = listener.map_err(thread_of("DNS over TCP"))?;
            self.tasks.spawn(tcp::accept::serve(listener, Arc::clone(&shared), self.stop.clone()));
            let workers = udp::start(endpoint.udp, sending, context, metrics, &self.quiet);
            self.threads.extend(workers.map_err(thread_of("DNS over UDP"))?);
        }
        Ok(())
    }

    fn show(&self, web: Web, clock: &Clock, node: Node) {
        let parts = (&self.engine, &self.metrics, clock, node);
        web.start(parts, &self.draining, &self.tasks, &self.stop);
    }

    /// Tells whoever wants to know that the server is ready, and from then on that it lives.
    fn report(&self, ready: ready::Announcement, supervisor: &Arc<Supervisor>, clock: Clock) {
        let (engine, metrics) = (self.engine.clone(), self.metrics.clone());
        let ready = ready::announce(engine, metrics, ready, Arc::clone(supervisor));
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(ready));
        let (engine, metrics) = (self.engine.clone(), self.metrics.clone());
        self.tasks
            .spawn(self.stop.clone().run_until_cancelled_owned(watchdog::pulse(engine.clone())));
        let memory = watchdog::watch_memory(metrics.clone());
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(memory));
        let draining = self.draining.clone();
        let life = watchdog::feed(Arc::clone(supervisor), engine, metrics, draining, clock);
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(life));
    }

    /// From right to left: the listeners finish what they have read, then the sources end.
    async fn stop(self) {
        self.quiet.store(true, Ordering::Relaxed);
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let Self { threads, files, .. } = self;
        // There may be no thread that could wait instead.
        tokio::task::block_in_place(move || {
            for thread in threads {
                // A worker that panicked has been logged by the panic itself.
                let _ = thread.join();
            }
            // So has a watcher that did.
            let _ = files.join();
        });
    }
}

fn workers(config: &Config) -> usize {
    match config.dns.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        workers => workers,
    }
}

fn file_options(config: &Config, host: &Arc<Host>) -> options::Options {
    let (host, for_defaults) = (Arc::clone(host), Arc::clone(host));
    options::Options {
        zones_dir: config.zones_dir.clone(),
        parse: Arc::new(move |apex, kind, path, text, includes| {
            parse(kind, (path, text), parse::Context { apex, host: &host, includes })
        }),
        defaults: Arc::new(move |apex| zone_toml::defaults(&apex, &for_defaults.ns_addresses)),
    }
}

fn follow(source: FileSource, clock: &Clock, engine: Handle) -> io::Result<WatchHandle> {
    let clock = Arc::clone(clock);
    // A world that has ended needs no news.
    source.watch(
        move || clock(),
        move |changes| {
            let _ = engine.changed(changes);
        },
    )
}

fn unix_seconds(now: Now) -> u32 {
    let since = now.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

fn announce(addresses: &Addresses) {
    let dns = addresses.dns.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let shown = |address: Option<SocketAddr>| address.map(|a| a.to_string()).unwrap_or_default();
    info!(
        dns,
        http = shown(addresses.http),
        observe = shown(addresses.observe),
        version = env!("CARGO_PKG_VERSION"),
        "listening"
    );
}
