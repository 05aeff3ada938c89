//! The head of an answer, line by line (RFC 9112 sections 2 to 6).
//!
//! The status line counts and, when somebody asked for the body, the three fields that say what it
//! is. Everything else may be as servers in the field write it, and Go's client takes it: folded
//! lines, spaces in and after names, no CR, no colon, no reason.

use crate::health::checks::http::chunks::Chunks;
use crate::health::checks::http::wanted::{Unanswered, Wanted};
use crate::health::checks::overheard::Beginning;

const CODING_SHOWN: usize = 20;

/// How the end of a body is told (RFC 9112 section 6.3).
#[derive(Debug)]
pub(super) enum Body {
    /// After so many octets.
    Length(u64, Vec<u8>),
    Chunked(Chunks),
    UntilClose(Vec<u8>),
}

#[derive(Debug, Default)]
pub(super) struct Head {
    status: Option<StatusLine>,
    /// Those that count, and their values. Lines of one name are kept apart.
    fields: Vec<(Field, Vec<u8>)>,
    /// Whether a folded line belongs to the last of `fields`.
    goes_on: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StatusLine {
    status: u16,
    /// HTTP/1.0 knows no transfer codings.
    is_old: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    ContentLength,
    TransferEncoding,
    ContentEncoding,
}

const FIELDS: [(&str, Field); 3] = [
    ("content-length", Field::ContentLength),
    ("transfer-encoding", Field::TransferEncoding),
    ("content-encoding", Field::ContentEncoding),
];

impl Head {
    /// Takes a whole line, with its LF; gives the status when it was the last of the head.
    pub(super) fn line(&mut self, line: &[u8], wanted: Wanted) -> Result<Option<u16>, Unanswered> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(known) = self.status else {
            // Section 2.2: empty lines before a message are skipped.
            if !line.is_empty() {
                self.status = Some(status_line(line)?.ok_or(Unanswered::NotHttp)?);
            }
            return Ok(None);
        };
        if line.is_empty() {
            return Ok(Some(known.status));
        }
        if wanted == Wanted::Body {
            self.field(line);
        }
        Ok(None)
    }

    /// Whether what is there of a line, without its end, may still become what is expected.
    pub(super) fn may_begin(&self, part: &[u8]) -> Result<(), Unanswered> {
        match self.status {
            None => status_line(part.strip_suffix(b"\r").unwrap_or(part)).map(|_| ()),
            Some(_) => Ok(()),
        }
    }

    fn field(&mut self, line: &[u8]) {
        if let [b' ' | b'\t', folded @ ..] = line {
            // Section 5.2: a folded line continues the one before. Section 2.2: after the status
            // line there is none.
            if let Some((_, value)) = self.fields.last_mut().filter(|_| self.goes_on) {
                value.push(b' ');
                value.extend_from_slice(folded.trim_ascii());
            }
            return;
        }
        let mut parts = line.splitn(2, |octet| *octet == b':');
        let name = parts.next().unwrap_or_default().trim_ascii_end();
        let field = FIELDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
        self.goes_on = false;
        if let (Some((_, field)), Some(value)) = (field, parts.next()) {
            self.fields.push((*field, value.trim_ascii().to_vec()));
            self.goes_on = true;
        }
    }

    /// How the body's end is told, in the order of section 6.3.
    pub(super) fn framing(&self, wanted: Wanted) -> Result<Body, Unanswered> {
        let Some(StatusLine { status, is_old }) = self.status else {
            return Err(Unanswered::NotHttp);
        };
        if matches!(status, 101 | 204 | 304) || wanted != Wanted::Body {
            return Ok(Body::Length(0, Vec::new()));
        }
        if self.values(Field::TransferEncoding).next().is_some() {
            // Section 6.1: HTTP/1.0 knows no codings, so the framing of such a message is broken.
            if is_old {
                return Err(Unanswered::Framing);
            }
            let last = self.tokens(Field::TransferEncoding).last().unwrap_or_default();
            return Ok(if last.eq_ignore_ascii_case(b"chunked") {
                Body::Chunked(Chunks::default())
            } else {
                Body::UntilClose(Vec::new())
            });
        }
        let mut agreed = None;
        for length in self.tokens(Field::ContentLength) {
            let length = number(length).ok_or(Unanswered::Framing)?;
            if *agreed.get_or_insert(length) != length {
                return Err(Unanswered::Framing);
            }
        }
        Ok(agreed.map_or(Body::UntilClose(Vec::new()), |length| Body::Length(length, Vec::new())))
    }

    /// What the body is coded in, if it is: `gzip`.
    pub(super) fn coding(&self) -> Option<String> {
        let codings =
            self.tokens(Field::ContentEncoding).chain(self.tokens(Field::TransferEncoding));
        let plain: [&[u8]; 3] = [b"identity", b"chunked", b""];
        let mut others =
            codings.filter(|coding| !plain.iter().any(|p| coding.eq_ignore_ascii_case(p)));
        let coding = others.next()?;
        let is_name = |octet: &u8| octet.is_ascii_alphanumeric() || b"-_.".contains(octet);
        if coding.len() > CODING_SHOWN || !coding.iter().all(is_name) {
            return Some("coded".to_owned());
        }
        Some(String::from_utf8_lossy(coding).to_ascii_lowercase())
    }

    fn values(&self, wanted: Field) -> impl Iterator<Item = &[u8]> {
        let named = self.fields.iter().filter(move |(field, _)| *field == wanted);
        named.map(|(_, value)| value.as_slice())
    }

    fn tokens(&self, wanted: Field) -> impl Iterator<Item = &[u8]> {
        let parts = self.values(wanted).flat_map(|value| value.split(|octet| *octet == b','));
        parts.map(<[u8]>::trim_ascii)
    }
}

/// `HTTP/1.1 200`, and what follows is the reason; `None` while it may still become that. The digits
/// of the version may be any: who answers like this speaks HTTP/1.
fn status_line(line: &[u8]) -> Result<Option<StatusLine>, Unanswered> {
    let other = || match Beginning::of(line) {
        Beginning::Tls => Unanswered::Tls,
        Beginning::Http | Beginning::Http2 | Beginning::Other | Beginning::Unknown => {
            Unanswered::NotHttp
        }
    };
    let mut octets = line.iter().copied();
    // The two octets that tell TLS may come one by one.
    if matches!(line, [0x15 | 0x16]) {
        return Ok(None);
    }
    let mut version = [0, 0];
    for expected in *b"HTTP/1.1 " {
        let Some(octet) = octets.next() else { return Ok(None) };
        match expected {
            b'1' if octet.is_ascii_digit() => version = [version[1], octet],
            _ if octet == expected => {}
            _ => return Err(other()),
        }
    }
    let mut octets = octets.skip_while(|octet| *octet == b' ').peekable();
    let mut status = 0_u16;
    for _ in 0..3 {
        let Some(octet) = octets.next() else { return Ok(None) };
        let digit = octet.checked_sub(b'0').filter(|digit| *digit < 10);
        let digit = digit.ok_or(Unanswered::NotHttp)?;
        status = status.saturating_mul(10).saturating_add(digit.into());
    }
    match octets.peek() {
        None | Some(b' ' | b'\t' | b'\r') if status >= 100 => {
            Ok(Some(StatusLine { status, is_old: version <= *b"10" }))
        }
        _ => Err(Unanswered::NotHttp),
    }
}

fn number(text: &[u8]) -> Option<u64> {
    let digits =
        str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    digits.parse().ok()
}
