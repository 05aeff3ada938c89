//! Errors as Consul has them: a status, and words as plain text.

use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};

use crate::model::agent::Refusal;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Failure {
    pub(super) status: StatusCode,
    pub(super) words: String,
}

impl Failure {
    pub(in crate::http) fn bad(words: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, words: words.into() }
    }

    pub(super) fn not_found(words: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, words: words.into() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Invalid(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownService(_)
            | Refusal::NoInstance { .. }
            | Refusal::UnknownCheck(_)
            | Refusal::NoTtl(_) => StatusCode::NOT_FOUND,
            Refusal::Held { .. } | Refusal::Several { .. } => StatusCode::CONFLICT,
            Refusal::NotStored(_) => StatusCode::INSUFFICIENT_STORAGE,
            Refusal::Busy | Refusal::Ended => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self { status, words: refusal.to_string() }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let again = [(RETRY_AFTER, "1")];
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => (self.status, again, self.words).into_response(),
            status => (status, self.words).into_response(),
        }
    }
}
