//! Three small HTTP backends that fail and recover on request, on a thread of their own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::{Failure, Verdict};
use crate::http::listener::{self, Shared};
use crate::metrics::Metrics;
use crate::server::{self, clock};

/// Loopback is a whole network: each backend has an address of its own, and all have one port.
const ADDRESSES: [Ipv4Addr; 3] =
    [Ipv4Addr::new(127, 0, 0, 2), Ipv4Addr::new(127, 0, 0, 3), Ipv4Addr::new(127, 0, 0, 4)];

/// A port that is free at the first address is seldom taken at the others.
const ATTEMPTS: usize = 16;

/// The backends, until they are stopped.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) addresses: [SocketAddr; ADDRESSES.len()],
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Backends {
    pub(super) fn start() -> Result<Self, Failure> {
        let no_thread = |error: io::Error| {
            let error = anyhow::Error::new(error).context(server::threads::missing("the backends"));
            Failure::new(Verdict::Bad, error)
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let listeners = runtime.block_on(listen());
        let (port, listeners) =
            listeners.map_err(|error| Failure::new(Verdict::Unreachable, error))?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let thread = std::thread::Builder::new()
            .name("demo-backends".to_owned())
            .spawn(move || serve(&runtime, listeners, &stopped))
            .map_err(no_thread)?;
        let addresses = ADDRESSES.map(|address| SocketAddr::new(address.into(), port));
        Ok(Self { addresses, stop, thread })
    }

    pub(super) fn stop(self) {
        self.stop.cancel();
        // Its panic was printed, and the demo ends anyway.
        let _ = self.thread.join();
    }
}

async fn listen() -> anyhow::Result<(u16, Vec<TcpListener>)> {
    let mut last = None;
    for _ in 0..ATTEMPTS {
        match listen_once().await {
            Ok(found) => return Ok(found),
            Err(error) => last = Some(error),
        }
    }
    let [first, .., end] = ADDRESSES;
    let context = format!("cannot listen on {first} to {end} for the demo's backends");
    Err(last.map_or_else(|| anyhow::anyhow!("no attempt"), anyhow::Error::new)).context(context)
}

async fn listen_once() -> io::Result<(u16, Vec<TcpListener>)> {
    let mut port = 0;
    let mut listeners = Vec::with_capacity(ADDRESSES.len());
    for address in ADDRESSES {
        let listener = TcpListener::bind((address, port)).await?;
        port = listener.local_addr()?.port();
        listeners.push(listener);
    }
    Ok((port, listeners))
}

fn serve(runtime: &Runtime, listeners: Vec<TcpListener>, stop: &CancellationToken) {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        // Their connections are counted for nobody.
        let (http, metrics) = (Arc::default(), Metrics::new(""));
        let shared = Arc::new(Shared::new(http, &metrics, clock::start()));
        for (listener, address) in listeners.into_iter().zip(ADDRESSES) {
            tasks.spawn(listener::serve(
                listener,
                routes(address),
                Arc::clone(&shared),
                stop.clone(),
            ));
        }
        while tasks.join_next().await.is_some() {}
    });
}

#[derive(Clone, Debug)]
struct Backend {
    address: Ipv4Addr,
    failing: Arc<AtomicBool>,
}

fn routes(address: Ipv4Addr) -> Router {
    let switch = |to| {
        post(move |State(backend): State<Backend>| async move { backend.switch(to) })
            .put(move |State(backend): State<Backend>| async move { backend.switch(to) })
    };
    Router::new()
        .route("/", get(|State(backend): State<Backend>| async move { backend.name() }))
        .route("/health", get(|State(backend): State<Backend>| async move { backend.health() }))
        .route("/fail", switch(true))
        .route("/recover", switch(false))
        .with_state(Backend { address, failing: Arc::default() })
}

impl Backend {
    fn name(&self) -> String {
        format!("this is the backend at {}\n", self.address)
    }

    fn health(&self) -> (StatusCode, &'static str) {
        if self.failing.load(Ordering::Relaxed) {
            (StatusCode::SERVICE_UNAVAILABLE, "failing\n")
        } else {
            (StatusCode::OK, "healthy\n")
        }
    }

    fn switch(&self, failing: bool) -> String {
        self.failing.store(failing, Ordering::Relaxed);
        let word = if failing { "now fails its checks" } else { "now passes its checks" };
        format!("the backend at {} {word}\n", self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(request: impl FnOnce(reqwest::Client) -> reqwest::RequestBuilder) -> (u16, String) {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        runtime.block_on(async {
            let answer = request(client).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        })
    }

    #[test]
    fn a_backend_fails_and_recovers_alone() {
        let backends = Backends::start().unwrap();
        let [first, second, _] = backends.addresses.map(|address| format!("http://{address}"));
        let health = |base: &str| ask(|client| client.get(format!("{base}/health"))).0;
        assert_eq!((health(&first), health(&second)), (200, 200));
        let told = ask(|client| client.post(format!("{second}/fail"))).1;
        assert_eq!(told, "the backend at 127.0.0.3 now fails its checks\n");
        assert_eq!((health(&first), health(&second)), (200, 503));
        ask(|client| client.put(format!("{second}/recover")));
        assert_eq!(health(&second), 200);
        let name = ask(|client| client.get(first)).1;
        assert_eq!(name, "this is the backend at 127.0.0.2\n");
        backends.stop();
    }
}
