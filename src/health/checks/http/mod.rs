//! An HTTP check: one HTTP/1.1 exchange on a connection of its own, redirects not followed.
//!
//! Written here because a check needs so little of a client: no
//! channel, no second future, no buffer while it waits. Of many thousand checks that is a third of
//! what they cost.

mod answer;
mod chunks;
mod exchange;
mod head;
pub(super) mod patient;
pub(super) mod request;
#[cfg(test)]
mod tests;
mod wanted;

use std::sync::{Arc, OnceLock};

use tokio::io::{AsyncRead, AsyncWrite};

use crate::health::checks::connect::{self, Route};
use crate::health::checks::http::answer::{Answer, Listener};
use crate::health::checks::http::exchange::Exchange;
use crate::health::checks::http::wanted::Wanted;
use crate::health::checks::{fault, tls};
use crate::model::check::{CheckTarget, HttpCheck, StatusSet};
use crate::model::health::{Finding, Outcome};

pub(super) const AGENT: &str = concat!("livezone/", env!("CARGO_PKG_VERSION"));

/// Passes when the status, and the body if it is expected to match, are as expected.
pub(super) async fn run(
    (check, target): (&HttpCheck, &CheckTarget),
    immediate: &[u16],
    route: Route<'_>,
    tls: Option<tls::Client>,
) -> Result<Outcome, Outcome> {
    let request = request::write(check, target).map_err(|why| {
        fault::ours(format!(
            "cannot build the \
                                                                         request: {why}"
        ))
    })?;
    let answer = if let Some(tls) = tls {
        // A handshake is large: runs in the clear need not make room for it.
        Box::pin(over_tls(check, request, route, tls)).await?
    } else {
        let (stream, sent) = connect::open_and_send(route, &request).await?;
        let mut exchange = exchange(check, stream, request, sent);
        let answer = (&mut exchange).await?;
        exchange.into_stream().close();
        answer
    };
    Ok(judge(check, immediate, &answer))
}

async fn over_tls(
    check: &HttpCheck,
    request: Vec<u8>,
    route: Route<'_>,
    tls: tls::Client,
) -> Result<Answer, Outcome> {
    let stream = connect::open(route).await?;
    exchange(check, tls.handshake(stream).await?, request, 0).await
}

/// `sent` octets of the request are on their way already.
fn exchange<S>(check: &HttpCheck, stream: S, request: Vec<u8>, sent: usize) -> Exchange<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let wanted = match (&check.expect_body, check.method.as_str()) {
        (None, _) => Wanted::Head,
        (Some(_), "HEAD") => Wanted::BodyOfHead,
        (Some(_), _) => Wanted::Body,
    };
    Exchange::new(stream, request, sent, Listener::new(wanted))
}

fn judge(check: &HttpCheck, immediate: &[u16], answer: &Answer) -> Outcome {
    let outcome = judge_status(answer.status, check.expect_status.as_ref(), immediate);
    match (outcome.finding, &check.expect_body) {
        (Finding::Pass, Some(pattern)) if !pattern.0.is_match(&answer.body) => {
            match &answer.coding {
                Some(coding) => fault::theirs(format!(
                    "body does not match expect_body: the body is encoded ({coding})"
                )),
                None => fault::theirs("body does not match expect_body"),
            }
        }
        _ => outcome,
    }
}

/// | status | finding |
/// |---|---|
/// | in `expect_status` | pass |
/// | in `immediate_status` | fail at once |
/// | 429 | warn |
/// | 200–299 without `expect_status` | pass |
/// | other | fail |
fn judge_status(status: u16, expected: Option<&StatusSet>, immediate: &[u16]) -> Outcome {
    let reason = words(status);
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

/// What is said of a status. Each is written once: the same few are said at every run.
fn words(status: u16) -> Arc<str> {
    static WORDS: [OnceLock<Arc<str>>; 1000] = [const { OnceLock::new() }; 1000];
    let write = || format!("HTTP {status}").into();
    WORDS.get(usize::from(status)).map_or_else(write, |known| Arc::clone(known.get_or_init(write)))
}

#[cfg(test)]
mod judgement {
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
