//! Connections over pipes, with the clock held.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::{JoinSet, yield_now};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Tcp;
use crate::metrics::{Exposition, Metrics};
use crate::model::time::Now;
use crate::transport::respond::Context;
use crate::transport::tcp::accept::accept;
use crate::transport::tcp::connection::Stream;
use crate::transport::tcp::{Limits, Shared};
use crate::transport::tests::fixtures::{context_with, framed, query, snapshot};

const SECOND: Duration = Duration::from_secs(1);
const ANSWERED: &str =
    "livezone_dns_queries_total{transport=\"tcp\",qtype=\"A\",rcode=\"NOERROR\"}";

impl Stream for DuplexStream {
    fn give_up(&self) {}
}

struct Fixture {
    shared: Arc<Shared>,
    metrics: Metrics,
    stop: CancellationToken,
    draining: CancellationToken,
    door: Sender<io::Result<(DuplexStream, SocketAddr)>>,
    tasks: JoinSet<()>,
}

impl Fixture {
    fn new() -> Self {
        let began = Instant::now();
        let clock = Arc::new(move || Now::default().after(began.elapsed()));
        let context = Context { clock, ..context_with(Tcp::default()) };
        let (stop, draining) = (CancellationToken::new(), CancellationToken::new());
        let metrics = Metrics::new("0");
        let limits = Limits { queries: u32::MAX, ..Limits::default() };
        let shared = Arc::new(Shared::new(Arc::new(context), limits, &metrics, draining.clone()));
        let (door, mut arrivals) = channel(1000);
        let mut tasks = JoinSet::new();
        let (for_accept, until) = (Arc::clone(&shared), stop.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            let poll = |context: &mut std::task::Context<'_>| {
                arrivals
                    .poll_recv(context)
                    .map(|arrival| arrival.expect("the fixture holds a door"))
            };
            accept(poll, &for_accept, &until, &mut connections).await;
            while connections.join_next().await.is_some() {}
        });
        Self { shared, metrics, stop, draining, door, tasks }
    }

    async fn fail(&self, errno: Errno) {
        self.door.send(Err(errno.into())).await.unwrap();
    }

    /// A client, with so many octets on the way in each direction.
    async fn connect(&self, octets: usize) -> DuplexStream {
        let (ours, theirs) = duplex(octets);
        self.door.send(Ok((theirs, "192.0.2.1:9".parse().unwrap()))).await.unwrap();
        ours
    }

    fn counted(&self, sample: &str) -> u64 {
        let text = self.metrics.render(Exposition::Text);
        let found = text.lines().find_map(|line| line.strip_prefix(sample));
        found.unwrap_or_else(|| panic!("{sample} in {text}")).trim().parse().unwrap()
    }

    fn closed(&self, reason: &str) -> u64 {
        self.counted(&format!("livezone_dns_tcp_closed_total{{reason=\"{reason}\"}}"))
    }
}

async fn answer(client: &mut DuplexStream) -> Vec<u8> {
    let mut message = vec![0; client.read_u16().await.unwrap().into()];
    client.read_exact(&mut message).await.unwrap();
    message
}

async fn ask(client: &mut DuplexStream, id: u16) {
    client.write_all(&framed(&query(id))).await.unwrap();
    assert_eq!(answer(client).await[..2], id.to_be_bytes());
}

/// How long `future` takes, in tenths of a second.
async fn tenths<F: Future>(future: F) -> u128 {
    let began = Instant::now();
    future.await;
    (began.elapsed().as_millis() + 50) / 100
}

async fn end(client: &mut DuplexStream) {
    assert!(matches!(client.read(&mut [0]).await, Ok(0) | Err(_)));
}

