//! Connections as a client of the HTTP face meets them, on real sockets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::ConnectionLimits;
use crate::config::http::Http;
use crate::http::conversation::{LIMITS, Limits};
use crate::http::listener::{Shared, serve};
use crate::metrics::{Exposition, Metrics};
use crate::model::time::Now;

/// Longer than any test takes that passes.
const DEADLINE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(50);

struct Served {
    address: SocketAddr,
    metrics: Metrics,
    /// Has one permit more with each request to `/wait`.
    asked: Arc<Semaphore>,
    /// One permit lets one of them be answered.
    answers: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Served {
    async fn start(limits: Limits, connections: ConnectionLimits) -> Self {
        let answers = Arc::new(Semaphore::new(0));
        let shared = Arc::clone(&answers);
        let asked = Arc::new(Semaphore::new(0));
        let of_routes = Arc::clone(&asked);
        let wait = move || {
            let (asked, answers) = (Arc::clone(&of_routes), Arc::clone(&shared));
            async move {
                asked.add_permits(1);
                answers.acquire().await.unwrap().forget();
            }
        };
        let routes = Router::new()
            .route("/", get(|| async { "hello" }))
            .route("/wait", get(wait))
            .route("/day", get(|| sleep(Duration::from_secs(86_400))))
            .route("/large", get(|| async { vec![7_u8; 16 << 20] }));
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = (Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()).into();
        let (stop, metrics, mut tasks) =
            (CancellationToken::new(), Metrics::new("0"), JoinSet::new());
        let http = Http { connections, ..Http::default() };
        let began = tokio::time::Instant::now();
        let clock = Arc::new(move || Now::default().after(began.elapsed()));
        let current = Arc::new(ArcSwap::from_pointee(http));
        let mut shared = Shared::new(current, &metrics, clock);
        shared.limits = limits;
        tasks.spawn(serve(listener, routes, Arc::new(shared), stop.clone()));
        Self { address, metrics, asked, answers, stop, tasks }
    }

    async fn with(limits: Limits) -> Self {
        Self::start(limits, Http::default().connections).await
    }

    async fn limited(max: usize, max_per_client: usize) -> Self {
        Self::start(LIMITS, ConnectionLimits { max, max_per_client }).await
    }

    async fn connect(&self) -> Client {
        self.connect_from(1).await
    }

    async fn connect_from(&self, host: u8) -> Client {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::new(127, 0, 1, host), 0).into()).unwrap();
        Client(within(socket.connect(self.address)).await.unwrap())
    }

    /// One that waits for its answer.
    async fn waiting(&self, host: u8) -> Client {
        let mut client = self.connect_from(host).await;
        // With the first answer the connection is known to have its place.
        client.get("/").await;
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await;
        within(self.asked.acquire()).await.unwrap().forget();
        client
    }

    fn counted(&self, sample: &str) -> u64 {
        let text = self.metrics.render(Exposition::Text);
        let found = text.lines().find_map(|line| line.strip_prefix(sample));
        found.unwrap_or_else(|| panic!("{sample} in {text}")).trim().parse().unwrap()
    }

    async fn end(mut self) -> Self {
        self.stop.cancel();
        within(self.tasks.join_next()).await.unwrap().unwrap();
        assert_eq!(self.counted("livezone_http_connections"), 0);
        self
    }

    /// Ends, and says how many connections were closed for this reason.
    async fn closed(self, reason: &str) -> u64 {
        let sample = format!("livezone_http_closed_total{{reason=\"{reason}\"}}");
        self.end().await.counted(&sample)
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, text: &str) {
        within(self.0.write_all(text.as_bytes())).await.unwrap();
    }

    /// The head of the next answer, whose body has so many octets.
    async fn answer(&mut self, body: usize) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            text.push(within(self.0.read_u8()).await.unwrap());
        }
        within(self.0.read_exact(&mut vec![0; body])).await.unwrap();
        String::from_utf8(text).unwrap()
    }

    async fn get(&mut self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let head = self.answer(5).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        head
    }

    /// All until the end, or a reset.
    async fn rest(&mut self) -> Vec<u8> {
        let mut octets = Vec::new();
        let _ = within(self.0.read_to_end(&mut octets)).await;
        octets
    }
}

async fn within<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("in time")
}

#[tokio::test]
async fn who_sends_nothing_or_half_a_request_is_closed() {
    let served = Served::with(Limits { header: SOON, ..LIMITS }).await;
    let (mut idle, mut half) = (served.connect().await, served.connect().await);
    half.send("GET / HTTP/1.1\r\nHos").await;
    let mut kept = served.connect().await;
    kept.get("/").await;
    for client in [&mut idle, &mut half, &mut kept] {
        assert!(!client.rest().await.windows(3).any(|octets| octets == b"200"));
    }
    assert_eq!(served.closed("idle").await, 3);
}

