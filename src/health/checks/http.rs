//! An HTTP check: one HTTP/1.1 exchange on a connection of its own, redirects not followed.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::io;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Request, Response, http};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::health::checks::ask_first::AskFirst;
use crate::health::checks::connect::{self, Route};
use crate::health::checks::{fault, tls};
use crate::model::check::{HttpCheck, StatusSet, Target};
use crate::model::health::{Finding, Outcome};

/// What `expect_body` sees of an answer.
const BODY_LIMIT: usize = 64 * 1024;

/// No honest head is longer, and no other may fill our memory.
const HEAD_LIMIT: usize = 64 * 1024;

pub(super) const AGENT: &str = concat!("livezone/", env!("CARGO_PKG_VERSION"));

/// Passes when the status, and the body if it is expected to match, are as expected.
pub(super) async fn run(
    (check, target): (&HttpCheck, &Target),
    immediate: &[u16],
    route: Route<'_>,
    tls: Option<tls::Client>,
) -> Result<Outcome, Outcome> {
    let request =
        request(check, target).map_err(|why| fault::ours(format!("bad request: {why}")))?;
    let stream = connect::open(route).await?;
    match tls {
        Some(tls) => exchange(check, immediate, request, tls.handshake(stream).await?).await,
        None => exchange(check, immediate, request, stream).await,
    }
}

fn request(check: &HttpCheck, target: &Target) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder()
        .method(check.method.as_str())
        .uri(check.path.as_str())
        .body(Full::from(check.body.clone()))?;
    *request.headers_mut() = headers(check, target)?;
    Ok(request)
}

/// Ours first, but for those that the check sets itself. How long the body is, is ours to say.
fn headers(check: &HttpCheck, target: &Target) -> Result<HeaderMap, http::Error> {
    let host = check.host.clone().unwrap_or_else(|| target.authority());
    let ours = [
        (HOST, HeaderValue::try_from(host)?),
        (USER_AGENT, HeaderValue::from_static(AGENT)),
        (ACCEPT, HeaderValue::from_static("*/*")),
        (CONNECTION, HeaderValue::from_static("close")),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in ours {
        if !check.headers.iter().any(|(given, _)| name.as_str().eq_ignore_ascii_case(given)) {
            headers.insert(name, value);
        }
    }
    for (name, value) in &check.headers {
        let name = HeaderName::try_from(name)?;
        if name != CONTENT_LENGTH && name != TRANSFER_ENCODING {
            headers.append(name, HeaderValue::from_bytes(value.as_bytes())?);
        }
    }
    // RFC 9110 8.6: methods that anticipate a body say its length even when it is empty.
    if !check.body.is_empty() || matches!(check.method.as_str(), "POST" | "PUT" | "PATCH") {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(check.body.len()));
    }
    Ok(headers)
}

async fn exchange<S>(
    check: &HttpCheck,
    immediate: &[u16],
    request: Request<Full<Bytes>>,
    stream: S,
) -> Result<Outcome, Outcome>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .title_case_headers(true)
        .handshake(TokioIo::new(AskFirst::new(stream)))
        .await
        .map_err(|error| of_hyper(&error))?;
    // The connection moves in this task: dropping the run drops it. Its end, good or bad, is known
    // to those who wait for the answer, so it is not looked at here.
    let drive = async {
        let _ = connection.await;
        pending::<Infallible>().await
    };
    let answer = async {
        let response = sender.send_request(request).await?;
        judge(check, immediate, response).await
    };
    tokio::select! {
        biased;
        outcome = answer => outcome.map_err(|error: hyper::Error| of_hyper(&error)),
        never = drive => match never {},
    }
}

