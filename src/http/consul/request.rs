//! What requests say, by Consul's conventions: parameters, and bodies of any Content-Type.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

use crate::http::Face;
use crate::http::consul::boolean;
use crate::http::consul::failure::Failure;
use crate::http::consul::filter::Filter;
use crate::http::consul::filter::fields::Fields;
use crate::syntax::duration;

/// From the first octet of a body to its last: a registration is a few KiB.
const BODY: Duration = Duration::from_secs(10);
/// As Consul has them for requests that wait.
const WAIT: Duration = Duration::from_secs(300);
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// The parameters of a path, decoded, in their order.
#[derive(Clone, Debug, Default)]
pub(in crate::http) struct Params(Vec<(String, String)>);

impl Params {
    pub(in crate::http) fn of(uri: &Uri) -> Self {
        // Whatever is no pair is no parameter of ours.
        Self(Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default())
    }

    /// The first of that name, as Go has it; a bare one is empty.
    pub(in crate::http) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(of, _)| of == key).map(|(_, value)| &**value)
    }

    /// The same, and nothing for an empty one.
    pub(in crate::http) fn filled(&self, key: &str) -> Option<&str> {
        self.get(key).filter(|value| !value.is_empty())
    }

    /// All of that name.
    pub(super) fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(of, _)| of == key).map(|(_, value)| &**value)
    }

    /// A switch that is on when it is bare.
    pub(super) fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(|written| boolean::parse(written) != Some(false))
    }

    pub(super) fn is_pretty(&self) -> bool {
        self.get("pretty").is_some()
    }

    /// Consul's switch of maintenance; without it nobody knows what is meant.
    pub(in crate::http) fn enable(&self) -> Result<bool, Failure> {
        let written = self.filled("enable").ok_or_else(|| missing("enable"))?;
        boolean::parse(written).ok_or_else(|| {
            Failure::bad(format!("Invalid value for enable: {written:?}: write true or false"))
        })
    }

    /// How long a request that waits may wait.
    pub(super) fn wait(&self) -> Result<Duration, Failure> {
        let Some(written) = self.filled("wait") else { return Ok(WAIT) };
        match duration::parse(written) {
            Some(Duration::ZERO) => Ok(WAIT),
            Some(wait) => Ok(wait.min(LONGEST_WAIT)),
            None => Err(Failure::bad(format!("Invalid wait time: {written:?}: write \"30s\""))),
        }
    }

    /// The elements of an answer that are asked for, if not all; `fields` are those of one.
    pub(super) fn filter(&self, fields: &'static Fields) -> Result<Option<Filter>, Failure> {
        let Some(written) = self.filled("filter") else { return Ok(None) };
        Filter::parse(written, fields).map(Some).map_err(|words| {
            // Consul's words.
            Failure::bad(format!("Failed to create boolean expression evaluator: {words}"))
        })
    }

    /// Consul without its enterprise half has neither.
    fn has_no_namespace(&self) -> Result<(), Failure> {
        for (key, what) in [("ns", "Namespaces are"), ("partition", "Partitions are")] {
            if self.filled(key).is_some() {
                let words = format!("{what} a Consul Enterprise feature");
                return Err(Failure::bad(format!("Invalid query parameter: {key:?} - {words}")));
            }
        }
        Ok(())
    }
}

pub(in crate::http) fn missing(key: &str) -> Failure {
    Failure::bad(format!("Missing value for {key}"))
}

impl FromRequestParts<Face> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Face) -> Result<Self, Failure> {
        let params = Self::of(&parts.uri);
        params.has_no_namespace()?;
        Ok(params)
    }
}

/// A whole body, whatever its Content-Type says.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match timeout(BODY, Bytes::from_request(request, state)).await {
            Ok(Ok(octets)) => Ok(Self(octets)),
            Ok(Err(rejection)) => Err(rejection.into_response()),
            Err(_) => {
                let words = format!("the body did not arrive within {} s", BODY.as_secs());
                Err((StatusCode::REQUEST_TIMEOUT, words).into_response())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use hyper::body::Frame;

    use super::*;

    fn asked(query: &str) -> Params {
        Params::of(&format!("/v1?{query}").parse().unwrap())
    }

    /// A body of which nothing comes.
    struct Never;

    impl hyper::body::Body for Never {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let request = Request::new(axum::body::Body::new(Never));
        let rejected = Body::from_request(request, &()).await.err().map(|answer| answer.status());
        assert_eq!(rejected, Some(StatusCode::REQUEST_TIMEOUT));
        let request = Request::new(axum::body::Body::from("{}"));
        assert_eq!(&Body::from_request(request, &()).await.ok().unwrap().0[..], b"{}");
    }

    #[test]
    fn booleans_are_those_of_go() {
        for (written, meant) in [("True", Some(true)), ("f", Some(false)), ("yes", None)] {
            assert_eq!(asked(&format!("enable={written}")).enable().ok(), meant);
        }
        assert_eq!(asked("enable").enable(), Err(missing("enable")));
    }

    #[test]
    fn waits_are_durations_within_consuls_bounds() {
        for (query, seconds) in [
            ("", Some(300)),
            ("wait=120000ms", Some(120)),
            ("wait=1m30s", Some(90)),
            ("wait=1h", Some(600)),
            ("wait=0s", Some(300)),
            ("wait=5", None),
            ("wait=soon", None),
        ] {
            let wait = asked(query).wait().ok().map(|wait| wait.as_secs());
            assert_eq!(wait, seconds, "{query}");
        }
    }

    #[test]
    fn a_namespace_is_refused_unless_it_is_empty() {
        for (query, taken) in [("ns=", true), ("ns=a", false), ("partition=b", false)] {
            assert_eq!(asked(query).has_no_namespace().is_ok(), taken, "{query}");
        }
    }
}
