//! Response rate limiting: decides whether a prefix of clients has had enough answers.
//!
//! The sender of a datagram can be a lie, so a flood of answers would hit whoever is named. Beyond
//! the limit an answer is made small and empty (the slip: TC, which sends an asker who is really
//! there to TCP, where addresses are proved), or it is not sent.

mod journal;
mod key;
mod table;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::rrl::Rrl;
use crate::metrics::limited::{Action, Class};
use crate::model::time::{Clock, Instant};
use crate::transport::limits::journal::{Journal, Notes};
use crate::transport::limits::key::Key;
use crate::transport::limits::table::{Table, charge, is_over};

/// A second's worth of answers in nanoseconds of one.
const SECOND: u64 = 1_000_000_000;
/// The wide prefix's limit is so many narrow ones: an attack that is spread over it is limited,
/// and ordinary neighbours are not.
const NEIGHBOURS: u64 = 32;

#[derive(Debug)]
pub struct Limiter {
    table: Table,
    journal: Mutex<Journal>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is sent, and was charged.
    Within,
    /// This share is used up; nothing was charged.
    Over(Key),
}

impl Limiter {
    pub fn new() -> Self {
        Self { table: Table::new(), journal: Mutex::default() }
    }

    fn judge(&self, rrl: &Rrl, client: IpAddr, class: Class, now: Instant) -> Verdict {
        if rrl.exempt.contains(client) {
            return Verdict::Within;
        }
        let Some(cost) = SECOND.checked_div(u64::from(rrl.responses_per_second)) else {
            return Verdict::Within;
        };
        let now = u64::try_from(now.0.as_nanos()).unwrap_or(u64::MAX);
        let [narrow, wide] = Key::of(client, class);
        let (narrow_cells, wide_cells) = (self.table.cells(narrow), self.table.cells(wide));
        let wide_cost = cost / NEIGHBOURS;
        if is_over(narrow_cells.clone(), cost, now) {
            return Verdict::Over(narrow);
        }
        if is_over(wide_cells.clone(), wide_cost, now) {
            return Verdict::Over(wide);
        }
        charge(narrow_cells, cost, now);
        charge(wide_cells, wide_cost, now);
        Verdict::Within
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
pub struct Guard {
    limiter: Arc<Limiter>,
    /// Limited answers since the last slip.
    since_slip: u32,
    /// Whether the last of them was only counted.
    dry_run: bool,
    notes: Notes,
}

impl Guard {
    /// Of a worker that has limited nothing yet.
    pub fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter, since_slip: 0, dry_run: false, notes: Notes::default() }
    }

    /// What is to be done with an answer of this class instead of just sending it.
    pub fn limit(
        &mut self,
        rrl: &Rrl,
        client: IpAddr,
        class: Class,
        now: Instant,
    ) -> Option<Action> {
        let verdict = self.limiter.judge(rrl, client, class, now);
        if let Verdict::Over(key) = verdict {
            self.notes.add(key, now);
            self.dry_run = rrl.dry_run;
        }
        self.pass(now);
        match verdict {
            Verdict::Within => None,
            Verdict::Over(_) if rrl.dry_run => Some(Action::DryRun),
            Verdict::Over(_) => Some(self.slip(rrl.slip)),
        }
    }

    /// Says what is due to be said of others, whose answers are limited.
    #[inline]
    pub fn pass(&mut self, now: Instant) {
        if self.notes.are_due(now) {
            self.report(now);
        }
    }

    /// The end of a flood is told also when no packet comes any more.
    pub fn rest(&mut self, clock: &Clock) {
        if self.notes.are_open() {
            self.pass(clock().mono);
        }
    }

    fn slip(&mut self, every: u32) -> Action {
        self.since_slip = self.since_slip.saturating_add(1);
        if every == 0 || self.since_slip < every {
            return Action::Dropped;
        }
        self.since_slip = 0;
        Action::Slipped
    }

    /// A few times a second at most, and only around a flood.
    fn report(&mut self, now: Instant) {
        let mut journal = self.limiter.journal.lock().unwrap_or_else(PoisonError::into_inner);
        let line = journal.report(&mut self.notes, now);
        drop(journal);
        if let Some(line) = line {
            line.write(self.dry_run);
        }
    }
}
