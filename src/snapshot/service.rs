//! Decides which instances of a service may appear in an answer, once for each change.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::service::{Endpoint, Instance, InstanceId, Service, Tag};
use crate::snapshot::selection::{Selection, Tags, pairs, select, select_of_all, select_tagged};
use crate::snapshot::shown::Shown;
use crate::snapshot::srv_table::{SrvTable, is_one_row};
use crate::snapshot::target::{Target, is_eligible, named, targets_of};

/// A service as it is answered.
#[derive(Clone, Debug)]
pub struct ServiceView {
    /// What is registered.
    pub service: Arc<Service>,
    /// In the order of the instances and their endpoints.
    pub targets: Arc<[Target]>,
    /// First outcomes are awaited: nothing can be said yet.
    pub waiting: bool,
    /// Whether any instance is external.
    pub has_hosts: bool,
    /// What the service name answers.
    pub all: Arc<Selection>,
    /// What each tag answers; a tag is here when any registered instance carries it.
    pub tags: HashMap<Tag, Arc<Selection>, FixedState>,
    /// Names above dotted tags, as their labels joined by dots.
    pub above_tags: Arc<HashSet<Box<str>>>,
    /// Places of the instances that have a name, sorted by it.
    by_id: Arc<[usize]>,
    /// The SRV records and the addresses of the instances, as they are sent.
    pub srv: SrvTable,
    /// Of what is answered nothing follows from it.
    pub shown: Shown,
    /// The generation in which readers over HTTP saw something else of it last.
    pub changed: u64,
}

/// Freezes a service with its targets' standings.
pub fn build(service: Arc<Service>, targets: Arc<[Target]>, waiting: bool) -> ServiceView {
    let carried = service.instances.iter().flat_map(|i| &*i.tags);
    // The others no question can name.
    let carried: Tags<'_> = carried.filter(|tag| tag.is_name()).collect();
    let above_tags = carried.iter().flat_map(|tag| names_above(tag.as_str())).collect();
    let mut by_id: Vec<(&InstanceId, usize)> =
        service.instances.iter().map(|i| &i.id).zip(0..).collect();
    by_id.retain(|(id, _)| id.name().is_some());
    by_id.sort_unstable();
    let is_host = |target: &Target| matches!(target.endpoint, Endpoint::Host(_));
    let all = Arc::new(select_of_all(&service, &targets));
    let tags = select_tagged(&service, (&targets, &all), &carried);
    ServiceView {
        has_hosts: targets.iter().any(is_host),
        srv: SrvTable::build(&service, &targets, |id| tags.contains_key(id)),
        tags,
        all,
        above_tags: Arc::new(above_tags),
        by_id: by_id.into_iter().map(|(_, place)| place).collect(),
        targets,
        waiting,
        service,
        shown: Shown::default(),
        changed: 0,
    }
}

/// `b.c` and `c` for `a.b.c`.
fn names_above(tag: &str) -> impl Iterator<Item = Box<str>> {
    tag.match_indices('.').filter_map(|(dot, _)| tag.get(dot + 1..).map(Box::from))
}

impl ServiceView {
    /// The same registration with other standings: what no target is in that stands otherwise is
    /// shared with this view.
    #[must_use]
    pub fn follow(&self, targets: &Arc<[Target]>, waiting: bool) -> Self {
        let service = &*self.service;
        let moved = self.targets.iter().zip(&**targets).filter(|(before, now)| before != now);
        let mut moved = moved.map(|(_, target)| target.instance).peekable();
        let mut next = Self { targets: Arc::clone(targets), waiting, ..self.clone() };
        if moved.peek().is_none() {
            return next;
        }
        let of_moved = moved.clone().filter_map(|place| service.instances.get(place));
        let carried = of_moved.flat_map(|i| &*i.tags).filter(|tag| tag.is_name());
        next.all = Arc::new(select_of_all(service, targets));
        for (tag, selection) in select_tagged(service, (targets, &next.all), &carried.collect()) {
            if let Some(before) = next.tags.get_mut(&tag) {
                *before = selection;
            }
        }
        if !moved.all(|place| is_one_row(service, place, [&self.targets, targets])) {
            next.srv = SrvTable::build(service, targets, |id| next.tags.contains_key(id));
        }
        next
    }

    /// The instance called `id` (folded) with its place.
    pub fn instance(&self, id: &str) -> Option<(usize, &Instance)> {
        let called = |&place: &usize| self.service.instances.get(place).map(|i| i.id.as_str());
        let found = self.by_id.binary_search_by_key(&Some(id), called).ok()?;
        let place = *self.by_id.get(found)?;
        Some((place, self.service.instances.get(place)?))
    }

    /// The selection of the instances that carry all of `tags` (folded); `None` when there is none.
    pub fn select_all(&self, tags: &[&str]) -> Option<Selection> {
        let carries = |i: &Instance| tags.iter().all(|tag| i.has_tag(tag));
        let any = self.service.instances.iter().any(carries);
        let members = pairs(&self.service, &self.targets).filter(|(instance, _)| carries(instance));
        any.then(|| select(&self.service, members.collect()))
    }

    /// The targets of the instance at `place`.
    pub fn targets_of(&self, place: usize) -> &[Target] {
        targets_of(&self.targets, place)
    }