#[tokio::test(start_paused = true)]
async fn idle_time_counts_from_the_last_answer() {
    let fixture = Fixture::new();
    let mut client = fixture.connect(4096).await;
    for id in 0..3 {
        sleep(SECOND * 9).await;
        ask(&mut client, id).await;
    }
    assert_eq!(tenths(end(&mut client)).await, 100);
    assert_eq!(fixture.closed("idle"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_has_its_time_from_its_first_octet_however_it_trickles() {
    let fixture = Fixture::new();
    let mut client = fixture.connect(4096).await;
    sleep(SECOND * 5).await;
    let trickle = async {
        for octet in framed(&query(1)) {
            if client.write_all(&[octet]).await.is_err() {
                return;
            }
            sleep(SECOND / 5).await;
        }
    };
    // The octet after the end tells that it was one.
    assert!((20..=22).contains(&tenths(trickle).await));
    assert_eq!(fixture.closed("message"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_too_long_has_no_more_time_than_others() {
    let fixture = Fixture::new();
    let (mut quick, mut slow) = (fixture.connect(1 << 17).await, fixture.connect(4096).await);
    let mut long = query(3);
    long.resize(65_535, 0);
    let long = framed(&long);
    quick.write_all(&[&framed(&query(2))[..], &long, &framed(&query(4))].concat()).await.unwrap();
    for id in [2, 3, 4] {
        let answer = answer(&mut quick).await;
        assert_eq!(answer[..2], [0, id]);
        assert_eq!(answer[3] & 15, u8::from(id == 3), "FORMERR for the one between");
    }
    let trickle = async {
        for part in long.chunks(1000) {
            if slow.write_all(part).await.is_err() {
                return;
            }
            sleep(SECOND / 10).await;
        }
    };
    assert!((20..=22).contains(&tenths(trickle).await));
    assert_eq!(fixture.closed("message"), 1);
    sleep(SECOND * 3).await;
    ask(&mut quick, 5).await;
}

#[tokio::test(start_paused = true)]
async fn what_begins_behind_an_answered_message_has_a_time_of_its_own() {
    let fixture = Fixture::new();
    let mut client = fixture.connect(4096).await;
    let (first, second) = (framed(&query(1)), framed(&query(2)));
    client.write_all(&first[..9]).await.unwrap();
    sleep(SECOND * 3 / 2).await;
    client.write_all(&[&first[9..], &second[..9]].concat()).await.unwrap();
    assert_eq!(answer(&mut client).await[..2], [0, 1]);
    sleep(SECOND * 3 / 2).await;
    client.write_all(&[&second[9..], &first[..1]].concat()).await.unwrap();
    assert_eq!(answer(&mut client).await[..2], [0, 2]);
    assert_eq!(tenths(end(&mut client)).await, 20);
    assert_eq!(fixture.closed("message"), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_is_cut_and_keeps_nobody_waiting() {
    let fixture = Fixture::new();
    let (mut stuck, mut other) = (fixture.connect(64).await, fixture.connect(4096).await);
    let flood = async { while stuck.write_all(&framed(&query(1))).await.is_ok() {} };
    let others = async { tenths(ask(&mut other, 2)).await };
    let (cut, answered) = tokio::join!(tenths(flood), others);
    assert_eq!((cut, answered), (50, 0));
    assert_eq!(fixture.closed("unread"), 1);
}

#[tokio::test(start_paused = true)]
async fn times_follow_the_configuration_from_the_next_answer_on() {
    let fixture = Fixture::new();
    let mut client = fixture.connect(4096).await;
    ask(&mut client, 1).await;
    let new = snapshot(Tcp { idle: SECOND * 3, message: SECOND, ..Tcp::default() });
    fixture.shared.context.current.store(Arc::new(new));
    ask(&mut client, 2).await;
    sleep(SECOND * 2).await;
    client.write_all(&[0]).await.unwrap();
    assert_eq!(tenths(end(&mut client)).await, 10);
    let mut next = fixture.connect(4096).await;
    assert_eq!(tenths(end(&mut next)).await, 30);
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_deep_pipeline_has_a_batch_and_then_others_have_theirs() {
    const DEEP: u64 = 5000;
    let fixture = Fixture::new();
    let mut greedy = fixture.connect(1 << 20).await;
    let burst = framed(&query(1)).repeat(usize::try_from(DEEP).unwrap());
    greedy.write_all(&burst).await.unwrap();
    let mut polite = fixture.connect(4096).await;
    polite.write_all(&framed(&query(2))).await.unwrap();
    assert_eq!(answer(&mut polite).await[..2], [0, 2]);
    let before = fixture.counted(ANSWERED);
    // Some 130 of these are in what is read at once.
    assert!(before < 500, "{before} were answered before one that came at the same time");
    for _ in 0..DEEP {
        answer(&mut greedy).await;
    }
    assert_eq!(fixture.counted(ANSWERED), DEEP + 1);
}

/// The clock is not held: it would wait for the client to rest.
#[tokio::test]
async fn a_client_without_end_does_not_hold_up_the_end() {
    let mut fixture = Fixture::new();
    let client = fixture.connect(1000).await;
    let (mut read, mut write) = tokio::io::split(client);
    let mut streams = JoinSet::new();
    streams.spawn(async move { while write.write_all(&framed(&query(1))).await.is_ok() {} });
    streams.spawn(async move { while matches!(read.read(&mut [0; 100]).await, Ok(1..)) {} });
    while fixture.counted(ANSWERED) < 1000 {
        yield_now().await;
    }
    fixture.stop.cancel();
    timeout(SECOND * 20, fixture.tasks.join_next()).await.unwrap().unwrap().unwrap();
    assert_eq!(fixture.closed("stop"), 1);
    while streams.join_next().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn while_draining_clients_are_told_not_to_stay() {
    let fixture = Fixture::new();
    let rules = Tcp::default();
    assert_eq!(fixture.shared.offered_idle(rules), SECOND * 10);
    fixture.draining.cancel();
    assert_eq!(fixture.shared.offered_idle(rules), Duration::ZERO);
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        Write::write(&mut *self.0.lock().unwrap(), octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_accept_neither_end_the_listener_nor_spin_nor_flood_the_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let fixture = Fixture::new();
    let lasting = [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM];
    let began = Instant::now();
    for errno in lasting.into_iter().cycle().take(90) {
        fixture.fail(errno).await;
    }
    let mut client = fixture.connect(4096).await;
    ask(&mut client, 1).await;
    assert_eq!(began.elapsed().as_secs(), 9, "a tenth of a second for each");
    assert_eq!(log.lines().len(), 1, "{:?}", log.lines());
    sleep(SECOND * 2).await;
    let mut client = fixture.connect(4096).await;
    ask(&mut client, 1).await;
    let lines = log.lines();
    assert!(lines.len() == 2 && lines[1].contains("errors=90"), "{lines:?}");
    let began = Instant::now();
    for _ in 0..500 {
        fixture.fail(Errno::ECONNABORTED).await;
    }
    let mut client = fixture.connect(4096).await;
    ask(&mut client, 1).await;
    assert_eq!(began.elapsed(), Duration::ZERO, "those of one connection cost nobody time");
    assert_eq!(log.lines().len(), 2);
}
