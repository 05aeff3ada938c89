//! `GET /v1/livezone/services`: everything, as `livezone status --json` shows it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::http::{Face, json, patiently};

pub(super) async fn all(State(face): State<Face>) -> Response {
    match patiently(face.engine.services()).await {
        Some(report) => json(&report),
        None => (StatusCode::SERVICE_UNAVAILABLE, "the engine did not answer within 2 s\n")
            .into_response(),
    }
}
