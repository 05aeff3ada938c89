//! Selects what is answered at one name of a service.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::model::service::{Endpoint, Instance, Service, Tag};
use crate::model::zone::WhenUnhealthy;
use crate::snapshot::choice::Choice;
use crate::snapshot::target::{Fitness, Target, is_eligible};
use crate::snapshot::weighed::Weighed;

/// What is answered at one name of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Eligible IPv4 addresses, each once.
    pub a: Choice<Ipv4Addr>,
    /// Eligible IPv6 addresses, each once.
    pub aaaa: Choice<Ipv6Addr>,
    /// Places of the eligible external instances; none beside an eligible address, so that the
    /// name is an alias exactly when there are some.
    pub cname: Choice<usize>,
    /// Places of the instances among these that have a port.
    pub srv: Choice<usize>,
    /// In seconds.
    pub ttl: u32,
    /// Nothing was eligible: what is answered is what `when_unhealthy` says.
    pub stale: bool,
    /// What the instances have, in whatever state.
    pub registered: Registered,
}

/// Which types there would be something to say of, if all were well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// An IPv4 address.
    pub a: bool,
    /// An IPv6 address.
    pub aaaa: bool,
    /// An address with a port.
    pub srv: bool,
}

impl Registered {
    fn of(members: &[(&Instance, &Target)]) -> Self {
        let mut found = Self::default();
        for (instance, target) in members {
            match &target.endpoint {
                Endpoint::Address(IpAddr::V4(_)) => found.a = true,
                Endpoint::Address(IpAddr::V6(_)) => found.aaaa = true,
                Endpoint::Host(_) => {}
            }
            found.srv |= instance.port.is_some() && target.endpoint.address().is_some();
        }
        found
    }
}

impl Selection {
    /// Whether no instance is answered at all, of whatever kind.
    pub fn is_empty(&self) -> bool {
        self.a.items.is_empty() && self.aaaa.items.is_empty() && self.cname.items.is_empty()
    }
}

/// Some tags.
pub(super) type Tags<'t> = HashSet<&'t Tag, FixedState>;

/// What the service's own name answers.
pub(super) fn select_of_all(service: &Service, targets: &[Target]) -> Selection {
    let mut members = Vec::with_capacity(targets.len());
    members.extend(pairs(service, targets));
    select(service, members)
}

/// Targets with their instances.
pub(super) fn pairs<'a>(
    service: &'a Service,
    targets: &'a [Target],
) -> impl Iterator<Item = (&'a Instance, &'a Target)> {
    targets.iter().filter_map(|target| Some((service.instances.get(target.instance)?, target)))
}

/// What each of `tags` answers: one that every instance carries, the same as no tag. Each instance
/// is looked at once, however many tags there are.
pub(super) fn select_tagged(
    service: &Service,
    (targets, all): (&[Target], &Arc<Selection>),
    tags: &Tags<'_>,
) -> HashMap<Tag, Arc<Selection>, FixedState> {
    let mut carriers: HashMap<&Tag, Vec<(&Instance, &Target)>, FixedState> =
        tags.iter().map(|&tag| (tag, Vec::new())).collect();
    for (instance, target) in pairs(service, targets) {
        for tag in &*instance.tags {
            if let Some(members) = carriers.get_mut(tag) {
                members.push((instance, target));
            }
        }
    }
    let answer = |(tag, members): (&Tag, Vec<_>)| {
        let every = (members.len() == targets.len()).then(|| Arc::clone(all));
        (tag.clone(), every.unwrap_or_else(|| Arc::new(select(service, members))))
    };
    carriers.into_iter().map(answer).collect()
}

pub(super) fn select(service: &Service, members: Vec<(&Instance, &Target)>) -> Selection {
    let registered = Registered::of(&members);
    Selection { registered, ..choose(service, members) }
}

fn choose(service: &Service, members: Vec<(&Instance, &Target)>) -> Selection {
    let eligible = members.iter().copied().filter(|(_, target)| is_eligible(service, target));
    if eligible.clone().next().is_some() {
        return fill(service, members.len(), &eligible);
    }
    let fallback: Vec<_> = match service.when_unhealthy {
        WhenUnhealthy::Empty => Vec::new(),
        WhenUnhealthy::LastHealthy => last_healthy(service, members),
        WhenUnhealthy::All => {
            let may_be = |target: &Target| !matches!(target.standing.fitness, Fitness::Out { .. });
            members.into_iter().filter(|(_, target)| may_be(target)).collect()
        }
    };
    let (ttl, stale) = (service.min_ttl, !fallback.is_empty());
    Selection { ttl, stale, ..fill(service, fallback.len(), &fallback.iter().copied()) }
}

/// Those that left within one detection time of the last of them to leave: what died together is
/// kept together.
fn last_healthy<'a>(
    service: &Service,
    mut members: Vec<(&'a Instance, &'a Target)>,
) -> Vec<(&'a Instance, &'a Target)> {
    let left = |target: &Target| target.standing.fitness.left();
    let Some(last) = members.iter().filter_map(|(_, target)| left(target)).max() else {
        return Vec::new();
    };
    let window = service.detection();
    members.retain(|(_, target)| left(target).is_some_and(|left| last.since(left) <= window));
    members
}

/// | members | A, AAAA | CNAME | SRV |
/// |---|---|---|---|
/// | at least one address | the addresses | none | instances with addresses |
/// | hosts alone | none | the hosts | external instances |
fn fill<'a>(
    service: &Service,
    most: usize,
    members: &(impl Iterator<Item = (&'a Instance, &'a Target)> + Clone),
) -> Selection {
    let (mut a, mut aaaa) = (Weighed::up_to(most), Weighed::up_to(most));
    let (mut cname, mut srv) = (Weighed::up_to(most), Weighed::up_to(most));
    let has_address = members.clone().any(|(_, target)| target.endpoint.address().is_some());
    let answers = |target: &Target| target.endpoint.address().is_some() == has_address;
    let answering = || members.clone().filter(|(_, target)| answers(target));
    for (instance, target) in answering() {
        let weights = instance.weights;
        let weight =
            if target.standing.fitness.is_warning() { weights.warning } else { weights.passing };
        match &target.endpoint {
            Endpoint::Address(IpAddr::V4(address)) => a.add(*address, weight),
            Endpoint::Address(IpAddr::V6(address)) => aaaa.add(*address, weight),
            Endpoint::Host(_) => cname.raise(target.instance, weight),
        }
        if instance.port.is_some() {
            srv.raise(target.instance, weight);
        }
    }
    let suspect = answering().any(|(_, target)| target.standing.fitness.is_suspect());
    Selection {
        a: Choice::new(a.items),
        aaaa: Choice::new(aaaa.items),
        cname: Choice::new(cname.items),
        srv: Choice::new(srv.items),
        ttl: if suspect { service.min_ttl } else { service.ttl },
        stale: false,
        registered: Registered::default(),
    }
}
