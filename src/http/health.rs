//! `GET /health/live` and `GET /health/ready`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::report::Readiness;
use crate::http::{Face, json, patiently};

/// The world's word, and the process's.
#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    readiness: Readiness,
    draining: bool,
}

/// The process runs.
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Whether to send questions here: not before the first round is over, nor while draining.
pub(super) async fn ready(State(face): State<Face>) -> Response {
    let draining = face.draining.is_cancelled();
    let Some(mut readiness) = patiently(face.engine.readiness()).await else {
        let body = serde_json::json!({ "ready": false, "draining": draining, "error": "the \
                                                                                       engine \
                                                                                       did not \
                                                                                       answer \
                                                                                       within 2 \
                                                                                       s" });
        return (StatusCode::SERVICE_UNAVAILABLE, json(&body)).into_response();
    };
    readiness.ready &= !draining;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, json(&Body { readiness, draining })).into_response()
}
