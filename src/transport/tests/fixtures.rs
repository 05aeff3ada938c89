//! What the tests of the listeners share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::Tcp;
use crate::model::dns::Rtype;
use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::service::{Instance, InstanceId, Location, Service, ServiceKey, Weights};
use crate::model::time::Now;
use crate::model::zone::{WhenUnhealthy, ZoneSettings};
use crate::snapshot::service::build;
use crate::snapshot::target::{Fitness, Standing, Target};
use crate::snapshot::zone::Zone;
use crate::snapshot::{Rules, Snapshot};
use crate::transport::respond::Context;

/// Serves `app1.svc.test` with 10.0.0.1 and a thousand texts; each look at the clock is a
/// microsecond later.
pub(in crate::transport) fn context() -> Context {
    context_with(Tcp::default())
}

/// The same, with these limits for TCP.
pub(in crate::transport) fn context_with(tcp: Tcp) -> Context {
    let looks = AtomicU64::new(0);
    Context {
        current: Arc::new(ArcSwap::from_pointee(snapshot(tcp))),
        clock: Arc::new(move || {
            Now::default().after(Duration::from_micros(looks.fetch_add(1, Ordering::Relaxed)))
        }),
        limiter: Arc::default(),
    }
}

pub(in crate::transport) fn snapshot(tcp: Tcp) -> Snapshot {
    let apex = Name::parse("svc.test").unwrap();
    let mut zone = Zone::new(&ZoneSettings::new(apex.clone()), 1);
    let service = service(ServiceKey { zone: apex.clone(), name: Label::parse("app1").unwrap() });
    let standing =
        Standing { condition: Condition::Unchecked, fitness: Fitness::WELL, reason: None };
    let endpoint = service.instances[0].location.endpoints().next().unwrap();
    let name = service.key.name.clone();
    let targets = [Target { instance: 0, endpoint, standing }].into();
    let view = build(Arc::new(service), targets, false);
    zone.replace(&name, Some(Arc::new(view)));
    let rules = Rules { udp_max_size: 1232, tcp, ..Rules::default() };
    let zones = Arc::new([zone].into_iter().collect());
    Snapshot { zones, ..Snapshot::empty(rules) }
}

fn service(key: ServiceKey) -> Service {
    let instance = Instance {
        id: InstanceId::parse("one").unwrap(),
        location: Location::Address("10.0.0.1".parse().unwrap()),
        port: None,
        tags: Arc::default(),
        weights: Weights::default(),
        priority: 0,
        meta: None,
        checks: Arc::default(),
    };
    Service {
        key,
        meta: (0..1000).map(|n| (format!("key{n}"), "a text".to_owned())).collect(),
        ttl: 1,
        min_ttl: 1,
        when_unhealthy: WhenUnhealthy::Empty,
        only_passing: false,
        max_answers: 0,
        instances: [instance].into(),
    }
}

/// With its length before it.
pub(in crate::transport) fn framed(message: &[u8]) -> Vec<u8> {
    let len = u16::try_from(message.len()).unwrap();
    [&len.to_be_bytes()[..], message].concat()
}

/// Asks for `app1.svc.test A`.
pub(in crate::transport) fn query(id: u16) -> Vec<u8> {
    query_for(id, Rtype::A)
}

/// Asks for `app1.svc.test` and a type.
pub(in crate::transport) fn query_for(id: u16, rtype: Rtype) -> Vec<u8> {
    let mut out = id.to_be_bytes().to_vec();
    out.extend(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04app1\x03svc\x04test\x00");
    out.extend(rtype.0.to_be_bytes());
    out.extend([0, 1]);
    out
}
