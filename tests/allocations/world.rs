//! A zone of plain services, for what is counted and what is timed.

use std::sync::Arc;

use livezone::model::health::Condition;
use livezone::model::name::{Label, Name};
use livezone::model::service::{Instance, InstanceId, Location, Service, ServiceKey, Tag, Weights};
use livezone::model::zone::{WhenUnhealthy, ZoneSettings};
use livezone::snapshot::service::build;
use livezone::snapshot::target::{Fitness, Standing, Target};
use livezone::snapshot::zone::Zone;
use livezone::snapshot::{Rules, Snapshot};

fn instance(number: usize, service: usize) -> Instance {
    let place = u8::try_from(service % 250).unwrap();
    let [.., high, low] = number.to_be_bytes();
    let address = [10, low, high, place];
    Instance {
        id: InstanceId::parse(&format!("i-{number}")).unwrap(),
        location: Location::Addresses(Arc::from([address.into()])),
        port: Some(8080),
        tags: Arc::from([Tag::parse("v1").unwrap()]),
        weights: Weights::default(),
        priority: 0,
        meta: None,
        checks: Arc::from([]),
    }
}

/// So many services of three instances, each fit but for the third.
pub(crate) fn snapshot(services: usize) -> Snapshot {
    let apex = Name::parse("svc.test").unwrap();
    let mut zone = Zone::new(&ZoneSettings::new(apex.clone()), 1);
    for number in 0..services {
        let name = Label::parse(&format!("svc-{number}")).unwrap();
        let (service, targets) = service(&apex, number);
        zone.replace(&name, Some(Arc::new(build(Arc::new(service), targets.into(), false))));
    }
    let zones = Arc::new([zone].into_iter().collect());
    Snapshot { zones, ..Snapshot::empty(Rules { udp_max_size: 1232, ..Rules::default() }) }
}

/// The service of this number, and how its instances stand.
pub(crate) fn service(apex: &Name, number: usize) -> (Service, Vec<Target>) {
    let name = Label::parse(&format!("svc-{number}")).unwrap();
    let service = Service {
        key: ServiceKey { zone: apex.clone(), name },
        meta: std::collections::BTreeMap::new(),
        ttl: 5,
        min_ttl: 1,
        when_unhealthy: WhenUnhealthy::Empty,
        only_passing: false,
        max_answers: 0,
        instances: (0..3).map(|place| instance(place, number)).collect(),
    };
    let target = |(instance, i): (usize, &Instance)| {
        let fitness = if instance == 2 { Fitness::Unfit { left: None } } else { Fitness::WELL };
        let standing = Standing { condition: Condition::Passing, fitness, reason: None };
        Target { instance, endpoint: i.location.endpoints().next().unwrap(), standing }
    };
    let targets = service.instances.iter().enumerate().map(target).collect();
    (service, targets)
}

/// The same with one service of so many instances, all fit, with names of one length.
pub(crate) fn crowd(instances: usize) -> Snapshot {
    let apex = Name::parse("svc.test").unwrap();
    let (mut service, _) = service(&apex, 0);
    let named = |place: usize| {
        let id = InstanceId::parse(&format!("i-{place:04}")).unwrap();
        Instance { id, ..instance(place, 0) }
    };
    service.instances = (0..instances).map(named).collect();
    let target = |(instance, i): (usize, &Instance)| {
        let standing =
            Standing { condition: Condition::Passing, fitness: Fitness::WELL, reason: None };
        Target { instance, endpoint: i.location.endpoints().next().unwrap(), standing }
    };
    let targets: Vec<Target> = service.instances.iter().enumerate().map(target).collect();
    let mut zone = Zone::new(&ZoneSettings::new(apex), 1);
    let name = service.key.name.clone();
    zone.replace(&name, Some(Arc::new(build(Arc::new(service), targets.into(), false))));
    let zones = Arc::new([zone].into_iter().collect());
    Snapshot { zones, ..Snapshot::empty(Rules { udp_max_size: 1232, ..Rules::default() }) }
}

/// A question as it is sent.
pub(crate) fn query(name: &str, rtype: u8, edns: bool) -> Vec<u8> {
    let mut out = vec![1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    for label in name.split('.') {
        out.push(u8::try_from(label.len()).unwrap());
        out.extend(label.bytes());
    }
    out.extend([0, 0, rtype, 0, 1]);
    if edns {
        out.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    }
    out
}
