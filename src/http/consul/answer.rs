//! Answers in Consul's form: JSON, or nothing for a write that is done.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::Face;
use crate::http::consul::failure::Failure;
use crate::http::consul::request::Params;
use crate::model::agent::Write;
use crate::model::text::printable_json;

/// What a handler answers.
pub(in crate::http) type Answer = Result<Response, Failure>;

/// Has it done; the answer to a write is empty, and comes when it is served.
pub(in crate::http) async fn write(face: &Face, write: Write) -> Answer {
    face.engine.write(write).await?;
    Ok(StatusCode::OK.into_response())
}

pub(super) fn json(params: &Params, value: &impl Serialize) -> Response {
    let text = text(params, value);
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// What others register is escaped in it: it may be looked at in a terminal.
pub(super) fn text(params: &Params, value: &(impl Serialize + ?Sized)) -> String {
    let written = if params.is_pretty() {
        serde_json::to_string_pretty(value).map(|text| text + "\n")
    } else {
        serde_json::to_string(value)
    };
    // Nothing that is shown has keys that JSON does not know.
    let written = written.unwrap_or_default();
    printable_json(&written).into_owned()
}
