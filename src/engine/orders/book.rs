//! What operators have ordered of which instance, and the lines that it is kept in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::engine::event::OrderNews;
use crate::model::agent::Act;
use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::service::{InstanceId, ServiceKey};
use crate::model::time::Now;
use crate::snapshot::target::{Fitness, Standing};

/// How long maintenance and force outlive an id that nobody registers.
const OUTLIVES: Duration = Duration::from_secs(72 * 3600);

/// By service and instance; no entry is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book(pub(crate) BTreeMap<ServiceKey, BTreeMap<InstanceId, Ordered>>);

/// All that is ordered of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ordered {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maintenance: Option<Note>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    force: Option<Force>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) drain: Option<Drain>,
    /// Since when nobody registers the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    absent: Option<SystemTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) reason: String,
    pub(crate) who: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Force {
    up: bool,
    /// `None` until it is taken back.
    until: Option<SystemTime>,
    note: Note,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Drain {
    /// When nobody can hold an answer with it any more.
    pub(super) ends: SystemTime,
    note: Note,
    /// Whoever it is has registered again meanwhile, and nothing that is acknowledged is lost: the
    /// end of the drain is all that comes of it.
    #[serde(default)]
    pub(super) spares: bool,
    /// Its deregistration was asked for.
    #[serde(skip)]
    pub(super) is_over: bool,
}

/// One line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    zone: String,
    service: String,
    instance: String,
    orders: Ordered,
}

/// What an order makes of how an instance stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    condition: Condition,
    reason: Arc<str>,
}

impl Override {
    /// Takes the place of what checks say.
    pub(crate) fn standing(&self, before: Fitness, now: Now) -> Standing {
        let (condition, reason) = (self.condition, Some(Arc::clone(&self.reason)));
        let fitness = match (condition, before) {
            (Condition::ForcedUp, _) => Fitness::Fit { suspect: true, warning: false },
            (Condition::Drained, _) => Fitness::Out { named: true },
            (Condition::Maintenance, _) => Fitness::Out { named: false },
            (_, Fitness::Fit { .. }) => Fitness::Unfit { left: Some(now.mono) },
            (_, unfit) => unfit,
        };
        Standing { condition, fitness, reason }
    }
}

impl Ordered {
    /// With its end, the strongest first: maintenance beats force, force beats drain.
    pub(crate) fn in_force(&self) -> impl Iterator<Item = (Condition, &Note, Option<SystemTime>)> {
        let force = self.force.as_ref().map(|force| {
            let condition = if force.up { Condition::ForcedUp } else { Condition::ForcedDown };
            (condition, &force.note, force.until)
        });
        let maintenance =
            self.maintenance.as_ref().map(|note| (Condition::Maintenance, note, None));
        let drain = self.drain.as_ref().map(|drain| (Condition::Drained, &drain.note, None));
        maintenance.into_iter().chain(force).chain(drain)
    }

    pub(super) fn strongest(&self) -> Option<Override> {
        let (condition, note, until) = self.in_force().next()?;
        Some(Override { condition, reason: words(note, until).into() })
    }

    fn is_empty(&self) -> bool {
        self.maintenance.is_none() && self.force.is_none() && self.drain.is_none()
    }

    /// `longest` is the longest time that somebody may hold an answer with the instance.
    pub(super) fn act(&mut self, act: Act, note: Note, longest: Duration, now: SystemTime) {
        match act {
            Act::Drain => {
                let ends = now + longest;
                self.drain.get_or_insert(Drain { ends, note, spares: false, is_over: false });
            }
            Act::Undrain => self.drain = None,
            // Switched on again, it keeps the first reason, as in Consul.
            Act::Maintenance { on: true } => drop(self.maintenance.get_or_insert(note)),
            Act::Maintenance { on: false } => self.maintenance = None,
            Act::Force { up, lasting } => {
                let until = lasting.and_then(|lasting| now.checked_add(lasting));
                self.force = Some(Force { up, until, note });
            }
            Act::Follow => self.force = None,
        }
    }

    pub(super) fn spare(&mut self) {
        if let Some(drain) = &mut self.drain {
            drain.spares = true;
        }
    }

    /// When something of it ends by itself.
    fn due(&self) -> Option<SystemTime> {
        let force = self.force.as_ref().and_then(|force| force.until);
        let drain = self.drain.as_ref().filter(|drain| !drain.is_over).map(|drain| drain.ends);
        let absent = self.absent.map(|since| since + OUTLIVES);
        force.into_iter().chain(drain).chain(absent).min()
    }

    fn expire(&mut self, now: SystemTime) {
        if self.absent.is_some_and(|since| since + OUTLIVES <= now) {
            *self = Self::default();
        }
        self.force.take_if(|force| force.until.is_some_and(|until| until <= now));
        self.drain.take_if(|drain| drain.spares && drain.ends <= now);
    }

    /// Somebody registers the instance, or nobody does any more: then a drain has done its work.
    fn see(&mut self, is_there: bool, now: SystemTime) {
        if is_there {
            self.absent = None;
        } else {
            self.absent.get_or_insert(now);
            self.drain = None;
        }
    }
}

