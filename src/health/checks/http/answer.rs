//! What a server answers, taken apart as it comes in (RFC 9112), whole or in any pieces.
//!
//! Nothing here waits or reads: octets go in, and an answer comes out when there is enough of it.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Response, Status};

use crate::health::checks::http::chunks::Chunks;

/// What `expect_body` sees of an answer.
pub(super) const BODY_LIMIT: usize = 64 * 1024;

/// No honest head is longer, interim answers included, and no other may fill our memory.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;

/// No honest head has more lines.
const MOST_HEADERS: usize = 100;

/// While so little is there, each piece is looked at even if no line has ended with it: what is not
/// HTTP mostly shows in its first line, which may have no end.
const FIRST_LINE: usize = 256;

/// As much of an answer as is needed to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its first octets up to the limit; empty when nobody asked for them.
    pub(super) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unanswered {
    /// It is something else, or contradicts itself.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// Too many octets, or lines.
    #[error("the head of the answer is too large")]
    TooLarge,
    /// The connection ended within it.
    #[error("connection closed before the answer was complete")]
    CutShort,
}

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The status decides alone.
    Head,
    /// The body too.
    Body,
    /// The body too, but the request was one (HEAD) whose answer has none.
    BodyOfHead,
}

/// An answer that is coming in.
#[derive(Debug)]
pub(super) struct Listener {
    wanted: Wanted,
    stage: Stage,
    /// Of a head that is not whole: what is there of it.
    held: Vec<u8>,
    /// The octets of interim answers.
    passed_over: usize,
}

#[derive(Debug)]
enum Stage {
    Head,
    Body { status: u16, body: Body },
}

/// A body, by how its end is told (RFC 9112 section 6.3).
#[derive(Debug)]
enum Body {
    /// After so many octets.
    Length(u64, Vec<u8>),
    /// By itself.
    Chunked(Chunks),
    /// When the connection is closed.
    UntilClose(Vec<u8>),
}

impl Listener {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, stage: Stage::Head, held: Vec::new(), passed_over: 0 }
    }

    /// Takes in what has come; gives the answer when nothing more is needed.
    pub(super) fn hear(&mut self, octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        match self.stage {
            Stage::Head if self.held.is_empty() => self.head(octets),
            Stage::Head => {
                let mut held = std::mem::take(&mut self.held);
                let worth_a_look = held.len() < FIRST_LINE || octets.contains(&b'\n');
                held.extend_from_slice(octets);
                if worth_a_look {
                    return self.head(&held);
                }
                self.hold(&held)
            }
            Stage::Body { .. } => self.body(octets),
        }
    }

    /// The connection has ended.
    pub(super) fn end(mut self) -> Result<Answer, Unanswered> {
        // What was not worth a look while more might come may be no HTTP.
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            self.head(&held)?;
        }
        match self.stage {
            Stage::Body { status, body: Body::UntilClose(body) } => Ok(Answer { status, body }),
            Stage::Head | Stage::Body { .. } => Err(Unanswered::CutShort),
        }
    }

    /// Whether anything was said.
    pub(super) fn has_heard(&self) -> bool {
        !self.held.is_empty() || self.passed_over > 0 || matches!(self.stage, Stage::Body { .. })
    }

    fn hold(&mut self, octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        if self.passed_over.saturating_add(octets.len()) >= HEAD_LIMIT {
            return Err(Unanswered::TooLarge);
        }
        self.held = octets.to_vec();
        Ok(None)
    }

    fn head(&mut self, mut octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        loop {
            let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
            let mut head = Response::new(&mut []);
            let parsed = httparse::ParserConfig::default()
                .parse_response_with_uninit_headers(&mut head, octets, &mut headers)
                .map_err(of_parser)?;
            let Status::Complete(length) = parsed else { return self.hold(octets) };
            if self.passed_over.saturating_add(length) > HEAD_LIMIT {
                return Err(Unanswered::TooLarge);
            }
            let rest = octets.get(length..).unwrap_or_default();
            let status = head.code.filter(|code| *code >= 100).ok_or(Unanswered::NotHttp)?;
            // RFC 9110 section 15.2: interim answers may come unasked for. After 101 something else
            // than HTTP would be spoken: it is the last.
            if matches!(status, 100 | 102..=199) {
                self.passed_over = self.passed_over.saturating_add(length);
                octets = rest;
                continue;
            }
            let body = framing(status, &head, self.wanted)?;
            if self.wanted == Wanted::Head {
                return Ok(Some(Answer { status, body: Vec::new() }));
            }
            self.stage = Stage::Body { status, body };
            return self.body(rest);
        }
    }

    fn body(&mut self, octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        let Stage::Body { status, body } = &mut self.stage else { return Ok(None) };
        let (seen, ended) = match body {
            Body::Length(length, seen) => {
                extend(seen, octets);
                let ended = u64::try_from(seen.len()).is_ok_and(|seen| seen >= *length);
                if let (true, Ok(length)) = (ended, usize::try_from(*length)) {
                    seen.truncate(length);
                }
                (seen, ended)
            }
            Body::Chunked(chunks) => {
                let ended = chunks.hear(octets)?;
                (&mut chunks.body, ended)
            }
            Body::UntilClose(seen) => {
                extend(seen, octets);
                (seen, false)
            }
        };
        if !ended && seen.len() < BODY_LIMIT {
            return Ok(None);
        }
        Ok(Some(Answer { status: *status, body: std::mem::take(seen) }))
    }
}

/// Adds to a body what the limit has room for.
pub(super) fn extend(body: &mut Vec<u8>, octets: &[u8]) {
    let room = BODY_LIMIT.saturating_sub(body.len());
    body.extend_from_slice(octets.get(..room).unwrap_or(octets));
}

fn of_parser(error: Error) -> Unanswered {
    match error {
        Error::TooManyHeaders => Unanswered::TooLarge,
        Error::HeaderName
        | Error::HeaderValue
        | Error::NewLine
        | Error::Status
        | Error::Token
        | Error::Version => Unanswered::NotHttp,
    }
}

/// How the body's end is told, in the order of RFC 9112 section 6.3.
fn framing(status: u16, head: &Response<'_, '_>, wanted: Wanted) -> Result<Body, Unanswered> {
    if matches!(status, 101 | 204 | 304) || wanted == Wanted::BodyOfHead {
        return Ok(Body::Length(0, Vec::new()));
    }
    let values = |name: &'static str| {
        let named = head.headers.iter().filter(move |h| h.name.eq_ignore_ascii_case(name));
        named.map(|header| header.value)
    };
    if let Some(coding) = values("transfer-encoding").next_back() {
        // Section 6.1: HTTP/1.0 knows no codings, so the framing of such a message is broken.
        if head.version == Some(0) {
            return Err(Unanswered::NotHttp);
        }
        let last = coding.rsplit(|octet| *octet == b',').next().unwrap_or_default();
        return Ok(if last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            Body::Chunked(Chunks::default())
        } else {
            Body::UntilClose(Vec::new())
        });
    }
    let mut agreed = None;
    for length in values("content-length").flat_map(|value| value.split(|octet| *octet == b',')) {
        let length = number(length.trim_ascii()).ok_or(Unanswered::NotHttp)?;
        if *agreed.get_or_insert(length) != length {
            return Err(Unanswered::NotHttp);
        }
    }
    Ok(agreed.map_or(Body::UntilClose(Vec::new()), |length| Body::Length(length, Vec::new())))
}

/// Digits and nothing else.
fn number(text: &[u8]) -> Option<u64> {
    let digits =
        str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}
