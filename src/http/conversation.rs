//! One connection: its requests, one after the other, and why it ends.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Request, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::http::orders::Client;
use crate::http::stream::Stream;
use crate::metrics::connections::Closed;
use crate::transport::tcp::seats::Seat;

/// What a connection may use, beside what is configured. A request that waits for its answer has no
/// limit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// From the connection's start or the last answer to the end of the next header.
    pub(super) header: Duration,
    /// For an answer to be taken, from when the client first does not keep up.
    pub(super) write: Duration,
    /// Requests of one connection, so that clients are spread anew over servers now and then.
    pub(super) requests: u32,
    /// For requests in flight when the server stops.
    pub(super) farewell: Duration,
}

pub(super) const LIMITS: Limits = Limits {
    header: Duration::from_secs(10),
    write: Duration::from_secs(30),
    requests: 10_000,
    farewell: Duration::from_secs(2),
};

/// A header larger than this is no request of ours.
const MAX_HEADER: usize = 16 * 1024;

/// From the first octet to the last.
pub(super) async fn converse(
    limits: Limits,
    stream: TcpStream,
    routes: Router,
    seat: Seat,
    stop: CancellationToken,
) {
    // Dropped last: the descriptor is free before its seat is.
    let seat = Arc::new(seat);
    let (routes, asked) = (TowerToHyperService::new(routes), AtomicU32::new(0));
    let client = stream.peer_addr().map(|peer| Client(peer.ip().to_canonical())).ok();
    let is_last = |asked: u32| asked >= limits.requests;
    let service = service_fn(|mut request: Request<Incoming>| {
        client.map(|client| request.extensions_mut().insert(client));
        let busy = Busy::new(&seat);
        let is_last = is_last(asked.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        answer(routes.call(request), busy, is_last)
    });
    let stream = TokioIo::new(Stream::new(stream, limits.write));
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(MAX_HEADER)
        .serve_connection(stream, service);
    let mut conversation = pin!(conversation);
    let ended = tokio::select! {
        ended = conversation.as_mut() => Some(ended),
        () = stop.cancelled() => {
            conversation.as_mut().graceful_shutdown();
            timeout(limits.farewell, conversation).await.ok()
        }
    };
    let why = match ended {
        None | Some(Ok(())) if stop.is_cancelled() => Closed::Stop,
        Some(Ok(())) if is_last(asked.load(Ordering::Relaxed)) => Closed::Requests,
        None | Some(Ok(())) => Closed::Client,
        Some(Err(error)) => {
            debug!(%error, "HTTP connection ended by an error");
            reason(&error)
        }
    };
    seat.closed(why);
}

/// What the routes say, of which the connection's last answer says that it is.
async fn answer(
    answer: impl Future<Output = Result<Response<Body>, Infallible>>,
    busy: Busy,
    is_last: bool,
) -> Result<Response<Body>, Infallible> {
    let mut answer = answer.await?;
    if is_last {
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer.map(|body| Body::new(Held { body, _busy: busy })))
}

fn reason(error: &hyper::Error) -> Closed {
    let cause = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    if error.is_timeout() {
        Closed::Idle
    } else if error.is_parse() {
        Closed::Malformed
    } else if cause.is_some_and(|cause| cause.kind() == io::ErrorKind::TimedOut) {
        Closed::Unread
    } else {
        Closed::Client
    }
}

/// While there is one, an answer is due.
struct Busy(Arc<Seat>);

impl Busy {
    fn new(seat: &Arc<Seat>) -> Self {
        seat.busy();
        Self(Arc::clone(seat))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.idle();
    }
}

/// A body that keeps its connection busy until all of it is made: from then on it is the client that
/// has to do something.
struct Held {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
