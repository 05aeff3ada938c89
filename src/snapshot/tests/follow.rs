//! A view that follows another is the one that would be built, and shares what has not changed.

use std::sync::Arc;

use proptest::array::uniform2;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::service::{
    Endpoint, Instance, InstanceId, Location, Service, ServiceKey, Tag, Weights,
};
use crate::model::zone::{WhenUnhealthy, ZoneSettings};
use crate::snapshot::hot_entry::{HotEntry, Key};
use crate::snapshot::service::{ServiceView, build};
use crate::snapshot::target::{Fitness, Standing, Target};
use crate::snapshot::zone::Zone;

/// Each instance carries the tags of the bits set in its number.
fn service(carried: &[u8]) -> Arc<Service> {
    let instance = |(number, bits): (usize, &u8)| Instance {
        id: InstanceId::parse(&format!("i{number}")).unwrap(),
        location: Location::at(vec![address(2 * number), address(2 * number + 1)]),
        port: Some(80),
        tags: (0..4).filter(|bit| bits & 1 << bit != 0).map(tag).collect(),
        weights: Weights { passing: 10, warning: 1 },
        priority: 0,
        meta: None,
        checks: Arc::default(),
    };
    let zone = Name::parse("service.internal").unwrap();
    Arc::new(Service {
        key: ServiceKey { zone, name: Label::parse("web").unwrap() },
        meta: std::collections::BTreeMap::new(),
        ttl: 5,
        min_ttl: 1,
        when_unhealthy: WhenUnhealthy::All,
        only_passing: false,
        max_answers: 0,
        instances: carried.iter().enumerate().map(instance).collect(),
    })
}

fn address(number: usize) -> std::net::IpAddr {
    format!("10.0.0.{number}").parse().unwrap()
}

fn tag(bit: u8) -> Tag {
    let dotted = if bit < 2 { ".dotted" } else { "" };
    Tag::parse(&format!("t{bit}{dotted}")).unwrap()
}

/// How each of the two addresses of each instance stands.
fn targets(fitness: &[[Fitness; 2]]) -> Arc<[Target]> {
    let target = |(number, &fitness): (usize, &Fitness)| Target {
        instance: number / 2,
        endpoint: Endpoint::Address(address(number)),
        standing: Standing { condition: Condition::Passing, fitness, reason: None },
    };
    fitness.as_flattened().iter().enumerate().map(target).collect()
}

fn fitness() -> impl Strategy<Value = Fitness> {
    prop_oneof![
        4 => Just(Fitness::WELL),
        1 => Just(Fitness::Fit { suspect: true, warning: false }),
        1 => Just(Fitness::Fit { suspect: false, warning: true }),
        2 => Just(Fitness::Unfit { left: None }),
    ]
}

/// What is sent of each instance.
fn rows(view: &ServiceView) -> Vec<String> {
    let places = 0..view.service.instances.len();
    places.map(|place| format!("{:?}", view.srv.get(place))).collect()
}

fn same(a: &ServiceView, b: &ServiceView) -> bool {
    a.all == b.all
        && a.tags == b.tags
        && a.targets == b.targets
        && a.above_tags == b.above_tags
        && a.waiting == b.waiting
        && rows(a) == rows(b)
}

/// A zone that holds these views of its one service one after the other.
fn zone(views: &[&ServiceView]) -> Zone {
    let mut zone = Zone::new(&ZoneSettings::new(Name::parse("service.internal").unwrap()), 1);
    for &view in views {
        zone.replace(&view.service.key.name, Some(Arc::new(view.clone())));
    }
    zone
}

/// Whether both have the same entries, or none, at the service's own name and at those of its tags.
fn same_entries(one: &Zone, other: &Zone) -> bool {
    let tags = (0..4).map(|bit| Key::of_labels([tag(bit).as_str(), "web"]).unwrap());
    tags.chain(Key::of_labels(["web"])).all(|key| {
        let [one, other] =
            [one, other].map(|zone| zone.hot.probe(key).and_then(|probe| probe.find()));
        HotEntry::are_same(one, other)
    })
}

proptest! {
    #[test]
    fn a_view_that_follows_is_the_one_that_would_be_built_and_shares_the_rest(
        written in vec((0u8..16, uniform2(fitness()), uniform2(fitness())), 0..8),
        waiting in any::<bool>(),
        was_waiting in any::<bool>(),
    ) {
        let service = service(&written.iter().map(|w| w.0).collect::<Vec<_>>());
        let before = targets(&written.iter().map(|w| w.1).collect::<Vec<_>>());
        let now = targets(&written.iter().map(|w| w.2).collect::<Vec<_>>());
        let view = build(Arc::clone(&service), before, was_waiting);
        let next = view.follow(&now, waiting);
        prop_assert!(same(&next, &build(service, now, waiting)), "{:?}", next);
        prop_assert_eq!(rows(&view) == rows(&next), view.srv.place() == next.srv.place());
        prop_assert!(same_entries(&zone(&[&view, &next]), &zone(&[&next])));
        let id = next.instance("i0").map(|(place, _)| place);
        prop_assert_eq!(id, (!written.is_empty()).then_some(0));
        for bit in 0..4 {
            let Some(old) = view.tags.get(&tag(bit)) else { continue };
            let moved = written.iter().any(|w| w.0 & 1 << bit != 0 && w.1 != w.2);
            prop_assert_eq!(Arc::ptr_eq(old, &next.tags[&tag(bit)]), !moved);
        }
    }
}
