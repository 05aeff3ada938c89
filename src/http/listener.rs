//! Accepts connections and drives them, within bounds: many, idle, slow or endless ones cannot
//! take the file descriptors that DNS and checks need.

use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::model::time::Clock;
use crate::transport::tcp::trouble::{Trouble, concerns_one};

/// What one listener puts up with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    connections: usize,
    header: Duration,
    age: Duration,
    farewell: Duration,
    pause: Duration,
}

/// Scrapers, probes and people are few, and HTTP/1.1 has one request a connection at a time.
/// Further ones wait in the kernel's backlog.
pub(super) const LIMITS: Limits = Limits {
    connections: 256,
    // From the connection's start or the last answer to the end of the next header.
    header: Duration::from_secs(10),
    // Whoever reads an answer slower than this is cut off; others just connect again.
    age: Duration::from_secs(120),
    // For requests in flight when the server stops or the age is reached.
    farewell: Duration::from_secs(2),
    // After an accept that failed for want of descriptors or memory, which stays so for a while.
    pause: Duration::from_millis(200),
};

/// A header larger than this is no request of ours.
const MAX_HEADER: usize = 16 * 1024;

/// Answers with `routes` until `stop`; requests in flight may end.
pub(super) async fn serve(
    limits: Limits,
    listener: TcpListener,
    routes: Router,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut connections = JoinSet::new();
    let mut trouble = Trouble::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.connections => {
                match accepted {
                    Ok((stream, _)) => {
                        if let Some(errors) = trouble.accepted(clock().mono) {
                            info!(errors, "HTTP connections are accepted again");
                        }
                        connections.spawn(converse(limits, stream, routes.clone(), stop.clone()));
                    }
                    Err(error) if concerns_one(&error) => {}
                    Err(error) => {
                        if let Some(errors) = trouble.failed(clock().mono) {
                            warn!(%error, errors, "cannot accept HTTP connections");
                        }
                        tokio::time::sleep(limits.pause).await;
                    }
                }
            }
        }
    }
    // Nobody is let in any more while the last answers go out.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection, from its first octet to its last.
async fn converse(limits: Limits, stream: TcpStream, routes: Router, stop: CancellationToken) {
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(MAX_HEADER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut conversation = std::pin::pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => ended,
        () = until_farewell(limits.age, &stop) => {
            conversation.as_mut().graceful_shutdown();
            match tokio::time::timeout(limits.farewell, conversation).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        debug!(%error, "an HTTP connection broke off");
    }
}

async fn until_farewell(age: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(age) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::model::time::Now;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    async fn start(limits: Limits, tasks: &mut JoinSet<()>) -> (TcpStream, CancellationToken) {
        let slow = || async { tokio::time::sleep(Duration::from_millis(100)).await };
        let routes = Router::new().route("/", get(|| async { "hello" })).route("/slow", get(slow));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let clock: Clock = Arc::new(Now::default);
        tasks.spawn(serve(limits, listener, routes, clock, stop.clone()));
        (TcpStream::connect(address).await.unwrap(), stop)
    }

    async fn all_of(stream: &mut TcpStream) -> String {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn idle_and_slow_clients_are_closed() {
        let mut tasks = JoinSet::new();
        let limits = Limits { header: Duration::from_millis(50), ..LIMITS };
        let (mut idle, _stop) = start(limits, &mut tasks).await;
        let mut slow = TcpStream::connect(idle.peer_addr().unwrap()).await.unwrap();
        slow.write_all(b"GET / HTTP/1.1\r\nHos").await.unwrap();
        assert!(!all_of(&mut idle).await.contains("200"));
        assert!(!all_of(&mut slow).await.contains("200"));
    }

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_for_its_turn() {
        let mut tasks = JoinSet::new();
        let (mut first, _stop) = start(Limits { connections: 1, ..LIMITS }, &mut tasks).await;
        first.write_all(REQUEST).await.unwrap();
        let mut some = [0; 5];
        first.read_exact(&mut some).await.unwrap();
        let mut second = TcpStream::connect(first.peer_addr().unwrap()).await.unwrap();
        second.write_all(REQUEST).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(50), second.read_exact(&mut some));
        assert!(early.await.is_err(), "the first still has the only place");
        drop(first);
        second.read_exact(&mut some).await.unwrap();
        assert_eq!(&some, b"HTTP/");
    }

    #[tokio::test]
    async fn a_connection_ends_at_its_age() {
        let mut tasks = JoinSet::new();
        let limits = Limits { age: Duration::from_millis(50), ..LIMITS };
        let (mut stream, _stop) = start(limits, &mut tasks).await;
        stream.write_all(REQUEST).await.unwrap();
        assert!(all_of(&mut stream).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn a_request_in_flight_ends_well_when_the_server_stops() {
        let mut tasks = JoinSet::new();
        let (mut stream, stop) = start(LIMITS, &mut tasks).await;
        stream.write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
        stop.cancel();
        assert!(all_of(&mut stream).await.starts_with("HTTP/1.1 200"));
        tasks.join_next().await.unwrap().unwrap();
    }
}
