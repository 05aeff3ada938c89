//! Compresses bodies for clients that accept it, a few at a time: an encoder takes 300 KiB for as
//! long as its client reads.

use std::io::Write as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderValue, VARY};
use axum::middleware::Next;
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::{Body as _, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Encoders at one time; who comes when all are in use has the body as it is.
const ENCODERS: usize = 32;
/// What is shorter fits into one packet as it is.
const SHORT: u64 = 1400;
/// Octets that are compressed before others have their turn on this thread.
const AT_ONCE: usize = 64 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Encoders(Arc<Semaphore>);

impl Encoders {
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(ENCODERS)))
    }
}

pub(super) async fn encode(
    State(encoders): State<Encoders>,
    request: Request,
    next: Next,
) -> Response {
    let wanted = accepts(request.headers());
    let mut response = next.run(request).await;
    let is_long = response.body().size_hint().exact().is_none_or(|octets| octets > SHORT);
    if !is_long || response.headers().contains_key(CONTENT_ENCODING) {
        return response;
    }
    response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    let Some(permit) = wanted.then(|| encoders.0.try_acquire_owned().ok()).flatten() else {
        return response;
    };
    response.headers_mut().remove(CONTENT_LENGTH);
    response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    response.map(|body| Body::new(Encoded::new(body, permit)))
}

/// Whether gzip is named and not refused (RFC 9110 section 12.5.3).
fn accepts(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let is_nothing = |weight: &str| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0);
        is_gzip && !parts.filter_map(|part| part.strip_prefix("q=")).any(is_nothing)
    })
}

/// A body that is compressed as it is read.
struct Encoded {
    body: Body,
    /// Of the body, and not compressed yet.
    rest: Bytes,
    /// `None` once the end is written.
    encoder: Option<GzEncoder<Vec<u8>>>,
    _permit: OwnedSemaphorePermit,
}

impl Encoded {
    fn new(body: Body, permit: OwnedSemaphorePermit) -> Self {
        let encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
        Self { body, rest: Bytes::new(), encoder, _permit: permit }
    }
}

type Compressed = Option<Result<Frame<Bytes>, axum::Error>>;

impl hyper::body::Body for Encoded {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Compressed> {
        let this = &mut *self;
        loop {
            let Some(encoder) = &mut this.encoder else { return Poll::Ready(None) };
            if this.rest.is_empty() {
                match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                    None => {
                        let end = this.encoder.take().map(GzEncoder::finish);
                        let end = end.and_then(Result::ok).unwrap_or_default();
                        return Poll::Ready(Some(Ok(Frame::data(end.into()))));
                    }
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    Some(Ok(frame)) => this.rest = frame.into_data().unwrap_or_default(),
                }
                continue;
            }
            let part = this.rest.split_to(this.rest.len().min(AT_ONCE));
            // Writing to a `Vec` does not fail.
            let _ = encoder.write_all(&part);
            let ready = std::mem::take(encoder.get_mut());
            if !ready.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(ready.into()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use axum::Router;
    use axum::body::to_bytes;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use flate2::read::GzDecoder;
    use hyper::service::Service;
    use hyper_util::service::TowerToHyperService;

    use super::*;

    async fn asked(body: &'static str, accept: &str) -> Response {
        let routes = Router::new()
            .route("/", get(move || async move { body }))
            .layer(from_fn_with_state(Encoders::new(), encode));
        let request = Request::get("/").header(ACCEPT_ENCODING, accept).body(Body::empty());
        TowerToHyperService::new(routes).call(request.unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_long_body_is_compressed_for_those_who_accept_it() {
        let body: &str = Box::leak("0123456789".repeat(50_000).into_boxed_str());
        for accept in ["gzip", "deflate, GZIP;q=0.5", "gzip;q=1.0, identity"] {
            let response = asked(body, accept).await;
            assert_eq!(response.headers()[CONTENT_ENCODING], "gzip", "{accept}");
            assert_eq!(response.headers().get(CONTENT_LENGTH), None);
            let octets = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert!(octets.len() < body.len() / 10, "{}", octets.len());
            let mut text = String::new();
            GzDecoder::new(&octets[..]).read_to_string(&mut text).unwrap();
            assert!(text == body);
        }
        for accept in ["", "gzip;q=0", "br", "*"] {
            let response = asked(body, accept).await;
            assert_eq!(response.headers().get(CONTENT_ENCODING), None, "{accept}");
            assert_eq!(response.headers()[VARY], "accept-encoding");
        }
        assert_eq!(asked("short", "gzip").await.headers().get(CONTENT_ENCODING), None);
    }
}
