//! Accepts connections, come what may.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::transport::tcp::connection::{Connection, Stream};
use crate::transport::tcp::table::client;
use crate::transport::tcp::trouble::concerns_one;
use crate::transport::tcp::{Shared, lock};

/// How long to wait when there are no descriptors or no memory for another connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Serves `listener` until `stop`: then what was read is answered, and the connections are closed.
pub async fn serve(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let mut tasks = JoinSet::new();
    let poll = |context: &mut Context<'_>| listener.poll_accept(context);
    accept(poll, &shared, &stop, &mut tasks).await;
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Starts a connection for each that `poll` gives, until `stop`.
pub(super) async fn accept<S: Stream>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(S, SocketAddr)>>,
    shared: &Arc<Shared>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<()>,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            Some(_) = tasks.join_next() => continue,
            accepted = poll_fn(&mut poll) => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if let Some(errors) = lock(&shared.trouble).accepted(shared.now()) {
                    tracing::info!(errors, "accepting TCP connections again");
                }
                let limits = shared.context.current.load().rules.tcp.connections();
                shared.seats.admit(client(peer.ip()), limits, shared.seats.take(), |seat| {
                    let connection = Connection::new(stream, peer, Arc::clone(shared), seat);
                    tasks.spawn(connection.converse(stop.clone()))
                });
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = shared.seats.settled(limits.max) => {}
                }
            }
            Err(error) if concerns_one(&error) => {}
            Err(error) => {
                if let Some(errors) = lock(&shared.trouble).failed(shared.now()) {
                    tracing::warn!(%error, errors, "cannot accept TCP connections");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(BACK_OFF) => {}
                }
            }
        }
    }
}

impl Stream for TcpStream {
    fn give_up(&self) {
        // Where it fails there is no connection any more.
        let _ = self.set_zero_linger();
    }
}
