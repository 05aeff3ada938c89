//! Master files (RFC 1035 section 5): `*.zone` → [`MasterFile`].
//!
//! Entries, owners, TTLs and directives are read here, so that one mistake hides no other and each
//! is pointed at; the data of records is `domain`'s business. What records do to each other is
//! decided when all files of a zone are merged.
//!
//! `$INCLUDE` takes the name of a file in the zone's own folder that ends in `.inc`: such files are
//! watched like all others, and no name can lead out of the folder.

mod fields;
mod forms;
mod lexer;
mod rdata;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, nearest};
use crate::model::dns::Rtype;
use crate::model::name::Name;
use crate::model::records::{self, MOST_RECORDS, MasterFile, Part, RecordPlace, StaticRecord};
use crate::syntax::report::Report;

use lexer::{Entry, Lexer, Token};

/// How a file must be called to be included.
pub const INCLUDED: &str = ".inc";

/// Nobody nests deeper, and a file that includes itself ends here.
const MAX_DEPTH: usize = 8;

/// The octets of all included files together, however often each is included.
const MAX_INCLUDED: usize = 64 * 1024 * 1024;

/// How many `$INCLUDE` one file can come to.
const MAX_PARTS: usize = 1000;

/// The files of the zone's folder that may be included: their texts, or why there is none.
pub type Includes = BTreeMap<String, Result<Arc<str>, String>>;

/// `None` when an error is among the diagnostics.
pub fn parse(
    apex: &Name,
    path: Arc<Path>,
    text: &Arc<str>,
    includes: &Includes,
) -> (Option<MasterFile>, Vec<Diagnostic>) {
    let mut reader = Reader {
        apex,
        includes,
        reports: Vec::new(),
        records: Vec::new(),
        room: MAX_INCLUDED,
        ttl: Ttl::default(),
        has_soa: false,
    };
    reader.file(path, text, apex.clone(), 0);
    let Reader { reports, records, .. } = reader;
    let part =
        |report: &Report| Part { path: Arc::clone(&report.path), text: Arc::clone(&report.text) };
    let parts = reports.iter().map(part).collect();
    let (mut taken, mut diagnostics) = (true, Complaints::default());
    for report in reports {
        let (value, complaints) = report.finish(Some(()));
        taken &= value.is_some();
        diagnostics.extend(complaints);
    }
    (taken.then_some(MasterFile { parts, records }), diagnostics.into_vec())
}

/// Whether a text may hold an `$INCLUDE`.
pub(crate) fn may_include(text: &str) -> bool {
    text.as_bytes().windows(8).any(|word| word.eq_ignore_ascii_case(b"$INCLUDE"))
}

/// What a record without a TTL takes, from the strongest to the weakest (RFC 2308 section 4,
/// RFC 1035 section 5.1, and the practice before RFC 2308).
#[derive(Default)]
struct Ttl {
    directive: Option<u32>,
    last: Option<u32>,
    soa_minimum: Option<u32>,
}

impl Ttl {
    fn left_out(&self) -> Option<u32> {
        self.directive.or(self.last).or(self.soa_minimum)
    }
}

struct Reader<'a> {
    apex: &'a Name,
    includes: &'a Includes,
    reports: Vec<Report>,
    records: Vec<StaticRecord>,
    room: usize,
    ttl: Ttl,
    has_soa: bool,
}

struct Cursor {
    part: usize,
    depth: usize,
    origin: Name,
    owner: Option<Name>,
}