/// Why, until when, and whose word it is.
fn words(note: &Note, until: Option<SystemTime>) -> String {
    let reason = if note.reason.is_empty() { "no reason given" } else { &note.reason };
    let until = until.map(|until| format!("until {}", humantime::format_rfc3339_seconds(until)));
    let who = (!note.who.is_empty()).then(|| format!("by {}", note.who));
    let more: Vec<_> = until.into_iter().chain(who).collect();
    if more.is_empty() { reason.to_owned() } else { format!("{reason} ({})", more.join(", ")) }
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }

    pub(super) fn get(&self, key: &ServiceKey, id: &InstanceId) -> Option<&Ordered> {
        self.0.get(key)?.get(id)
    }

    /// Changes what is ordered of one instance.
    pub(super) fn change(
        &mut self,
        key: &ServiceKey,
        id: &InstanceId,
        change: impl FnOnce(&mut Ordered),
    ) {
        let of_service = self.0.entry(key.clone()).or_default();
        let ordered = of_service.entry(id.clone()).or_default();
        change(ordered);
        if ordered.is_empty() {
            of_service.remove(id);
        }
        if of_service.is_empty() {
            self.0.remove(key);
        }
    }

    pub(super) fn due(&self) -> Option<SystemTime> {
        self.0.values().flat_map(BTreeMap::values).filter_map(Ordered::due).min()
    }

    /// Drops what has ended by now.
    pub(super) fn expire(&mut self, now: SystemTime) {
        for of_service in self.0.values_mut() {
            for ordered in of_service.values_mut() {
                ordered.expire(now);
            }
            of_service.retain(|_, ordered| !ordered.is_empty());
        }
        self.0.retain(|_, of_service| !of_service.is_empty());
    }

    /// The instances that nobody can hold an answer with since the last call.
    pub(super) fn end_drains(&mut self, now: SystemTime) -> Vec<(ServiceKey, InstanceId)> {
        let of_services = self.0.iter_mut();
        let all = of_services.flat_map(|(key, of)| of.iter_mut().map(move |(id, o)| (key, id, o)));
        let over = all.filter_map(|(key, id, ordered)| {
            let drain = ordered.drain.as_mut()?;
            let ends = !std::mem::replace(&mut drain.is_over, drain.ends <= now);
            (ends && drain.is_over).then(|| (key.clone(), id.clone()))
        });
        over.collect()
    }

    /// Looks at which instances of a service there are.
    pub(super) fn see(
        &mut self,
        key: &ServiceKey,
        is_there: &dyn Fn(&InstanceId) -> bool,
        now: SystemTime,
    ) {
        let Some(of_service) = self.0.get_mut(key) else { return };
        for (id, ordered) in of_service.iter_mut() {
            ordered.see(is_there(id), now);
        }
        of_service.retain(|_, ordered| !ordered.is_empty());
        if of_service.is_empty() {
            self.0.remove(key);
        }
    }

    /// What stands otherwise here than in `other`, for the log.
    pub(super) fn news(&self, before: &Self) -> Vec<OrderNews> {
        let mut all: Vec<(&ServiceKey, &InstanceId)> = Vec::new();
        for (key, of_service) in self.0.iter().chain(&before.0) {
            all.extend(of_service.keys().map(|id| (key, id)));
        }
        all.sort_unstable();
        all.dedup();
        let strongest = |book: &Self, key, id| book.get(key, id).and_then(Ordered::strongest);
        let news = all.into_iter().filter_map(|(key, id)| {
            let (now, then) = (strongest(self, key, id), strongest(before, key, id));
            (now != then).then(|| OrderNews {
                service: key.clone(),
                instance: id.clone(),
                order: now.as_ref().map(|now| now.condition.word()),
                reason: now.map(|now| now.reason),
            })
        });
        news.collect()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        let of_services = self.0.iter();
        let all = of_services.flat_map(|(key, of)| of.iter().map(move |(id, o)| (key, id, o)));
        let line = |(key, id, orders): (&ServiceKey, &InstanceId, &Ordered)| Line {
            zone: key.zone.to_string(),
            service: key.name.to_string(),
            instance: id.to_string(),
            orders: orders.clone(),
        };
        let json = |line| serde_json::to_string(&line).expect("a line has text keys alone");
        all.map(line).map(json).collect()
    }

    /// Reads lines; those that are not of this form are dropped.
    pub(super) fn read(lines: &[String]) -> Self {
        let mut book = Self::default();
        for line in lines {
            let Ok(line) = serde_json::from_str::<Line>(line) else { continue };
            let (Ok(zone), Ok(name)) = (Name::parse(&line.zone), Label::parse(&line.service))
            else {
                continue;
            };
            let id = InstanceId::keep(&line.instance);
            book.change(&ServiceKey { zone, name }, &id, |ordered| *ordered = line.orders);
        }
        book
    }
}
