//! Accepts connections within bounds: many, idle, slow or endless ones cannot take the file
//! descriptors that DNS and checks need, nor keep a probe out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::http::Http;
use crate::http::conversation::{LIMITS, Limits, converse};
use crate::metrics::Metrics;
use crate::model::time::Clock;
use crate::transport::tcp::seats::Seats;
use crate::transport::tcp::table::client;
use crate::transport::tcp::trouble::{Trouble, concerns_one};

/// After an accept that failed for want of descriptors or memory, which stays so for a while.
const PAUSE: Duration = Duration::from_millis(200);
/// What the system keeps of answers for each connection; left alone it would grow to megabytes for
/// a client that does not read.
const SEND_BUFFER: usize = 256 << 10;
/// A client whose machine has gone is found out within a minute and a half, also while a request
/// waits: those have no limit of their own.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(10))
    .with_retries(3);

/// What both addresses share.
pub struct Shared {
    pub(super) limits: Limits,
    seats: Arc<Seats>,
    current: Arc<ArcSwap<Http>>,
    clock: Clock,
}

impl Shared {
    /// As many connections as `current` says.
    pub fn new(current: Arc<ArcSwap<Http>>, metrics: &Metrics, clock: Clock) -> Self {
        let seats = Arc::new(Seats::new(Arc::clone(&clock), metrics.http()));
        Self { limits: LIMITS, seats, current, clock }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("seats", &self.seats).finish_non_exhaustive()
    }
}

/// Answers with `routes` until `stop`; requests in flight may end.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    shared: Arc<Shared>,
    stop: CancellationToken,
) {
    bequeath(&listener);
    let mut connections = JoinSet::new();
    let mut trouble = Trouble::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let now = (shared.clock)().mono;
        match accepted {
            Ok((stream, peer)) => {
                if let Some(errors) = trouble.accepted(now) {
                    info!(errors, "accepting HTTP connections again");
                }
                let limits = shared.current.load().connections;
                shared.seats.admit(client(peer.ip()), limits, shared.seats.take(), |seat| {
                    let (routes, stop) = (routes.clone(), stop.clone());
                    connections.spawn(converse(shared.limits, stream, routes, seat, stop))
                });
                stop.run_until_cancelled(shared.seats.settled(limits.max)).await;
            }
            Err(error) if concerns_one(&error) => {}
            Err(error) => {
                if let Some(errors) = trouble.failed(now) {
                    warn!(%error, errors, "cannot accept HTTP connections");
                }
                stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
            }
        }
    }
    // Nobody is let in any more while the last answers go out.
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Connections have what their listener was given. Where the system does not grant it they are as it
/// makes them.
fn bequeath(listener: &TcpListener) {
    let socket = SockRef::from(listener);
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    let _ = socket.set_tcp_keepalive(&KEEPALIVE);
    let _ = socket.set_tcp_user_timeout(Some(LIMITS.write));
}