async fn judge(
    check: &HttpCheck,
    immediate: &[u16],
    response: Response<Incoming>,
) -> Result<Outcome, hyper::Error> {
    let status = response.status().as_u16();
    let outcome = judge_status(status, check.expect_status.as_ref(), immediate);
    let (Finding::Pass, Some(pattern)) = (outcome.finding, &check.expect_body) else {
        return Ok(outcome);
    };
    let body = beginning(response.into_body()).await?;
    if pattern.0.is_match(&body) {
        return Ok(outcome);
    }
    Ok(fault::theirs("body does not match"))
}

/// | status | finding |
/// |---|---|
/// | in `expect_status` | pass |
/// | in `immediate_status` | fail at once |
/// | 429 | warn |
/// | 200–299 without `expect_status` | pass |
/// | other | fail |
fn judge_status(status: u16, expected: Option<&StatusSet>, immediate: &[u16]) -> Outcome {
    let reason = format!("HTTP {status}");
    if expected.is_some_and(|expected| expected.contains(status)) {
        return Outcome::new(Finding::Pass, reason);
    }
    if immediate.contains(&status) {
        return Outcome::new(Finding::FailAtOnce, reason);
    }
    match status {
        429 => Outcome::new(Finding::Warn, reason),
        200..=299 if expected.is_none() => Outcome::new(Finding::Pass, reason),
        301 | 302 | 303 | 307 | 308 => {
            fault::theirs(format!("{reason} (redirects are not followed)"))
        }
        _ => fault::theirs(reason),
    }
}

/// The first of a body, up to the limit or its end.
async fn beginning(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut bytes = Vec::new();
    while bytes.len() < BODY_LIMIT
        && let Some(frame) = body.frame().await
    {
        // Trailers are no part of the body.
        if let Ok(mut data) = frame?.into_data() {
            data.truncate(BODY_LIMIT.saturating_sub(bytes.len()));
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

pub(super) fn of_hyper(error: &hyper::Error) -> Outcome {
    let source = error.source();
    if let Some(error) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
        return fault::of_network(error);
    }
    if let Some(error) = source.and_then(|source| source.downcast_ref::<hyper::Error>()) {
        return of_hyper(error);
    }
    if error.is_parse_too_large() {
        return fault::theirs("the head of the answer is too large");
    }
    if error.is_parse() {
        return fault::theirs("the answer is not HTTP");
    }
    if error.is_incomplete_message() {
        return fault::theirs("connection closed before the answer was complete");
    }
    if error.is_canceled() || error.is_closed() {
        return fault::theirs("connection closed");
    }
    fault::theirs(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(status: u16, expected: Option<&[(u16, u16)]>) -> Finding {
        let expected = expected.map(|ranges| StatusSet(ranges.to_vec()));
        judge_status(status, expected.as_ref(), &[503]).finding
    }

    #[test]
    fn without_expectation_only_2xx_pass() {
        assert_eq!(finding(200, None), Finding::Pass);
        assert_eq!(finding(299, None), Finding::Pass);
        assert_eq!(finding(429, None), Finding::Warn);
        assert_eq!(finding(199, None), Finding::Fail);
        assert_eq!(finding(304, None), Finding::Fail);
        assert_eq!(finding(404, None), Finding::Fail);
        assert_eq!(finding(503, None), Finding::FailAtOnce);
    }

    #[test]
    fn only_what_is_expected_passes() {
        let expected: &[_] = &[(301, 301), (400, 429)];
        assert_eq!(finding(200, Some(expected)), Finding::Fail);
        assert_eq!(finding(301, Some(expected)), Finding::Pass);
        assert_eq!(finding(404, Some(expected)), Finding::Pass);
        assert_eq!(finding(429, Some(expected)), Finding::Pass);
        assert_eq!(finding(429, Some(&[(200, 299)])), Finding::Warn);
    }

    #[test]
    fn an_expected_status_is_no_immediate_failure() {
        assert_eq!(finding(503, Some(&[(503, 503)])), Finding::Pass);
        assert_eq!(finding(503, Some(&[(200, 200)])), Finding::FailAtOnce);
    }
}
