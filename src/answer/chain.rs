//! Follows aliases from name to name, and puts what was met on the way before the last answer.

use std::borrow::Cow;

use crate::answer::Answer;
use crate::model::dns::{ExtendedError, Owner, Rcode, Record};
use crate::model::name::Name;
use crate::wire::reply::Reply;

/// A resolver gives up well before this; a loop never gets there.
const MAX_LINKS: usize = 8;

pub(super) enum Step<'s> {
    Last(Answer<'s>),
    /// It is another name for `target`.
    Alias {
        /// What is said of it; the last is a CNAME to the target.
        links: Vec<Record<'s>>,
        target: Cow<'s, Name>,
        /// Why this alias, when health would have had none.
        note: Option<ExtendedError>,
    },
}

pub(super) struct Chain<'s> {
    links: Vec<Record<'s>>,
    /// The name asked for and each that an alias led to.
    names: Vec<Name>,
    note: Option<ExtendedError>,
}

impl<'s> Chain<'s> {
    pub(super) fn new(name: &Name) -> Self {
        Self { links: Vec::new(), names: vec![name.clone()], note: None }
    }

    /// Keeps an alias. Whether its target is to be looked up: not one that was met before, and not
    /// one too many.
    pub(super) fn follow(
        &mut self,
        links: Vec<Record<'s>>,
        target: &Name,
        note: Option<ExtendedError>,
    ) -> bool {
        let before = self.links.len();
        self.note = self.note.take().or(note);
        self.links.extend(links.into_iter().map(|link| moved(link, before)));
        let goes_on = !self.names.contains(target) && self.names.len() < MAX_LINKS;
        self.names.push(target.clone());
        goes_on
    }

    pub(super) fn end(self, last: Answer<'s>) -> Answer<'s> {
        // SERVFAIL says nothing of any name.
        if self.links.is_empty() || matches!(last, Answer::NotReady(_)) {
            return last;
        }
        Answer::Aliased { links: self.links, note: self.note, last: Box::new(last) }
    }

    /// The last name is not to be looked up: NOERROR.
    pub(super) fn end_here(self) -> Answer<'s> {
        let nothing = Answer::Found { records: Vec::new(), additional: Vec::new(), note: None };
        self.end(nothing)
    }

    /// The last name is in no zone of ours: `refused` when it is the one asked for.
    pub(super) fn end_outside(self, refused: Answer<'s>) -> Answer<'s> {
        if self.links.is_empty() { refused } else { self.end_here() }
    }
}

/// `last` with `links` before it. AA is that of the name asked for (RFC 1035 section 4.1.1), the
/// rcode that of the last name (RFC 6604).
pub(super) fn reply<'s>(
    mut links: Vec<Record<'s>>,
    note: Option<ExtendedError>,
    last: Reply<'s>,
) -> Reply<'s> {
    let before = links.len();
    let moved_all = |records: Vec<Record<'s>>| -> Vec<Record<'s>> {
        records.into_iter().map(|record| moved(record, before)).collect()
    };
    links.extend(moved_all(last.answers));
    Reply {
        rcode: last.rcode,
        authoritative: true,
        answers: links,
        authority: moved_all(last.authority),
        glue: moved_all(last.glue),
        additional: moved_all(last.additional),
        extended_error: last.extended_error.filter(|_| last.rcode != Rcode::Refused).or(note),
    }
}

/// A record that comes after `before` others, the last of which leads to the name it speaks of.
fn moved(record: Record<'_>, before: usize) -> Record<'_> {
    let owner = match record.owner {
        Owner::Question => match before.checked_sub(1) {
            Some(link) => Owner::Target(link),
            None => Owner::Question,
        },
        Owner::Target(place) => Owner::Target(place.saturating_add(before)),
        Owner::Name(name) => Owner::Name(name),
    };
    Record { owner, ..record }
}
