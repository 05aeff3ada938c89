//! What is known of one file, and what each new fact about it means.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::model::time::{Instant, Now};

/// How long a file must keep still when nobody told that it is complete, and how long a thing
/// that vanished may stay away.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1);

/// A writer that neither wrote nor closed for this long will not: `truncate(2)` never closes.
pub(crate) const WRITER_PATIENCE: Duration = Duration::from_secs(60);

/// Coarser than any file system's clock (FAT counts in two seconds): a file changed this recently
/// may change again without its times showing it.
const CLOCK_GRAIN: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// Where a file really lies, links followed: what is told of another place says nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) folder: Identity,
    pub(crate) name: OsString,
}

/// What tells a changed file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) identity: Identity,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileContent {
    Text(Arc<str>),
    /// It cannot be taken; the words of the complaint.
    Unreadable(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Absent,
    Torn,
    /// The fingerprint is left out where a later attempt may have better luck.
    Read(Option<Fingerprint>, FileContent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Closed after writing, renamed or linked into place.
    Complete,
    /// It kept still; this alone makes an empty file complete.
    Still,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sighting {
    /// It lies there; its writer may not have finished.
    Lies,
    /// It was put in place whole, behind a swapped link or in a renamed folder.
    Swapped,
    First,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Settled,
    Due(Evidence),
    /// Being read. Any word that comes meanwhile takes the place of this, and the reading is of no
    /// use then: nobody knows which of the two it saw.
    Reading(Evidence),
    /// Somebody writes; the close will tell.
    Writing {
        since: Instant,
    },
    /// Read if it is still like this after [`PATIENCE`].
    Still {
        print: Option<Fingerprint>,
        since: Instant,
    },
    /// Taken out after [`PATIENCE`].
    Away {
        since: Instant,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) said: Option<FileContent>,
    /// Its fingerprint at that time, where that proves anything.
    seen: Option<Fingerprint>,
    /// Where the last listing found it; what is told of it is told of that place.
    home: Option<Home>,
    /// It was elsewhere before, and nothing has told yet that it came whole.
    arrived: bool,
    state: State,
}

impl File {
    pub(crate) fn unread() -> Self {
        Self { said: None, seen: None, home: None, arrived: false, state: State::Settled }
    }

    /// Closed after writing, renamed or linked into place.
    pub(crate) fn completed(&mut self) {
        self.state = State::Due(Evidence::Complete);
    }

    /// The name is new: opened by a writer, or linked to something complete. Stillness will tell.
    pub(crate) fn created(&mut self, now: Instant) {
        self.arrived = false;
        self.state = State::Still { print: None, since: now };
    }

    pub(crate) fn modified(&mut self, now: Instant) {
        self.arrived = false;
        self.state = State::Writing { since: now };
    }

    /// Not there any more, `since` then.
    pub(crate) fn vanished(&mut self, since: Instant) {
        if !matches!(self.state, State::Away { .. }) {
            self.state = State::Away { since };
        }
    }

    /// Starts the grace of a missing file again: the folder above could not be read meanwhile.
    pub(crate) fn pardon(&mut self, now: Instant) {
        if let State::Away { since } = &mut self.state {
            *since = now;
        }
    }

    /// A listing found it at `home`. Whether it was known at another place until now: its folder or a
    /// link on the way was swapped.
    pub(crate) fn lies_at(&mut self, home: &Home) -> bool {
        let is_same = self.home.as_ref() == Some(home);
        let before = if is_same { None } else { self.home.replace(home.clone()) };
        self.arrived |= !is_same;
        before.is_some()
    }

    /// Whether nothing has told that it came whole to where it lies.
    pub(crate) fn has_arrived(&self) -> bool {
        self.arrived
    }

    /// Forgets what is being done with the file at the place where it lay before. What is to be read
    /// will be read at the new one.
    pub(crate) fn forget_state(&mut self, now: Instant) {
        match self.state {
            State::Settled | State::Due(_) => (),
            State::Reading(_)
            | State::Writing { .. }
            | State::Still { .. }
            | State::Away { .. } => {
                self.state = State::Still { print: None, since: now };
            }
        }
    }

    pub(crate) fn found(&mut self, print: Fingerprint, sighting: Sighting, now: Instant) {
        let unchanged = self.seen == Some(print);
        self.state = match (self.state, sighting) {
            (State::Due(evidence), _) => State::Due(evidence),
            (State::Reading(evidence), _) => State::Reading(evidence),
            (_, Sighting::First) => State::Due(Evidence::Still),
            (State::Writing { since }, _) if now.since(since) < WRITER_PATIENCE => {
                State::Writing { since }
            }
            (State::Settled | State::Away { .. }, _) if unchanged => State::Settled,
            (State::Settled | State::Away { .. } | State::Still { .. }, Sighting::Swapped)
                if print.size > 0 =>
            {
                State::Due(Evidence::Complete)
            }
            (State::Still { print: Some(before), since }, _) if before == print => {
                if now.since(since) < PATIENCE {
                    State::Still { print: Some(before), since }
                } else {
                    State::Due(Evidence::Still)
                }
            }
            _ => State::Still { print: Some(print), since: now },
        };
        self.arrived &= matches!(self.state, State::Still { .. } | State::Writing { .. });
    }

    /// A listing did not find it, and the folder has been without it `since` then at the least.
    /// Whether it is to be forgotten.
    pub(crate) fn missed(&mut self, since: Instant, now: Instant) -> bool {
        if self.said.is_none() {
            return true;
        }
        self.vanished(since);
        matches!(self.state, State::Away { since } if now.since(since) >= PATIENCE)
    }

    pub(crate) fn begin(&mut self) -> bool {
        let State::Due(evidence) = self.state else { return false };
        self.state = State::Reading(evidence);
        true
    }

    /// Words about it may have been lost: a writer may have closed it.
    pub(crate) fn doubted(&mut self, now: Instant) {
        if matches!(self.state, State::Writing { .. }) {
            self.created(now);
        }
    }

    /// It was read, as it was due; `now` is no later than the beginning by the wall's clock. What
    /// is new about it.
    pub(crate) fn read(&mut self, reading: Reading, now: Now) -> Option<FileContent> {
        let State::Reading(evidence) = self.state else { return None };
        let (print, said) = match reading {
            Reading::Absent => {
                self.state = State::Away { since: now.mono };
                return None;
            }
            Reading::Torn => {
                self.state = State::Still { print: None, since: now.mono };
                return None;
            }
            Reading::Read(print, said) => (print, said),
        };
        let empty = matches!(&said, FileContent::Text(text) if text.is_empty());
        if empty && evidence == Evidence::Complete {
            self.state = State::Still { print, since: now.mono };
            return None;
        }
        self.state = State::Settled;
        self.seen = print.filter(|print| has_settled(print.modified, now.wall));
        if self.said.as_ref() == Some(&said) {
            return None;
        }
        self.said = Some(said.clone());
        Some(said)
    }

    pub(crate) fn is_due(&self) -> bool {
        matches!(self.state, State::Due(_))
    }

    pub(crate) fn wake(&self) -> Option<Instant> {
        match self.state {
            State::Settled | State::Due(_) | State::Reading(_) => None,
            State::Writing { since } => Some(since + WRITER_PATIENCE),
            // Its first sighting is still to come: a listing now starts the second.
            State::Still { print: None, since } => Some(since),
            State::Still { print: Some(_), since } | State::Away { since } => {
                Some(since + PATIENCE)
            }
        }
    }
}

/// Whether a file with this time cannot change any more without the time showing it.
fn has_settled(modified: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(modified).unwrap_or_else(|ahead| ahead.duration());
    apart >= CLOCK_GRAIN
}