#[tokio::test]
async fn half_a_body_is_not_waited_for() {
    let served = Served::with(LIMITS).await;
    let mut client = served.connect().await;
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf").await;
    assert!(client.rest().await.starts_with(b"HTTP/1.1 405"));
    served.end().await;
}

#[tokio::test]
async fn what_is_not_http_is_told_so_and_closed() {
    let served = Served::with(LIMITS).await;
    let mut client = served.connect().await;
    client.send("\u{1}\r\n\r\n").await;
    assert!(client.rest().await.starts_with(b"HTTP/1.1 400"));
    assert_eq!(served.closed("malformed").await, 1);
}

#[tokio::test]
async fn who_does_not_read_an_answer_is_cut() {
    let served = Served::with(Limits { write: SOON, ..LIMITS }).await;
    let mut client = served.connect().await;
    client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let cut = async {
        while served.counted("livezone_http_closed_total{reason=\"unread\"}") == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    within(cut).await;
    assert!(client.rest().await.len() < 16 << 20);
    served.end().await;
}

#[tokio::test]
async fn a_connection_has_so_many_requests_and_is_told_of_the_last() {
    let served = Served::with(Limits { requests: 3, ..LIMITS }).await;
    let mut client = served.connect().await;
    for is_last in [false, false, true] {
        assert_eq!(client.get("/").await.contains("connection: close"), is_last);
    }
    assert_eq!(client.rest().await, b"");
    assert_eq!(served.closed("requests").await, 1);
}

#[tokio::test]
async fn at_a_clients_limit_its_longest_idle_goes_and_none_that_waits_for_an_answer() {
    let served = Served::limited(100, 3).await;
    let mut others = served.connect_from(2).await;
    others.get("/").await;
    let mut waiting = served.waiting(1).await;
    let (mut first, mut second) = (served.connect().await, served.connect().await);
    second.get("/").await;
    first.get("/").await;
    let mut third = served.connect().await;
    third.get("/").await;
    assert_eq!(second.rest().await, b"", "it was idle for longer");
    first.get("/").await;
    others.get("/").await;
    served.answers.add_permits(1);
    assert!(waiting.answer(0).await.starts_with("HTTP/1.1 200"));
    // Only now it is idle, and not for as long as the others.
    let (mut fourth, mut fifth) = (served.connect().await, served.connect().await);
    fourth.get("/").await;
    fifth.get("/").await;
    assert_eq!((third.rest().await, first.rest().await), (Vec::new(), Vec::new()));
    waiting.get("/").await;
    assert_eq!(served.closed("limit").await, 3);
}

#[tokio::test]
async fn at_the_limit_of_all_a_newcomer_has_a_place_also_where_all_others_wait() {
    let served = Served::limited(3, 3).await;
    let mut waiting = Vec::new();
    for host in [2, 3, 4] {
        waiting.push(served.waiting(host).await);
    }
    let mut idle = served.connect_from(5).await;
    idle.get("/").await;
    assert_eq!(waiting[0].rest().await, b"", "it has waited for longest");
    served.connect_from(6).await.get("/").await;
    assert_eq!(idle.rest().await, b"", "idle ones go before those that wait");
    served.answers.add_permits(2);
    for client in &mut waiting[1..] {
        assert!(client.answer(0).await.starts_with("HTTP/1.1 200"));
    }
    assert_eq!(served.closed("limit").await, 2);
}

#[tokio::test]
async fn there_are_never_more_than_may_be_however_many_come_at_once() {
    let served = Served::limited(8, 8).await;
    let mut clients = Vec::new();
    for n in 0..200 {
        clients.push(served.connect_from(n % 20 + 1).await);
        // One more was accepted, and takes the place of another.
        assert!(served.counted("livezone_http_connections") <= 9);
    }
    served.connect_from(30).await.get("/").await;
    drop(clients);
    served.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_may_wait_for_a_day() {
    let served = Served::with(LIMITS).await;
    let mut client = served.connect().await;
    client.0.write_all(b"GET /day HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut status = [0; 12];
    client.0.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_request_in_flight_ends_well_when_the_server_stops() {
    let served = Served::with(LIMITS).await;
    let mut waiting = served.waiting(1).await;
    let mut idle = served.connect().await;
    idle.get("/").await;
    served.stop.cancel();
    assert_eq!(idle.rest().await, b"");
    served.answers.add_permits(1);
    assert!(waiting.rest().await.starts_with(b"HTTP/1.1 200"));
    assert_eq!(served.closed("stop").await, 2);
}
