//! What operators order of instances of any source: judged, kept, and then in force. One list is
//! kept at a time; what comes meanwhile waits.

pub(super) mod book;
pub(super) mod find;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::event::{Answer, OrderNews, Ticket};
use crate::engine::orders::book::{Book, Ordered, Override};
use crate::engine::orders::find::{Finder, Found};
use crate::model::agent::{Refusal, Write};
use crate::model::service::{InstanceId, Service, ServiceKey};
use crate::model::time::{Instant, Now};

/// Each is a line of the file, which is written as a whole.
const MOST: usize = 10_000;
/// Before what could not be kept is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// In force.
    book: Arc<Book>,
    waiting: VecDeque<(Ticket, Write)>,
    batch: Option<Batch>,
    /// Something has ended by itself, and is to be kept so from then on.
    unkept: Option<Instant>,
    /// When something ends by itself.
    due: Option<Instant>,
}

/// What is being kept.
#[derive(Debug)]
struct Batch {
    next: Arc<Book>,
    answers: Vec<Answer<()>>,
}

/// What has come of orders.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Services of which something else is ordered now.
    pub(super) services: Vec<ServiceKey>,
    pub(super) log: Vec<OrderNews>,
}

impl Orders {
    /// Takes over what the last process kept.
    pub(super) fn restore(&mut self, lines: &[String]) {
        self.book = Arc::new(Book::read(lines));
        self.due = Some(Instant::default());
    }

    pub(super) fn book(&self) -> &Arc<Book> {
        &self.book
    }

    pub(super) fn wait(&mut self, ticket: Ticket, order: Write) {
        self.waiting.push_back((ticket, order));
    }

    /// Services of which something is ordered.
    pub(super) fn services(&self) -> Vec<ServiceKey> {
        self.book.0.keys().cloned().collect()
    }

    /// What takes the place of what checks say of the instances of a service.
    pub(super) fn of(&self, key: &ServiceKey) -> BTreeMap<InstanceId, Override> {
        let of_service = self.book.0.get(key).into_iter().flatten();
        of_service.filter_map(|(id, ordered)| Some((id.clone(), ordered.strongest()?))).collect()
    }

    pub(super) fn wake(&self) -> Option<Instant> {
        let retry = self.unkept.filter(|_| self.batch.is_none());
        self.due.into_iter().chain(retry).min()
    }

    /// Judges the orders that wait, unless others are being kept: the lines to keep, and the
    /// answers to those that changed nothing.
    pub(super) fn begin(
        &mut self,
        finder: &Finder<'_>,
        now: Now,
        answers: &mut Vec<Answer<()>>,
    ) -> Option<Vec<String>> {
        let retries = self.unkept.is_some_and(|due| due <= now.mono);
        if self.batch.is_some() || self.waiting.is_empty() && !retries {
            return None;
        }
        let mut batch = Batch { next: Arc::clone(&self.book), answers: Vec::new() };
        for (ticket, write) in self.waiting.drain(..) {
            let judged = finder.find(&write, &batch.next);
            let judged = judged.and_then(|found| order(Arc::make_mut(&mut batch.next), found, now));
            batch.answers.push((ticket, judged));
        }
        if batch.next == self.book && !retries {
            answers.append(&mut batch.answers);
            return None;
        }
        self.unkept = None;
        let lines = batch.next.lines();
        self.batch = Some(batch);
        Some(lines)
    }

    /// The list is kept, or could not be, and is in force then.
    pub(super) fn end(
        &mut self,
        kept: Result<(), String>,
        now: Now,
        answers: &mut Vec<Answer<()>>,
    ) -> News {
        let Some(batch) = self.batch.take() else { return News::default() };
        if let Err(words) = kept {
            self.unkept = Some(now.mono + PAUSE);
            answers.extend(batch.answers.into_iter().map(|(ticket, judged)| {
                (ticket, judged.and_then(|()| Err(Refusal::NotStored(words.clone()))))
            }));
            return News::default();
        }
        answers.extend(batch.answers);
        let before = std::mem::replace(&mut self.book, batch.next);
        self.arm(now);
        self.news(&before)
    }

    /// Ends what ends by itself; the instances whose drain is over are given too.
    pub(super) fn expire(&mut self, now: Now) -> (News, Vec<(ServiceKey, InstanceId)>) {
        if self.due.is_none_or(|due| due > now.mono) {
            return (News::default(), Vec::new());
        }
        let (before, mut drained) = (Arc::clone(&self.book), Vec::new());
        self.change(now, |book| {
            book.expire(now.wall);
            drained = book.end_drains(now.wall);
        });
        self.arm(now);
        (self.news(&before), drained)
    }

    /// Looks at which instances a service has now.
    pub(super) fn see(&mut self, key: &ServiceKey, service: Option<&Service>, now: Now) {
        if !self.book.0.contains_key(key) {
            return;
        }
        let has = |id: &InstanceId| {
            service.is_some_and(|service| service.instances.iter().any(|i| i.id == *id))
        };
        self.change(now, |book| book.see(key, &has, now.wall));
        self.arm(now);
    }

    /// The instance has been registered anew: it is another one, which nobody drains.
    pub(super) fn end_drain(&mut self, key: &ServiceKey, id: &InstanceId, now: Now) {
        if self.book.get(key, id).is_some_and(|ordered| ordered.drain.is_some()) {
            self.change(now, |book| book.change(key, id, |ordered| ordered.drain = None));
        }
    }

    /// The instance has been registered again as it is: a drain goes on, and leaves it registered.
    pub(super) fn spare(&mut self, key: &ServiceKey, id: &InstanceId, now: Now) {
        let is_drained = |ordered: &Ordered| ordered.drain.as_ref().is_some_and(|d| !d.spares);
        if self.book.get(key, id).is_some_and(is_drained) {
            self.change(now, |book| book.change(key, id, Ordered::spare));
        }
    }

    /// Changes what is in force, and what will be.
    fn change(&mut self, now: Now, mut change: impl FnMut(&mut Book)) {
        let before = Arc::clone(&self.book);
        if let Some(batch) = &mut self.batch {
            change(Arc::make_mut(&mut batch.next));
        }
        change(Arc::make_mut(&mut self.book));
        if self.book == before {
            // Readers know it by its pointer.
            self.book = before;
        } else {
            self.unkept.get_or_insert(now.mono);
        }
    }

    fn arm(&mut self, now: Now) {
        let wait = |due: std::time::SystemTime| due.duration_since(now.wall).unwrap_or_default();
        self.due = self.book.due().map(|due| now.mono + wait(due));
    }

    fn news(&self, before: &Book) -> News {
        let log = self.book.news(before);
        let mut services: Vec<_> = log.iter().map(|news| news.service.clone()).collect();
        services.dedup();
        News { services, log }
    }
}

fn order(book: &mut Book, found: Found, now: Now) -> Result<(), Refusal> {
    let Found { key, id, act, note, longest } = found;
    book.change(&key, &id, |ordered: &mut Ordered| ordered.act(act, note, longest, now.wall));
    if book.len() > MOST {
        book.change(&key, &id, |ordered| *ordered = Ordered::default());
        return Err(Refusal::Invalid(format!("there are {MOST} orders already: end some of them")));
    }
    Ok(())
}