    /// Of the targets of the instance at `place`, those that its own name answers.
    pub fn named(&self, place: usize) -> impl Iterator<Item = &Target> {
        named(&self.service, self.targets_of(place))
    }

    /// The TTL of what the name of the instance at `place` answers.
    pub fn ttl_of(&self, place: usize) -> u32 {
        let suspect = self.targets_of(place).iter().any(|t| t.standing.fitness.is_suspect());
        if suspect { self.service.min_ttl } else { self.service.ttl }
    }

    /// Tells whether the service's name answers for a target now: another instance of the same
    /// address does not make it served.
    pub fn serving(&self) -> impl Fn(&Target) -> bool {
        let all = &self.all;
        let v4 = all.a.items.iter().map(|&address| IpAddr::V4(address));
        let v6 = all.aaaa.items.iter().map(|&address| IpAddr::V6(address));
        // Only what is answered for want of anything eligible is known by its addresses alone.
        let stale: HashSet<IpAddr> = v4.chain(v6).filter(|_| all.stale).collect();
        move |target| match &target.endpoint {
            _ if self.waiting => false,
            // Left out beside addresses, however fit. They stand in the order of their places.
            Endpoint::Host(_) => all.cname.items.binary_search(&target.instance).is_ok(),
            Endpoint::Address(address) if all.stale => stale.contains(address),
            Endpoint::Address(_) => self.is_eligible(target),
        }
    }

    /// Whether health keeps `target` out of ordinary answers.
    pub fn is_eligible(&self, target: &Target) -> bool {
        is_eligible(&self.service, target)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::health::Condition;
    use crate::model::name::{Label, Name};
    use crate::model::service::{InstanceId, Location, ServiceKey, Weights};
    use crate::model::zone::WhenUnhealthy;
    use crate::snapshot::target::{Fitness, Standing};

    fn endpoint(kind: u8, number: usize) -> Endpoint {
        match kind {
            0 => Endpoint::Address(format!("10.0.0.{number}").parse().unwrap()),
            1 => Endpoint::Address(format!("2001:db8::{number}").parse().unwrap()),
            _ => Endpoint::Host(Name::parse_host(&format!("h{number}.example")).unwrap()),
        }
    }

    fn instance(number: usize, endpoint: &Endpoint, port: Option<u16>) -> Instance {
        let location = match endpoint {
            Endpoint::Address(address) => Location::Address(*address),
            Endpoint::Host(host) => Location::Host(host.clone()),
        };
        Instance {
            id: InstanceId::parse(&format!("i{number}")).unwrap(),
            location,
            port,
            tags: Arc::default(),
            weights: Weights::default(),
            priority: 0,
            meta: None,
            checks: Arc::default(),
        }
    }

    /// One instance of each kind (IPv4, IPv6, host), each fit or not, each with a port or none.
    fn view(written: &[(u8, bool, bool)], when_unhealthy: WhenUnhealthy) -> ServiceView {
        let (mut instances, mut targets) = (Vec::new(), Vec::new());
        for (place, &(kind, fit, port)) in written.iter().enumerate() {
            let endpoint = endpoint(kind, place);
            instances.push(instance(place, &endpoint, port.then_some(80)));
            let fitness = if fit { Fitness::WELL } else { Fitness::Unfit { left: None } };
            let standing = Standing { condition: Condition::Passing, fitness, reason: None };
            targets.push(Target { instance: place, endpoint, standing });
        }
        let zone = Name::parse("service.internal").unwrap();
        let service = Service {
            key: ServiceKey { zone, name: Label::parse("web").unwrap() },
            meta: std::collections::BTreeMap::new(),
            ttl: 5,
            min_ttl: 1,
            when_unhealthy,
            only_passing: false,
            max_answers: 0,
            instances: instances.into(),
        };
        build(Arc::new(service), targets.into(), false)
    }

    proptest! {
        #[test]
        fn a_name_is_an_alias_exactly_when_hosts_alone_are_chosen(
            written in proptest::collection::vec((0u8..3, any::<bool>(), any::<bool>()), 0..8),
            all in any::<bool>(),
        ) {
            let fallback = if all { WhenUnhealthy::All } else { WhenUnhealthy::Empty };
            let view = view(&written, fallback);
            let any_fit = written.iter().any(|w| w.1);
            let chosen = |w: &(u8, bool, bool)| if any_fit { w.1 } else { all };
            let addresses = written.iter().any(|w| chosen(w) && w.0 < 2);
            let answered = |w: &(u8, bool, bool)| chosen(w) && (w.0 < 2) == addresses;
            let places = |keep: &dyn Fn(&(u8, bool, bool)) -> bool| -> Vec<usize> {
                written.iter().enumerate().filter(|(_, w)| keep(w)).map(|(at, _)| at).collect()
            };
            prop_assert_eq!(view.all.cname.items.to_vec(), places(&|w| answered(w) && w.0 == 2));
            prop_assert_eq!(view.all.srv.items.to_vec(), places(&|w| answered(w) && w.2));
            let records = view.all.a.items.len() + view.all.aaaa.items.len();
            prop_assert_eq!(records, places(&|w| answered(w) && w.0 < 2).len());
            let serves = view.serving();
            for (target, w) in view.targets.iter().zip(&written) {
                prop_assert_eq!(serves(target), answered(w));
            }
        }
    }
}
