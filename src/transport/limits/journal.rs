//! What the log says of limiting: at most one line a second in all, whatever the flood.
//!
//! One share is followed at a time, from its first limited answer to its last. A worker keeps
//! notes of its own and hands them in a few times a second; that is the one place with a lock.

use std::time::Duration;

use tracing::{info, warn};

use crate::model::time::Instant;
use crate::transport::limits::key::Key;
use crate::transport::throttle::Throttle;

const REPORT: Duration = Duration::from_millis(250);
/// A share that was not limited for so long is no longer limited. Longer than a report takes.
const QUIET: Duration = Duration::from_secs(2);

/// What one worker has seen since its last report.
#[derive(Debug, Default)]
pub(super) struct Notes {
    limited: u64,
    /// The share that was followed at the last report, and when it was last limited.
    followed: Option<(Key, Option<Instant>)>,
    other: Option<Key>,
    next_report: Instant,
}

impl Notes {
    pub(super) fn add(&mut self, key: Key, now: Instant) {
        self.limited = self.limited.saturating_add(1);
        match &mut self.followed {
            Some((followed, last)) if *followed == key => *last = Some(now),
            Some(_) | None => self.other = Some(key),
        }
    }

    /// Whether there is something to report, and time to.
    pub(super) fn are_due(&self, now: Instant) -> bool {
        self.are_open() && now >= self.next_report
    }

    /// Whether there will be something to report, also if no more packets come.
    pub(super) fn are_open(&self) -> bool {
        self.limited > 0 || self.followed.is_some()
    }
}

#[derive(Debug, Default)]
pub(super) struct Journal {
    followed: Option<Followed>,
    throttle: Throttle,
    /// Limited answers since the last line.
    untold: u64,
}

#[derive(Clone, Copy, Debug)]
struct Followed {
    key: Key,
    last: Instant,
}

/// A line of the log. The count is of the limited answers since the line before this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Began(Key, u64),
    Ended(Key, u64),
}

impl Journal {
    /// Takes in a worker's notes and begins new ones; says what is to be logged, if anything.
    pub(super) fn report(&mut self, notes: &mut Notes, now: Instant) -> Option<Line> {
        self.untold = self.untold.saturating_add(notes.limited);
        let mut other = notes.other;
        if let Some((key, Some(last))) = notes.followed {
            match &mut self.followed {
                Some(followed) if followed.key == key => followed.last = followed.last.max(last),
                // Another worker has seen its end, and it goes on here.
                Some(_) | None => other = other.or(Some(key)),
            }
        }
        let line = self.turn(other, now);
        let followed = self.followed.map(|followed| (followed.key, None));
        let next_report = Instant(now.0.saturating_add(REPORT));
        *notes = Notes { followed, next_report, ..Notes::default() };
        line
    }

    fn turn(&mut self, other: Option<Key>, now: Instant) -> Option<Line> {
        let line = match (self.followed, other) {
            (None, None) => return None,
            (Some(followed), _) if now.since(followed.last) < QUIET => return None,
            (Some(followed), _) => Line::Ended(followed.key, self.untold),
            (None, Some(key)) => Line::Began(key, self.untold),
        };
        self.throttle.due(now)?;
        self.untold = 0;
        self.followed = match line {
            Line::Began(key, _) => Some(Followed { key, last: now }),
            Line::Ended(..) => None,
        };
        Some(line)
    }
}

impl Line {
    pub(super) fn write(self, dry_run: bool) {
        match self {
            Self::Began(key, answers) => {
                let (prefix, class) = (key.prefix(), key.class.word());
                warn!(%prefix, class, answers, dry_run, "responses are rate limited");
            }
            Self::Ended(key, answers) => {
                let (prefix, class) = (key.prefix(), key.class.word());
                info!(%prefix, class, answers, dry_run, "responses are no longer rate limited");
            }
        }
    }
}
