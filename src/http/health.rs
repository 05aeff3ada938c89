//! `GET /health/live` and `GET /health/ready`.

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::report::Readiness;
use crate::http::{ENDED, Face, json};

/// The world's word, and the process's.
#[derive(Serialize)]
struct Body {
    #[serde(flatten)]
    readiness: Readiness,
    draining: bool,
    /// Why what the world said last does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// The process runs.
pub(super) async fn live() -> &'static str {
    "ok"
}

/// Whether to send questions here: not before the first round is over, nor while draining, nor when
/// nobody follows the health of what is served.
pub(super) async fn ready(State(face): State<Face>) -> Response {
    let (draining, now) = (face.draining.is_cancelled(), (face.clock)().mono);
    let mut readiness = face.engine.board().readiness(now);
    let error = match face.engine.stands_still(now) {
        _ if face.engine.has_ended() => Some(ENDED.to_owned()),
        silence => silence.map(still),
    };
    readiness.ready &= !draining && error.is_none();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, json(&Body { readiness, draining, error })).into_response()
}

fn still(silence: Duration) -> String {
    let seconds = silence.as_secs();
    format!(
        "the engine has made no progress for {seconds} s, and health is not followed: restart \
         livezone if this stays"
    )
}
