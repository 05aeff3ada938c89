//! What hyper's errors say of the one who was asked, in words of ours.

use std::error::Error;
use std::io;

use crate::health::checks::overheard::Beginning;
use crate::health::checks::{fault, network};
use crate::model::health::Outcome;

/// How the server began says more than any error: it may speak something else.
pub(super) fn of_hyper(error: &hyper::Error, beginning: Beginning) -> Outcome {
    match beginning {
        Beginning::Http => {
            return fault::theirs("the server speaks HTTP/1.1 on this port, not gRPC");
        }
        Beginning::Tls => {
            return fault::theirs("the server speaks TLS on this port: set grpc_use_tls = true");
        }
        Beginning::Other => return fault::theirs("the server does not speak HTTP/2 on this port"),
        Beginning::Http2 | Beginning::Unknown => {}
    }
    let source = error.source();
    if let Some(error) = source.and_then(|source| source.downcast_ref::<io::Error>()) {
        return network::of_network(error);
    }
    if let Some(error) = source.and_then(|source| source.downcast_ref::<h2::Error>()) {
        return of_http2(error);
    }
    if let Some(error) = source.and_then(|source| source.downcast_ref::<hyper::Error>()) {
        return of_hyper(error, beginning);
    }
    fault::theirs(if error.is_parse_too_large() {
        "the response header is too large"
    } else if error.is_parse() {
        "the response is not HTTP/2"
    } else if error.is_incomplete_message() {
        "connection closed before the response was complete"
    } else if error.is_canceled() || error.is_closed() {
        "connection closed"
    } else {
        "the HTTP/2 exchange failed"
    })
}

pub(super) fn of_http2(error: &h2::Error) -> Outcome {
    if let Some(error) = error.get_io() {
        return network::of_network(error);
    }
    let reason = error.reason().map(words);
    let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    fault::theirs(if error.is_library() {
        format!("the server violated the HTTP/2 protocol{reason}")
    } else if error.is_go_away() {
        format!("the server closed the HTTP/2 connection{reason}")
    } else if error.is_reset() {
        format!("the server reset the call{reason}")
    } else {
        format!("the HTTP/2 exchange failed{reason}")
    })
}

/// RFC 9113 section 7.
fn words(reason: h2::Reason) -> String {
    let fixed = match reason {
        h2::Reason::NO_ERROR => "no error",
        h2::Reason::PROTOCOL_ERROR => "protocol error",
        h2::Reason::INTERNAL_ERROR => "internal error",
        h2::Reason::FLOW_CONTROL_ERROR => "flow control error",
        h2::Reason::SETTINGS_TIMEOUT => "settings were not acknowledged in time",
        h2::Reason::STREAM_CLOSED => "frame on a closed stream",
        h2::Reason::FRAME_SIZE_ERROR => "wrong frame size",
        h2::Reason::REFUSED_STREAM => "refused",
        h2::Reason::CANCEL => "cancelled",
        h2::Reason::COMPRESSION_ERROR => "cannot decompress the headers",
        h2::Reason::CONNECT_ERROR => "connect error",
        h2::Reason::ENHANCE_YOUR_CALM => "too many requests",
        h2::Reason::INADEQUATE_SECURITY => "inadequate security",
        h2::Reason::HTTP_1_1_REQUIRED => "it requires HTTP/1.1",
        other => return format!("error {}", u32::from(other)),
    };
    fixed.to_owned()
}