impl Reader<'_> {
    fn file(&mut self, path: Arc<Path>, text: &Arc<str>, origin: Name, depth: usize) {
        let mut cursor = Cursor { part: self.reports.len(), depth, origin, owner: None };
        self.reports.push(Report::new(path, Arc::clone(text)));
        for entry in Lexer::new(text) {
            self.entry(&entry, &mut cursor);
        }
    }

    fn error(
        &self,
        cursor: &Cursor,
        span: Range<usize>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        if let Some(report) = self.reports.get(cursor.part) {
            report.error(span, message, advice);
        }
    }

    fn error_with(
        &self,
        cursor: &Cursor,
        span: Range<usize>,
        words: impl FnOnce() -> (String, String),
    ) {
        if let Some(report) = self.reports.get(cursor.part) {
            report.error_with(span, words);
        }
    }

    fn entry(&mut self, entry: &Entry<'_>, cursor: &mut Cursor) {
        if let Some(mistake) = &entry.mistake {
            self.error(cursor, mistake.span.clone(), mistake.message, mistake.advice);
            // The owner still counts for the lines below.
            if let Some(first) = entry.tokens.first().filter(|_| !entry.is_indented) {
                cursor.owner =
                    fields::name(first.text, &cursor.origin).ok().or(cursor.owner.take());
            }
            return;
        }
        let [first, rest @ ..] = entry.tokens.as_slice() else { return };
        if entry.is_indented {
            if cursor.owner.is_none() {
                let message = "this line has no owner name and no record comes before it";
                self.error(
                    cursor,
                    first.span.clone(),
                    message,
                    "write the owner name, or @ for the origin",
                );
                return;
            }
            self.record(first, &entry.tokens, cursor);
        } else if first.text.starts_with('$') {
            self.directive(first, rest, cursor);
        } else {
            match fields::name(first.text, &cursor.origin) {
                Ok(owner) => cursor.owner = Some(owner),
                Err(why) => {
                    let message = format!("invalid domain name {}", first.text);
                    self.error(cursor, first.span.clone(), message, why);
                    cursor.owner = None;
                }
            }
            self.record(first, rest, cursor);
        }
    }

    fn directive(&mut self, word: &Token<'_>, rest: &[Token<'_>], cursor: &mut Cursor) {
        const DIRECTIVES: [&str; 3] = ["$ORIGIN", "$TTL", "$INCLUDE"];
        let directive = word.text.to_ascii_uppercase();
        match (directive.as_str(), rest) {
            ("$ORIGIN", [name]) => {
                if let Some(origin) = self.name(name, cursor) {
                    cursor.origin = origin;
                }
            }
            ("$TTL", [ttl]) => match fields::seconds(ttl.text).unwrap_or(Err(fields::FORM)) {
                Ok(seconds) => self.ttl.directive = Some(seconds),
                Err(why) => {
                    let message = format!("invalid TTL {:?}", ttl.text);
                    self.error(cursor, ttl.span.clone(), message, why);
                }
            },
            ("$INCLUDE", [file]) => self.include(file, cursor.origin.clone(), cursor),
            ("$INCLUDE", [file, origin]) => {
                if let Some(origin) = self.name(origin, cursor) {
                    self.include(file, origin, cursor);
                }
            }
            ("$ORIGIN" | "$TTL" | "$INCLUDE", [] | [_, ..]) => {
                let form = match directive.as_str() {
                    "$ORIGIN" => "it takes one name",
                    "$TTL" => "it takes one TTL",
                    _ => "it takes a file name and an optional origin",
                };
                let place = rest.last().unwrap_or(word).span.clone();
                self.error(
                    cursor,
                    place,
                    format!("wrong number of arguments for {directive}"),
                    form,
                );
            }
            (other, _) => {
                self.error_with(cursor, word.span.clone(), || {
                    let advice = match nearest(other, DIRECTIVES) {
                        Some(word) => format!("did you mean {word}?"),
                        None => "write $ORIGIN, $TTL or $INCLUDE".to_owned(),
                    };
                    (format!("unknown directive {}", word.text), advice)
                });
            }
        }
    }

    fn name(&self, token: &Token<'_>, cursor: &Cursor) -> Option<Name> {
        match fields::name(token.text, &cursor.origin) {
            Ok(name) => Some(name),
            Err(why) => {
                let message = format!("invalid domain name {}", token.text);
                self.error(cursor, token.span.clone(), message, why);
                None
            }
        }
    }

    fn include(&mut self, file: &Token<'_>, origin: Name, cursor: &Cursor) {
        let name = file.text.trim_matches('"');
        let wrong = |message: String, advice: &str| {
            self.error(cursor, file.span.clone(), message, advice);
        };
        if name.contains('/') || name.starts_with('.') {
            let advice = "put included files in the zone's own directory and write their name \
                          only";
            return wrong(format!("{name} is outside the zone's directory"), advice);
        }
        if !name.ends_with(INCLUDED) {
            let message = format!("{name} cannot be included");
            return wrong(message, "rename it to NAME.inc: only *.inc files can be included");
        }
        let text = match self.includes.get(name) {
            Some(Ok(text)) => Arc::clone(text),
            Some(Err(why)) => return wrong(format!("{name} cannot be included"), why),
            None => {
                let message = format!("no such file to include: {name}");
                return wrong(message, "put it in the zone's own directory");
            }
        };
        let room = self.room.checked_sub(text.len());
        let (Some(room), true) = (room, cursor.depth < MAX_DEPTH) else {
            let message = format!("{name} is nested too deeply, or makes the zone too large");
            return wrong(message, "includes can be at most 8 deep, and 64 MiB in total");
        };
        if self.reports.len() >= MAX_PARTS {
            return wrong(
                format!("too many includes: {name} is not read"),
                "a file can include \
                                                                            at most 1000 in \
                                                                            total",
            );
        }
        self.room = room;
        let Some(path) = self.reports.first().map(|report| report.path.with_file_name(name)) else {
            return;
        };
        self.file(path.into(), &text, origin, cursor.depth + 1);
    }

    /// One record of `cursor.owner`, which `at` stands for; `tokens` are what follows the owner.
    fn record(&mut self, at: &Token<'_>, tokens: &[Token<'_>], cursor: &Cursor) {
        let Some((ttl, tokens)) = self.ttl_and_class(tokens, cursor) else { return };
        let Some(rtype) = self.rtype(at, tokens, cursor) else { return };
        let data = match forms::data(rtype, tokens, &cursor.origin) {
            Ok(data) => data,
            Err(wrong) => return self.error(cursor, wrong.span, wrong.message, wrong.advice),
        };
        let Some(owner) = cursor.owner.clone() else { return };
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return };
        if rtype == Rtype::SOA && ttl.is_none() && self.ttl.soa_minimum.is_none() {
            self.ttl.soa_minimum = records::soa(&data).map(|soa| soa.minimum);
        }
        self.ttl.last = ttl.or(self.ttl.last);
        if !self.stands_well(&owner, rtype, (at, first), cursor) {
            return;
        }
        let Some(ttl) = ttl.or_else(|| self.ttl.left_out()) else {
            let advice = "write $TTL 1h at the top of the file";
            return self.error(cursor, first.span.clone(), "this record has no TTL", advice);
        };
        if self.records.len() >= MOST_RECORDS {
            return self.error_with(cursor, first.span.clone(), || {
                let advice =
                    "divide the zone: put names below another apex into a zone of their own";
                (
                    format!("a zone can have at most {MOST_RECORDS} static records"),
                    advice.to_owned(),
                )
            });
        }
        let place = RecordPlace { part: cursor.part, span: first.span.start..last.span.end };
        self.records.push(StaticRecord { owner, rtype, ttl, rdata: data.into(), place });
    }

    /// The TTL, if it is said, and what follows it and the class; both may come in either order.
    fn ttl_and_class<'t, 'x>(
        &self,
        tokens: &'x [Token<'t>],
        cursor: &Cursor,
    ) -> Option<(Option<u32>, &'x [Token<'t>])> {
        let (mut rest, mut ttl, mut has_class) = (tokens, None, false);
        while let [token, after @ ..] = rest {
            if let Some(read) = fields::seconds(token.text).filter(|_| ttl.is_none()) {
                match read {
                    Ok(read) => ttl = Some(read),
                    Err(why) => {
                        let message = format!("invalid TTL {:?}", token.text);
                        self.error(cursor, token.span.clone(), message, why);
                        return None;
                    }
                }
            } else if let Some(served) = fields::class(token.text).filter(|_| !has_class) {
                if !served {
                    let message = format!("class {} is not supported", token.text);
                    self.error(
                        cursor,
                        token.span.clone(),
                        message,
                        "write IN, or leave the \
                                                                     class out",
                    );
                    return None;
                }
                has_class = true;
            } else {
                break;
            }
            rest = after;
        }
        Some((ttl, rest))
    }

    fn rtype(&self, at: &Token<'_>, tokens: &[Token<'_>], cursor: &Cursor) -> Option<Rtype> {
        let Some(first) = tokens.first() else {
            let advice = "write a record as OWNER TTL TYPE DATA";
            self.error(cursor, at.span.clone(), "this record has no type", advice);
            return None;
        };
        let Some(rtype) = rdata::rtype(first.text) else {
            self.error_with(cursor, first.span.clone(), || {
                let known = Rtype::KNOWN.iter().filter_map(|rtype| rtype.mnemonic());
                let advice = match nearest(first.text, known) {
                    Some(word) => format!("did you mean {word}?"),
                    None => {
                        "write a type mnemonic, or TYPE and a number, like TYPE65280".to_owned()
                    }
                };
                (format!("unknown type {}", first.text), advice)
            });
            return None;
        };
        // RFC 6895 section 3.1: types that only questions and messages have.
        if matches!(rtype.0, 0 | 41 | 128..=255) {
            let message = format!("{rtype} records are not allowed in a zone");
            self.error(cursor, first.span.clone(), message, "remove it");
            return None;
        }
        Some(rtype)
    }

    /// Whether a record of this type may have this owner, whatever else there is.
    fn stands_well(
        &mut self,
        owner: &Name,
        rtype: Rtype,
        (at, first): (&Token<'_>, &Token<'_>),
        cursor: &Cursor,
    ) -> bool {
        let apex = self.apex;
        if owner.below(apex).is_none() {
            let message = format!("{owner} is outside the zone {apex}");
            let advice = "a name with a final dot is absolute, one without is relative to the \
                          origin";
            self.error(cursor, at.span.clone(), message, advice);
            return false;
        }
        let is_wildcard = owner.labels().next() == Some(b"*");
        let wrong = match rtype {
            Rtype::SOA if owner != apex => {
                Some(("an SOA is only allowed at the zone apex", "write @ as the owner"))
            }
            Rtype::SOA if self.has_soa => {
                Some(("the zone has a second SOA", "remove it: a zone has exactly one"))
            }
            Rtype::DS if owner == apex => {
                Some(("a DS is not allowed at the zone apex", "put it in the parent zone"))
            }
            // RFC 4592 sections 4.2 and 4.4: nobody agrees on what they would mean.
            Rtype::NS | Rtype::DNAME | Rtype::DS if is_wildcard => {
                Some(("a wildcard cannot have NS, DS or DNAME records", "write each name out"))
            }
            _ => None,
        };
        self.has_soa |= rtype == Rtype::SOA;
        if let Some((message, advice)) = wrong {
            self.error(cursor, first.span.clone(), message, advice);
        }
        wrong.is_none()
    }
}
