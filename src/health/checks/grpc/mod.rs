//! A gRPC check: one call of `grpc.health.v1.Health/Check` on an HTTP/2 connection of its own.

mod fate;
mod inline;
mod message;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use hyper::{Method, Request, Response, StatusCode, Uri, Version, http};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::health::checks::connect::{self, Route};
use crate::health::checks::grpc::fate::of_hyper;
use crate::health::checks::grpc::inline::Inline;
use crate::health::checks::grpc::message::{Status, Unread};
use crate::health::checks::http::AGENT;
use crate::health::checks::overheard::{Memory, Overheard};
use crate::health::checks::{fault, tls};
use crate::model::check::{CheckTarget, GrpcCheck};
use crate::model::health::{Finding, Outcome};

const PATH: &str = "/grpc.health.v1.Health/Check";

/// No honest head or trailers are longer, and no other may fill our memory.
const HEAD_LIMIT: u32 = 16 * 1024;

/// An honest answer has seven octets; this is for fields that a later protocol may add.
const ANSWER_LIMIT: usize = 4096;

/// The least that HTTP/2 lets a connection have in flight (RFC 9113 section 6.9.2).
const WINDOW: u32 = 65_535;

/// What a server says of its own words is cut to this.
const MESSAGE_SHOWN: usize = 100;

pub(super) async fn run(
    check: &GrpcCheck,
    target: &CheckTarget,
    route: Route<'_>,
    tls: Option<tls::Client>,
) -> Result<Outcome, Outcome> {
    let request = request(check, target, route.limit)
        .map_err(|_| fault::ours("cannot encode the request"))?;
    let stream = connect::open(route).await?;
    if let Some(tls) = tls {
        return exchange(request, handshake(tls, stream).await?).await;
    }
    exchange(request, stream).await
}

/// A server that speaks HTTP/2 alone may agree to no protocol at all, but not to another one.
async fn handshake(
    tls: tls::Client,
    stream: tokio::net::TcpStream,
) -> Result<tls::Stream, Outcome> {
    let mut config = Arc::unwrap_or_clone(tls.config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    tls::Client { config: Arc::new(config), name: tls.name }.handshake(stream).await
}

pub(super) fn request(
    check: &GrpcCheck,
    target: &CheckTarget,
    limit: Duration,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let authority = check.authority.as_deref().map_or_else(|| target.authority(), str::to_owned);
    let scheme = if check.tls.is_some() { "https" } else { "http" };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(PATH).build()?;
    // The protocol has room for eight digits.
    let timeout = format!("{}m", limit.as_millis().min(99_999_999));
    Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(uri)
        .header(TE, "trailers")
        .header(CONTENT_TYPE, "application/grpc")
        .header(USER_AGENT, AGENT)
        .header(HeaderName::from_static("grpc-timeout"), HeaderValue::try_from(timeout)?)
        .body(Full::from(message::question(&check.service)))
}

async fn exchange<S>(request: Request<Full<Bytes>>, stream: S) -> Result<Outcome, Outcome>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // hyper moves an HTTP/2 connection by tasks; they are kept in this one, so that dropping the
    // run drops them.
    let inline = Inline::default();
    let (stream, memory) = Overheard::new(stream);
    let handshake = http2::Builder::new(inline.executor())
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream));
    let failed = |error: hyper::Error| of_hyper(&error, memory.beginning());
    let (mut sender, connection) = handshake.await.map_err(failed)?;
    let answer =
        async { judge(sender.send_request(request).await.map_err(failed)?, &memory).await };
    tokio::select! {
        biased;
        outcome = answer => outcome,
        never = inline.drive(connection) => match never {},
    }
}

/// The status stands in the trailers, or in the head when there is nothing else.
async fn judge(response: Response<Incoming>, memory: &Memory) -> Result<Outcome, Outcome> {
    let (head, body) = response.into_parts();
    if let Some(outcome) = of_status(&head.headers) {
        return Err(outcome);
    }
    if head.status != StatusCode::OK {
        return Err(fault::theirs(format!(
            "HTTP {} instead of a gRPC response",
            head.status.as_u16()
        )));
    }
    let kind = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if !kind.starts_with(b"application/grpc") {
        return Err(fault::theirs("the response is not gRPC"));
    }
    let (message, trailers) = read(body, memory).await?;
    if let Some(outcome) = of_status(&trailers) {
        return Err(outcome);
    }
    if !trailers.contains_key(STATUS) {
        return Err(fault::theirs("the response has no gRPC status"));
    }
    match message::answer(&message) {
        Ok(Status::Serving) => Ok(Outcome::new(Finding::Pass, "gRPC SERVING")),
        Ok(other) => Err(fault::theirs(format!("gRPC {other}"))),
        Err(Unread::Compressed) => Err(fault::theirs(
            "the response is compressed, which was not \
                                                      requested",
        )),
        Err(Unread::Malformed) => Err(fault::theirs("the response is not a gRPC health message")),
    }
}

/// The whole body, within the limit, and its trailers.
async fn read(mut body: Incoming, memory: &Memory) -> Result<(Vec<u8>, HeaderMap), Outcome> {
    let (mut message, mut trailers) = (Vec::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| of_hyper(&error, memory.beginning()))?.into_data() {
            Ok(data) if data.len() > ANSWER_LIMIT.saturating_sub(message.len()) => {
                return Err(fault::theirs("the response is too large"));
            }
            Ok(data) => message.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    Ok((message, trailers))
}

const STATUS: &str = "grpc-status";

/// What a status other than 0 says; `None` where there is none or all is well.
fn of_status(headers: &HeaderMap) -> Option<Outcome> {
    let status = headers.get(STATUS)?.to_str().unwrap_or_default();
    let reason = match status {
        "0" => return None,
        // The health protocol's own meaning.
        "5" => "gRPC NOT_FOUND (service unknown)".to_owned(),
        code => match code.parse::<usize>().ok().and_then(|code| CODES.get(code)) {
            Some(name) => format!("gRPC status {code} {name}{}", of_message(headers)),
            None => format!("gRPC status {:?}", code.chars().take(8).collect::<String>()),
        },
    };
    Some(fault::theirs(reason))
}

/// `": …"`, when the server has something to say; percent-encoded text is shown as it is.
fn of_message(headers: &HeaderMap) -> String {
    let message = headers.get("grpc-message").and_then(|text| text.to_str().ok());
    match message.unwrap_or_default() {
        "" => String::new(),
        text => format!(": {}", text.chars().take(MESSAGE_SHOWN).collect::<String>()),
    }
}

const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];
