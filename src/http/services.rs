//! `GET /v1/livezone/services`: everything, as `livezone status --json` shows it.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::board::Board;
use crate::engine::report;
use crate::http::{ENDED, Face};
use crate::model::text::printable_json;

/// Octets that are written before others have their turn on this thread.
const AT_ONCE: usize = 64 * 1024;

pub(super) async fn all(State(face): State<Face>) -> Response {
    if face.engine.has_ended() {
        return (StatusCode::SERVICE_UNAVAILABLE, format!("{ENDED}\n")).into_response();
    }
    let board = face.engine.board();
    let make = async || body(board).await;
    let octets: Bytes = face.services.get(|| board.version(), (face.clock)().mono, make).await;
    ([(CONTENT_TYPE, "application/json")], octets).into_response()
}

/// A [`report::ServicesReport`], written service by service: the whole of it never exists beside
/// its text.
async fn body(board: &Board) -> Vec<u8> {
    let snapshot = board.snapshot();
    let mut octets = b"{\"services\":[".to_vec();
    let mut pause_at = AT_ONCE;
    for (place, view) in report::views(&snapshot).into_iter().enumerate() {
        if place > 0 {
            octets.push(b',');
        }
        write(&mut octets, &report::service(view));
        if octets.len() >= pause_at {
            pause_at = octets.len() + AT_ONCE;
            tokio::task::yield_now().await;
        }
    }
    octets.extend_from_slice(b"],\"sources\":");
    write(&mut octets, &board.sources());
    octets.extend_from_slice(b",\"orders\":");
    write(&mut octets, &board.orders());
    octets.push(b'}');
    octets.shrink_to_fit();
    octets
}

fn write(octets: &mut Vec<u8>, value: &impl Serialize) {
    // Nothing that is shown has keys that JSON does not know.
    let text = serde_json::to_string(value).unwrap_or_default();
    octets.extend_from_slice(printable_json(&text).as_bytes());
}
