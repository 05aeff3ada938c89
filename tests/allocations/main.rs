//! The plain questions are answered without an allocation: not one in ten thousand.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;
use std::sync::Arc;

use livezone::metrics::Metrics;
use livezone::metrics::dns::Transport;
use livezone::model::health::Condition;
use livezone::model::name::{Label, Name};
use livezone::model::service::{Instance, InstanceId, Location, Service, ServiceKey, Tag, Weights};
use livezone::model::zone::{WhenUnhealthy, ZoneSettings};
use livezone::snapshot::service::{Fitness, Standing, Target, build};
use livezone::snapshot::zone::Zone;
use livezone::snapshot::{Rules, Snapshot};
use livezone::transport::batch::ROOM;
use livezone::transport::fast;
use livezone::transport::respond::Worker;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: all is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: what the caller promises is promised on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: likewise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn instance(number: usize, service: usize) -> Instance {
    let place = u8::try_from(service % 250).unwrap();
    let address = [10, u8::try_from(number).unwrap(), 0, place];
    Instance {
        id: InstanceId::parse(&format!("i-{number}")).unwrap(),
        location: Location::Addresses(vec![address.into()]),
        port: Some(8080),
        tags: vec![Tag::parse("v1").unwrap()],
        weights: Weights::default(),
        priority: 0,
        meta: std::collections::BTreeMap::new(),
        checks: Vec::new(),
        source: Arc::from(Path::new("web.toml")),
    }
}

/// A hundred services of three instances, each fit but for the third.
fn snapshot() -> Snapshot {
    let apex = Name::parse("svc.test").unwrap();
    let mut zone = Zone::new(&ZoneSettings::new(apex.clone()), 1);
    for number in 0..100 {
        let name = Label::parse(&format!("svc-{number}")).unwrap();
        let service = Service {
            key: ServiceKey { zone: apex.clone(), name: name.clone() },
            meta: std::collections::BTreeMap::new(),
            ttl: 5,
            min_ttl: 1,
            when_unhealthy: WhenUnhealthy::Empty,
            only_passing: false,
            max_answers: 0,
            instances: (0..3).map(|instance_number| instance(instance_number, number)).collect(),
        };
        let target = |(instance, i): (usize, &Instance)| {
            let fitness = if instance == 2 { Fitness::Unfit { left: None } } else { Fitness::WELL };
            let standing = Standing { condition: Condition::Passing, fitness, reason: None };
            Target { instance, endpoint: i.location.endpoints().next().unwrap(), standing }
        };
        let targets = service.instances.iter().enumerate().map(target).collect();
        zone.replace(&name, Some(Arc::new(build(Arc::new(service), targets, false))));
    }
    let zones = Arc::new([(apex, Arc::new(zone))].into_iter().collect());
    Snapshot { zones, ..Snapshot::empty(Rules { udp_max_size: 1232, ..Rules::default() }) }
}

fn query(name: &str, rtype: u8, edns: bool) -> Vec<u8> {
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

#[test]
fn ten_thousand_plain_questions_are_answered_without_an_allocation() {
    let snapshot = snapshot();
    let metrics = Metrics::new("0");
    let mut worker = Worker::new(metrics.worker(Transport::Udp));
    let peer = "192.0.2.1:5353".parse().unwrap();
    let questions: Vec<Vec<u8>> = (0..100)
        .flat_map(|number| {
            let service = format!("svc-{number}.svc.test");
            let edns = number % 2 == 0;
            [
                query(&service, 1, edns),
                query(&service, 28, false),
                query(&service, 33, edns),
                query(&format!("v1.{service}"), 1, edns),
                query(&format!("i-1.{service}"), 1, edns),
                query(&format!("_svc-{number}._tcp.svc.test"), 33, edns),
                query(&format!("no-{service}"), 1, edns),
            ]
        })
        .collect();
    let mut octets = Box::new([0; ROOM]);
    let before = COUNT.with(Cell::get);
    let mut answered = 0;
    for question in questions.iter().cycle().take(10_000) {
        octets[..question.len()].copy_from_slice(question);
        let said = fast::respond(&mut octets, question.len(), peer, &snapshot, &mut worker);
        answered += usize::from(said.is_some());
    }
    assert_eq!(COUNT.with(Cell::get) - before, 0, "allocations");
    assert_eq!(answered, 10_000);
}
