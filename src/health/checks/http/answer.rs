//! What a server answers, taken apart as it comes in (RFC 9112), whole or in any pieces.
//!
//! Nothing here waits or reads: octets go in, and an answer comes out when there is enough of it.

use crate::health::checks::http::head::{Body, Head};
use crate::health::checks::http::wanted::{BODY_LIMIT, HEAD_LIMIT, Unanswered, Wanted, extend};

/// While so little of the first line is there, each piece of it is looked at: what is not HTTP mostly
/// shows in it, and it may have no end.
const FIRST_LINE: usize = 256;

/// As much of an answer as is needed to judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Its first octets up to the limit; empty when nobody asked for them.
    pub(super) body: Vec<u8>,
    /// What the body is coded in, though we accept no coding: `gzip`.
    pub(super) coding: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Line,
    Head,
}

#[derive(Debug)]
pub(super) struct Listener {
    wanted: Wanted,
    stage: Stage,
    /// Of a line of the head that is not whole: what is there of it.
    held: Vec<u8>,
    /// The octets of whole lines, those of interim answers included.
    taken: usize,
}

#[derive(Debug)]
enum Stage {
    Head(Head),
    Body { status: u16, body: Body, coding: Option<String> },
}

impl Listener {
    pub(super) fn new(wanted: Wanted) -> Self {
        Self { wanted, stage: Stage::Head(Head::default()), held: Vec::new(), taken: 0 }
    }

    /// Takes in what has come; gives the answer when nothing more is needed.
    pub(super) fn hear(&mut self, octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        match self.stage {
            Stage::Head(_) => self.head(octets),
            Stage::Body { .. } => self.body(octets),
        }
    }

    pub(super) fn end(self) -> Result<Answer, Unanswered> {
        match self.stage {
            Stage::Body { status, body: Body::UntilClose(body), coding } => {
                Ok(Answer { status, body, coding })
            }
            Stage::Body { .. } => Err(Unanswered::CutShort),
            Stage::Head(head) => {
                // What was not worth a look while more might come may be no HTTP.
                head.may_begin(&self.held)?;
                Err(Unanswered::CutShort)
            }
        }
    }

    pub(super) fn has_heard(&self) -> bool {
        !self.held.is_empty() || self.taken > 0
    }

    /// Each octet is looked at once, in however many pieces they come.
    fn head(&mut self, mut octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        while let Some(end) = octets.iter().position(|octet| *octet == b'\n') {
            let (line, rest) = octets.split_at(end.saturating_add(1));
            octets = rest;
            let mut held = std::mem::take(&mut self.held);
            let ended = if held.is_empty() {
                self.line(line)?
            } else {
                held.extend_from_slice(line);
                self.line(&held)?
            };
            if ended == Ended::Head {
                return self.answer(octets);
            }
        }
        self.hold(octets)?;
        Ok(None)
    }

    fn line(&mut self, line: &[u8]) -> Result<Ended, Unanswered> {
        let Stage::Head(head) = &mut self.stage else { return Ok(Ended::Line) };
        let status = head.line(line, self.wanted)?;
        self.taken = self.taken.saturating_add(line.len());
        if self.taken > HEAD_LIMIT {
            return Err(Unanswered::TooLarge);
        }
        match status {
            None => Ok(Ended::Line),
            // RFC 9110 section 15.2: interim answers may come unasked for. After 101 something else
            // than HTTP would be spoken: it is the last.
            Some(100 | 102..=199) => {
                *head = Head::default();
                Ok(Ended::Line)
            }
            Some(status) => {
                let (body, coding) = (head.framing(self.wanted)?, head.coding());
                self.stage = Stage::Body { status, body, coding };
                Ok(Ended::Head)
            }
        }
    }

    fn hold(&mut self, octets: &[u8]) -> Result<(), Unanswered> {
        let Stage::Head(head) = &self.stage else { return Ok(()) };
        let is_short = self.held.len() < FIRST_LINE;
        self.held.extend_from_slice(octets);
        let is_too_large = self.taken.saturating_add(self.held.len()) >= HEAD_LIMIT;
        if is_short || is_too_large {
            head.may_begin(&self.held)?;
        }
        if is_too_large { Err(Unanswered::TooLarge) } else { Ok(()) }
    }

    /// After the head: all of the answer that is wanted, or its body as far as it has come.
    fn answer(&mut self, octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        match &self.stage {
            Stage::Body { status, .. } if self.wanted == Wanted::Head => {
                Ok(Some(Answer { status: *status, body: Vec::new(), coding: None }))
            }
            Stage::Body { .. } | Stage::Head(_) => self.body(octets),
        }
    }

    fn body(&mut self, octets: &[u8]) -> Result<Option<Answer>, Unanswered> {
        let Stage::Body { status, body, coding } = &mut self.stage else { return Ok(None) };
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
        let (body, coding) = (std::mem::take(seen), coding.take());
        Ok(Some(Answer { status: *status, body, coding }))
    }
}
