//! A body in chunks (RFC 9112 section 7.1), joined as it comes in.

use httparse::Status;

use crate::health::checks::http::wanted::{HEAD_LIMIT, Unanswered, extend};

/// No honest size, its extensions included, is written longer.
const LONGEST_SIZE: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Chunks {
    pub(super) body: Vec<u8>,
    /// Of a size or a line that is not whole: what is there of it.
    held: Vec<u8>,
    place: Position,
    /// The octets of trailers.
    trailers: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Position {
    #[default]
    Size,
    /// In a chunk, so many octets before its end.
    Data(u64),
    /// After a chunk's data, before the end of its line.
    LineEnd,
    Trailer,
    Ended,
}

impl Chunks {
    /// Takes in what has come; true when the body is over or the limit is reached.
    pub(super) fn hear(&mut self, octets: &[u8]) -> Result<bool, Unanswered> {
        let held = std::mem::take(&mut self.held);
        if held.is_empty() {
            return self.join(octets);
        }
        self.join(&[&held, octets].concat())
    }

    fn join(&mut self, mut octets: &[u8]) -> Result<bool, Unanswered> {
        while !octets.is_empty() {
            let taken = match self.place {
                Position::Size => self.size(octets)?,
                Position::Data(left) => Some(self.data(octets, left)),
                Position::LineEnd => self.line_end(octets)?,
                Position::Trailer => self.trailer(octets)?,
                Position::Ended => return Ok(true),
            };
            let Some(taken) = taken else {
                self.held = octets.to_vec();
                return Ok(false);
            };
            octets = octets.get(taken..).unwrap_or_default();
        }
        Ok(matches!(self.place, Position::Ended))
    }

    fn size(&mut self, octets: &[u8]) -> Result<Option<usize>, Unanswered> {
        match httparse::parse_chunk_size(octets) {
            Ok(Status::Complete((taken, size))) => {
                self.place = if size == 0 { Position::Trailer } else { Position::Data(size) };
                Ok(Some(taken))
            }
            Ok(Status::Partial) if octets.len() < LONGEST_SIZE => Ok(None),
            Ok(Status::Partial) | Err(_) => Err(Unanswered::Framing),
        }
    }

    fn data(&mut self, octets: &[u8], left: u64) -> usize {
        let all = usize::try_from(left).unwrap_or(usize::MAX);
        let part = octets.get(..all).unwrap_or(octets);
        extend(&mut self.body, part);
        let taken = u64::try_from(part.len()).unwrap_or(left);
        self.place = match left.saturating_sub(taken) {
            0 => Position::LineEnd,
            left => Position::Data(left),
        };
        part.len()
    }

    fn line_end(&mut self, octets: &[u8]) -> Result<Option<usize>, Unanswered> {
        match octets {
            [b'\r', b'\n', ..] => {
                self.place = Position::Size;
                Ok(Some(2))
            }
            [b'\r'] => Ok(None),
            _ => Err(Unanswered::Framing),
        }
    }

    /// Trailers are no part of the body: only their end counts.
    fn trailer(&mut self, octets: &[u8]) -> Result<Option<usize>, Unanswered> {
        let Some(end) = octets.iter().position(|octet| *octet == b'\n') else {
            let so_far = self.trailers.saturating_add(octets.len());
            return if so_far < HEAD_LIMIT { Ok(None) } else { Err(Unanswered::TooLarge) };
        };
        let taken = end.saturating_add(1);
        self.trailers = self.trailers.saturating_add(taken);
        if self.trailers >= HEAD_LIMIT {
            return Err(Unanswered::TooLarge);
        }
        if matches!(octets, [b'\r', b'\n', ..] | [b'\n', ..]) {
            self.place = Position::Ended;
        }
        Ok(Some(taken))
    }
}
