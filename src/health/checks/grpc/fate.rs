//! What hyper's errors say of the one who was asked.

use std::error::Error;
use std::io;

use crate::health::checks::fault;
use crate::model::health::Outcome;

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
