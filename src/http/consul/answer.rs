//! Answers in Consul's form: JSON, or nothing for a write that is done.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

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
    let mut text = text(params, value);
    if params.is_pretty() {
        text.push('\n');
    }
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// What others register is escaped in it: it may be looked at in a terminal.
pub(super) fn text(params: &Params, value: &(impl Serialize + ?Sized)) -> String {
    let mut octets = Vec::new();
    // Writing to a `Vec` does not fail, and nothing that is shown has keys that JSON does not know.
    let _ = if params.is_pretty() {
        let as_go = PrettyFormatter::with_indent(b"    ");
        value.serialize(&mut Serializer::with_formatter(&mut octets, as_go))
    } else {
        value.serialize(&mut Serializer::new(&mut octets))
    };
    let text = String::from_utf8(octets).unwrap_or_default();
    match printable_json(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(printable) => printable,
    }
}
