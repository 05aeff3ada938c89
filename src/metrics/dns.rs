//! The counters of the query path: each worker writes its own, a scrape adds them up.

use std::array;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::metrics::limited::{self, Action, Class};
use crate::model::dns::{Rcode, Rtype};
use crate::wire::request::Ignored;

/// Upper bounds in microseconds; what is longer is in the last, unbounded bucket.
const BOUNDS: [u64; 12] = [5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 10_000, 100_000, 1_000_000];
const RCODES: usize = Rcode::ALL.len();
/// The known types and `other`.
const QTYPES: usize = Rtype::KNOWN.len().saturating_add(1);
/// The row of each type by its number, as far as the numbers of known types reach.
const ROWS: [usize; 258] = {
    let known = Rtype::KNOWN;
    let (mut rows, mut row) = ([known.len(); 258], 0);
    while row < known.len() {
        rows[known[row].0 as usize] = row;
        row += 1;
    }
    rows
};
const COMBINATIONS: usize = RCODES.saturating_mul(QTYPES);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    Udp,
    Tcp,
}

impl Transport {
    pub const ALL: [Self; 2] = [Self::Udp, Self::Tcp];

    pub fn word(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Path {
    /// `transport::fast`, in the buffer that the question came in.
    Fast,
    /// `transport::respond`.
    General,
}

impl Path {
    pub const ALL: [Self; 2] = [Self::Fast, Self::General];

    pub fn word(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::General => "general",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    Short,
    Response,
    /// From port 0 or from an address that no asker has.
    Source,
    /// There was an answer, and the system did not take it.
    Send,
    /// There was an answer, and its prefix has had enough of them.
    Rate,
    /// The socket's queue was full: the system dropped it before we saw it.
    Queue,
}

impl Dropped {
    pub const ALL: [Self; 6] =
        [Self::Short, Self::Response, Self::Source, Self::Send, Self::Rate, Self::Queue];

    pub fn word(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Response => "response",
            Self::Source => "source",
            Self::Send => "send",
            Self::Rate => "rate",
            Self::Queue => "queue",
        }
    }
}

impl From<Ignored> for Dropped {
    fn from(ignored: Ignored) -> Self {
        match ignored {
            Ignored::Short => Self::Short,
            Ignored::Response => Self::Response,
        }
    }
}

#[derive(Debug, Default)]
struct Cell(AtomicU64);

impl Cell {
    /// A UDP worker is its cells' one writer: a plain load and store, no locked instruction. All
    /// TCP connections count in the same cells.
    fn add(&self, transport: Transport, more: u64) {
        match transport {
            Transport::Udp => self.0.store(self.get().wrapping_add(more), Ordering::Relaxed),
            Transport::Tcp => {
                self.0.fetch_add(more, Ordering::Relaxed);
            }
        }
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one UDP worker, or all TCP connections, count.
/// Aligned so that no two workers' cells share a cache line, or a pair of them.
#[repr(align(128))]
pub struct WorkerCells {
    transport: Transport,
    queries: [Cell; COMBINATIONS],
    dropped: [Cell; Dropped::ALL.len()],
    limited: [Cell; limited::COMBINATIONS],
    paths: [Cell; Path::ALL.len()],
    buckets: [Cell; BOUNDS.len().saturating_add(1)],
    nanoseconds: Cell,
    /// Turns of the worker's loop: that it goes on, asked or not.
    beats: Cell,
    panics: Cell,
}

impl WorkerCells {
    fn new(transport: Transport) -> Self {
        Self {
            transport,
            queries: array::from_fn(|_| Cell::default()),
            dropped: array::from_fn(|_| Cell::default()),
            limited: array::from_fn(|_| Cell::default()),
            paths: array::from_fn(|_| Cell::default()),
            buckets: array::from_fn(|_| Cell::default()),
            nanoseconds: Cell::default(),
            beats: Cell::default(),
            panics: Cell::default(),
        }
    }

    pub fn beat(&self) {
        self.beats.add(self.transport, 1);
    }

    pub fn answered(&self, qtype: Rtype, rcode: Rcode) {
        let row = ROWS.get(usize::from(qtype.0)).copied().unwrap_or(Rtype::KNOWN.len());
        if let Some(cell) = self.queries.get(row * RCODES + column(rcode)) {
            cell.add(self.transport, 1);
        }
    }

    pub fn took(&self, path: Path) {
        let [fast, general] = &self.paths;
        let cell = match path {
            Path::Fast => fast,
            Path::General => general,
        };
        cell.add(self.transport, 1);
    }

    /// An answer took so long, from its query's reception to its sending.
    pub fn observe(&self, took: Duration) {
        self.observe_all(took, 1);
    }

    /// So many answers that were received and sent together took so long each.
    pub fn observe_all(&self, took: Duration, count: u64) {
        let micros = took.as_micros();
        let bucket = BOUNDS.iter().position(|&bound| micros <= u128::from(bound));
        if let Some(cell) = self.buckets.get(bucket.unwrap_or(BOUNDS.len())) {
            cell.add(self.transport, count);
        }
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.add(self.transport, nanoseconds.saturating_mul(count));
    }

    /// A defect of ours was met on the way to an answer.
    pub fn panicked(&self) {
        self.panics.add(self.transport, 1);
    }

    pub fn dropped(&self, why: Dropped) {
        self.dropped_all(why, 1);
    }

    pub fn dropped_all(&self, why: Dropped, count: u64) {
        let place = match why {
            Dropped::Short => 0,
            Dropped::Response => 1,
            Dropped::Source => 2,
            Dropped::Send => 3,
            Dropped::Rate => 4,
            Dropped::Queue => 5,
        };
        if let Some(cell) = self.dropped.get(place) {
            cell.add(self.transport, count);
        }
    }
}

impl WorkerCells {
    pub fn limited(&self, class: Class, action: Action) {
        let cell = limited::place(class, action).and_then(|place| self.limited.get(place));
        if let Some(cell) = cell {
            cell.add(self.transport, 1);
        }
    }
}

impl fmt::Debug for WorkerCells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerCells").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// The place in `Rcode::ALL`.
fn column(rcode: Rcode) -> usize {
    match rcode {
        Rcode::NoError => 0,
        Rcode::FormErr => 1,
        Rcode::ServFail => 2,
        Rcode::NxDomain => 3,
        Rcode::NotImp => 4,
        Rcode::Refused => 5,
        Rcode::YxDomain => 6,
        Rcode::NotAuth => 7,
        Rcode::BadVers => 8,
        Rcode::BadCookie => 9,
    }
}

#[derive(Debug, Default)]
pub(super) struct DnsCells(Mutex<Vec<Arc<WorkerCells>>>);

impl DnsCells {
    pub(super) fn worker(&self, transport: Transport) -> Arc<WorkerCells> {
        let cells = Arc::new(WorkerCells::new(transport));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&cells));
        cells
    }

    /// How often each UDP worker's loop has turned, in the order of their making.
    pub(super) fn beats(&self) -> Vec<u64> {
        let workers = self.workers();
        let udp = workers.iter().filter(|worker| worker.transport == Transport::Udp);
        udp.map(|worker| worker.beats.get()).collect()
    }

    fn workers(&self) -> Vec<Arc<WorkerCells>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Collector for DnsCells {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let workers = self.workers();
        encode_queries(&workers, &mut encoder)?;
        encode_seconds(&workers, &mut encoder)?;
        encode_dropped(&workers, &mut encoder)?;
        encode_paths(&workers, &mut encoder)?;
        limited::encode(&mut encoder, |place| {
            sum(workers.iter().filter_map(|worker| worker.limited.get(place)))
        })?;
        let help = "DNS queries that caused a panic and were answered with SERVFAIL.";
        let panics = sum(workers.iter().map(|worker| &worker.panics));
        let counter = encoder.encode_descriptor("dns_panics", help, None, MetricType::Counter)?;
        ConstCounter::new(panics).encode(counter)
    }
}

/// Combinations that were seen, and the commonest one always: the family is never empty.
fn encode_queries(
    workers: &[Arc<WorkerCells>],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let help = "DNS queries answered, by transport, type and rcode.";
    let mut family = encoder.encode_descriptor("dns_queries", help, None, MetricType::Counter)?;
    let qtypes = Rtype::KNOWN.iter().map(|t| t.mnemonic().unwrap_or("other")).chain(["other"]);
    let combinations: Vec<_> =
        qtypes.flat_map(|qtype| Rcode::ALL.map(|rcode| (qtype, rcode.mnemonic()))).collect();
    for transport in Transport::ALL {
        let of_transport = || workers.iter().filter(|worker| worker.transport == transport);
        for (place, &(qtype, rcode)) in combinations.iter().enumerate() {
            let count = sum(of_transport().filter_map(|worker| worker.queries.get(place)));
            if count == 0 && (qtype, rcode) != ("A", "NOERROR") {
                continue;
            }
            let labels = [("transport", transport.word()), ("qtype", qtype), ("rcode", rcode)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn encode_seconds(
    workers: &[Arc<WorkerCells>],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let help = "Time from receiving a DNS query to sending its response.";
    let mut family =
        encoder.encode_descriptor("dns_response_seconds", help, None, MetricType::Histogram)?;
    for transport in Transport::ALL {
        let of_transport = || workers.iter().filter(|worker| worker.transport == transport);
        let bounds = BOUNDS.map(|micros| Duration::from_micros(micros).as_secs_f64());
        let buckets: Vec<(f64, u64)> = bounds
            .into_iter()
            .chain([f64::INFINITY])
            .enumerate()
            .map(|(place, bound)| {
                (bound, sum(of_transport().filter_map(|worker| worker.buckets.get(place))))
            })
            .collect();
        let count = buckets.iter().map(|&(_, count)| count).sum();
        let nanoseconds = sum(of_transport().map(|worker| &worker.nanoseconds));
        let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
        family.encode_family(&[("transport", transport.word())])?.encode_histogram::<NoLabelSet>(
            seconds,
            count,
            &buckets,
            None::<&HashMap<_, _>>,
        )?;
    }
    Ok(())
}

fn encode_dropped(
    workers: &[Arc<WorkerCells>],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let help = "DNS messages that were not answered, by reason.";
    let mut family = encoder.encode_descriptor("dns_dropped", help, None, MetricType::Counter)?;
    for (place, why) in Dropped::ALL.into_iter().enumerate() {
        let count = sum(workers.iter().filter_map(|worker| worker.dropped.get(place)));
        ConstCounter::new(count).encode(family.encode_family(&[("reason", why.word())])?)?;
    }
    Ok(())
}

fn encode_paths(workers: &[Arc<WorkerCells>], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let help = "DNS queries answered, by code path: fast or general.";
    let mut family = encoder.encode_descriptor("dns_path", help, None, MetricType::Counter)?;
    for (place, path) in Path::ALL.into_iter().enumerate() {
        let count = sum(workers.iter().filter_map(|worker| worker.paths.get(place)));
        ConstCounter::new(count).encode(family.encode_family(&[("path", path.word())])?)?;
    }
    Ok(())
}

fn sum<'c>(cells: impl Iterator<Item = &'c Cell>) -> u64 {
    cells.map(Cell::get).fold(0, u64::wrapping_add)
}
