//! The lists of all services and all checks: one body for all who read the same state.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::board::Version;
use crate::http::Face;
use crate::http::bodies::Bodies;
use crate::http::consul::answer;
use crate::http::consul::request::Params;

/// Octets that are written before others have their turn on this thread.
const AT_ONCE: usize = 64 * 1024;

/// The bodies that are being read.
#[derive(Debug, Default)]
pub struct Listings {
    pub(super) services: Listing,
    pub(super) checks: Listing,
}

/// Of one list, as it is and for people.
#[derive(Debug, Default)]
pub(super) struct Listing {
    plain: Bodies<Version>,
    pretty: Bodies<Version>,
}

impl Listing {
    /// The body that `make` writes, or one of the same state that is being read.
    pub(super) async fn get(
        &self,
        face: &Face,
        params: &Params,
        make: impl AsyncFnOnce(&mut Entries<'_>),
    ) -> Response {
        let bodies = if params.is_pretty() { &self.pretty } else { &self.plain };
        let board = face.engine.board();
        let make = async || {
            let mut entries = Entries::new(params);
            make(&mut entries).await;
            entries.end()
        };
        let octets: Bytes = bodies.get(|| board.version(), (face.clock)().mono, make).await;
        ([(CONTENT_TYPE, "application/json")], octets).into_response()
    }
}

/// A JSON object of ids, written entry by entry: the whole of it never exists beside its text.
pub(super) struct Entries<'a> {
    params: &'a Params,
    octets: Vec<u8>,
    pause_at: usize,
}

impl<'a> Entries<'a> {
    fn new(params: &'a Params) -> Self {
        Self { params, octets: b"{".to_vec(), pause_at: AT_ONCE }
    }

    pub(super) async fn add(&mut self, id: &str, value: &impl Serialize) {
        if self.octets.len() > 1 {
            self.octets.push(b',');
        }
        let id = answer::text(&Params::default(), id);
        let mut value = answer::text(self.params, value);
        if self.params.is_pretty() {
            value = format!(" {}", value.replace('\n', "\n    "));
            self.octets.extend_from_slice(b"\n    ");
        }
        self.octets.extend_from_slice(id.as_bytes());
        self.octets.push(b':');
        self.octets.extend_from_slice(value.as_bytes());
        if self.octets.len() >= self.pause_at {
            self.pause_at = self.octets.len() + AT_ONCE;
            tokio::task::yield_now().await;
        }
    }

    fn end(mut self) -> Vec<u8> {
        let end: &[u8] = if self.params.is_pretty() { b"\n}\n" } else { b"}" };
        self.octets.extend_from_slice(end);
        self.octets.shrink_to_fit();
        self.octets
    }
}
