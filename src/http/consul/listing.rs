//! The lists of all services and all checks: one body for all who read the same state.

use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::engine::board::Version;
use crate::http::Face;
use crate::http::bodies::Bodies;
use crate::http::consul::answer::{self, Answer};
use crate::http::consul::filter::Filter;
use crate::http::consul::filter::fields::Fields;
use crate::http::consul::request::Params;

/// Octets that are written before others have their turn on this thread.
const AT_ONCE: usize = 64 * 1024;
/// As many octets' work is an entry that is left out, about.
const LEFT_OUT: usize = 1024;

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
    /// The body that `make` writes, or one of the same state that is being read. An entry that the
    /// request's filter does not match is left out, and such a body is the asker's own.
    pub(super) async fn get(
        &self,
        face: &Face,
        params: &Params,
        fields: &'static Fields,
        make: impl AsyncFnOnce(&mut Entries<'_>),
    ) -> Answer {
        let filter = params.filter(fields)?;
        let is_for_all = filter.is_none();
        let bodies = if params.is_pretty() { &self.pretty } else { &self.plain };
        let board = face.engine.board();
        let make = async || {
            let mut entries = Entries::table(params).filtered(filter.as_ref());
            make(&mut entries).await;
            entries.end()
        };
        let octets: Bytes = if is_for_all {
            bodies.get(|| board.version(), (face.clock)().mono, make).await
        } else {
            make().await.into()
        };
        Ok(([(CONTENT_TYPE, "application/json")], octets).into_response())
    }
}

/// A JSON object or list, written entry by entry: the whole of it never exists beside its text.
pub(super) struct Entries<'a> {
    params: &'a Params,
    filter: Option<&'a Filter>,
    octets: Vec<u8>,
    until_pause: usize,
    end: u8,
}

impl<'a> Entries<'a> {
    /// An object of ids.
    pub(super) fn table(params: &'a Params) -> Self {
        Self::new(params, b'{', b'}')
    }

    pub(super) fn list(params: &'a Params) -> Self {
        Self::new(params, b'[', b']')
    }

    fn new(params: &'a Params, begin: u8, end: u8) -> Self {
        Self { params, filter: None, octets: vec![begin], until_pause: AT_ONCE, end }
    }

    /// Leaves out what the filter does not match.
    pub(super) fn filtered(self, filter: Option<&'a Filter>) -> Self {
        Self { filter, ..self }
    }

    pub(super) async fn add(&mut self, id: &str, value: &impl Serialize) {
        let id = answer::text(&Params::default(), id);
        self.write(&format!("{id}:"), value).await;
    }

    pub(super) async fn push(&mut self, value: &impl Serialize) {
        self.write("", value).await;
    }

    /// What is written already.
    pub(super) fn add_written(&mut self, id: &str, value: Self) {
        let mut written = format!(",{}:", answer::text(&Params::default(), id)).into_bytes();
        written.append(&mut value.end());
        self.octets.append(&mut written);
    }

    async fn write(&mut self, key: &str, value: &impl Serialize) {
        if !self.is_asked_for(value) {
            return self.pause(LEFT_OUT).await;
        }
        let before = self.octets.len();
        if before > 1 {
            self.octets.push(b',');
        }
        let mut value = answer::text(self.params, value);
        if self.params.is_pretty() {
            let space = if key.is_empty() { "" } else { " " };
            value = format!("{space}{}", value.replace('\n', "\n    "));
            self.octets.extend_from_slice(b"\n    ");
        }
        self.octets.extend_from_slice(key.as_bytes());
        self.octets.extend_from_slice(value.as_bytes());
        self.pause(self.octets.len() - before).await;
    }

    fn is_asked_for(&self, value: &impl Serialize) -> bool {
        let Some(filter) = self.filter else { return true };
        serde_json::to_value(value).is_ok_and(|value| filter.matches(&value))
    }

    async fn pause(&mut self, octets: usize) {
        self.until_pause = self.until_pause.saturating_sub(octets);
        if self.until_pause == 0 {
            self.until_pause = AT_ONCE;
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        if self.params.is_pretty() {
            self.octets.extend_from_slice(&[b'\n', self.end, b'\n']);
        } else {
            self.octets.push(self.end);
        }
        self.octets.shrink_to_fit();
        self.octets
    }
}
