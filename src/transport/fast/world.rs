//! A small world with one of everything, for the tests of the fast path.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::model::health::Condition;
use crate::model::name::{Label, Name};
use crate::model::origin::Origin;
use crate::model::service::{Instance, InstanceId, Location, Service, ServiceKey, Tag, Weights};
use crate::model::time::Instant;
use crate::model::zone::{WhenUnhealthy, ZoneSettings};
use crate::registry::statics;
use crate::snapshot::service::build;
use crate::snapshot::target::{Fitness, Standing, Target};
use crate::snapshot::zone::{Facts, Zone, soa};
use crate::snapshot::{Rules, Snapshot};
use crate::sources::files::master;

const WELL: Fitness = Fitness::WELL;
const SUSPECT: Fitness = Fitness::Fit { suspect: true, warning: false };
const WARNING: Fitness = Fitness::Fit { suspect: false, warning: true };
const NEVER: Fitness = Fitness::Unfit { left: None };
const OUT: Fitness = Fitness::Out { named: false };
const LEFT: Fitness = Fitness::Unfit { left: Some(Instant(Duration::from_secs(9))) };

/// Names that are asked for, some of which are there; random ones seldom are.
pub(super) const NAMES: &[&str] = &[
    "web.svc.test",
    "v1.web.svc.test",
    "v2.web.svc.test",
    "v1.v2.web.svc.test",
    "web-1.web.svc.test",
    "_web._tcp.svc.test",
    "_web._udp.svc.test",
    "_web._v1.svc.test",
    "_web._no.svc.test",
    "web._tcp.svc.test",
    "x._web._tcp.svc.test",
    "_tcp.svc.test",
    "_v1.svc.test",
    "no.web.svc.test",
    "a.no.web.svc.test",
    "no.svc.test",
    "a.b.no.svc.test",
    "mixed.svc.test",
    "mixed-1.mixed.svc.test",
    "six.svc.test",
    "dual.svc.test",
    "v1.dual.svc.test",
    "uneven.svc.test",
    "heavy.svc.test",
    "capped.svc.test",
    "many.svc.test",
    "v1.many.svc.test",
    "long-enough-for-two-lines-of-any-cache.svc.test",
    "down.svc.test",
    "down-1.down.svc.test",
    "stale.svc.test",
    "v1.stale.svc.test",
    "last.svc.test",
    "warned.svc.test",
    "out.svc.test",
    "out-1.out.svc.test",
    "both.svc.test",
    "both-1.both.svc.test",
    "_both._tcp.svc.test",
    "soon.svc.test",
    "portless.svc.test",
    "portless-1.portless.svc.test",
    "dotted.svc.test",
    "a.b.dotted.svc.test",
    "b.dotted.svc.test",
    "_sip._udp.dotted.svc.test",
    "_udp.dotted.svc.test",
    "_x.dotted.svc.test",
    "_dotted._x.svc.test",
    "_dotted.__x.svc.test",
    "__x.svc.test",
    "hidden.svc.test",
    "taken.hidden.svc.test",
    "nameless.svc.test",
    "texts.svc.test",
    "texts-1.texts.svc.test",
    "svc.test",
    "test",
    "ns1.svc.test",
    "static.svc.test",
    "x.static.svc.test",
    "empty.svc.test",
    "0a000001.addr.svc.test",
    "0a0000ff.addr.svc.test",
    "addr.svc.test",
    "deep.svc.test",
    "in.deep.svc.test",
    "web.in.deep.svc.test",
    "no.in.deep.svc.test",
    "v1.web.in.deep.svc.test",
    "web-1.web.in.deep.svc.test",
    "v1.v2.web.in.deep.svc.test",
    "_web._tcp.in.deep.svc.test",
    "x.no.in.deep.svc.test",
    "web.wild.test",
    "v1.web.wild.test",
    "any.wild.test",
    "web.cut.test",
    "x.below.cut.test",
    "web.unread.test",
    "web.other",
    "hostmaster.svc.test",
    "x.hostmaster.svc.test",
];

fn instance(id: &str, place: &str, tags: &[&str]) -> Instance {
    let addresses: Result<Vec<IpAddr>, _> = place.split(' ').map(str::parse).collect();
    Instance {
        id: InstanceId::keep(id),
        location: match addresses {
            Ok(addresses) => Location::Addresses(addresses.into()),
            Err(_) => Location::Host(Name::parse_host(place).unwrap()),
        },
        port: Some(8080),
        tags: tags.iter().map(|tag| Tag::keep(tag)).collect(),
        weights: Weights::default(),
        priority: 0,
        meta: None,
        checks: Arc::from([]),
    }
}

/// Puts a service into `zone`; `change` makes it special.
fn serve(
    zone: &mut Zone,
    name: &str,
    instances: Vec<(Instance, Fitness)>,
    change: impl FnOnce(&mut Service, &mut bool),
) {
    let (instances, fitness): (Vec<Instance>, Vec<Fitness>) = instances.into_iter().unzip();
    let mut waiting = false;
    let mut service = Service {
        key: ServiceKey { zone: zone.facts.apex.clone(), name: Label::parse(name).unwrap() },
        meta: std::collections::BTreeMap::new(),
        ttl: 5,
        min_ttl: 1,
        when_unhealthy: WhenUnhealthy::Empty,
        only_passing: false,
        max_answers: 0,
        instances: instances.into(),
    };
    change(&mut service, &mut waiting);
    let condition = Condition::Passing;
    let standing =
        |instance: usize| Standing { condition, fitness: fitness[instance], reason: None };
    let targets = service.instances.iter().enumerate().flat_map(|(instance, i)| {
        let endpoints = i.location.endpoints();
        endpoints.map(move |endpoint| Target { instance, endpoint, standing: standing(instance) })
    });
    let targets = targets.collect();
    let label = service.key.name.clone();
    zone.replace(&label, Some(Arc::new(build(Arc::new(service), targets, waiting))));
}

fn nothing(_: &mut Service, _: &mut bool) {}

fn web(zone: &mut Zone) {
    let instances = vec![
        (instance("web-1", "10.0.0.1", &["v1", "v2"]), WELL),
        (instance("web-2", "10.0.0.2", &["v1"]), WELL),
        (instance("web-3", "10.0.0.3", &["v2"]), NEVER),
    ];
    serve(zone, "web", instances, nothing);
}

/// Services with addresses of IPv6, alone and beside others.
fn of_ipv6(zone: &mut Zone) {
    let mixed = "10.0.1.1 10.0.1.2 2001:db8::1";
    let instances = vec![
        (instance("mixed-1", mixed, &[]), WELL),
        (instance("mixed-2", "10.0.1.3", &[]), SUSPECT),
    ];
    serve(zone, "mixed", instances, nothing);
    serve(zone, "six", vec![(instance("six-1", "2001:db8::6", &[]), WELL)], nothing);
    let dual = |n: u8, tags| {
        (instance(&format!("d-{n}"), &format!("10.0.9.{n} 2001:db8::9:{n}"), tags), WELL)
    };
    serve(zone, "dual", vec![dual(1, &["v1"]), dual(2, &[]), dual(3, &["v1"])], nothing);
    let uneven = (instance("u-1", "2001:db8::a 10.0.9.9 2001:db8::b", &[]), WELL);
    serve(zone, "uneven", vec![uneven, dual(4, &[])], nothing);
}

fn fill(zone: &mut Zone) {
    web(zone);
    of_ipv6(zone);
    let two = |name: &str, first, second| {
        vec![
            (instance(&format!("{name}-1"), "10.0.2.1", &["v1"]), first),
            (instance(&format!("{name}-2"), "10.0.2.2", &[]), second),
        ]
    };
    serve(zone, "heavy", two("heavy", WELL, WELL), |service, _| {
        service.instances[0].weights.passing = 9;
        service.instances[1].priority = 5;
    });
    let many = |count: u8| {
        (1..=count).map(|n| instance(&format!("m-{n}"), &format!("10.0.3.{n}"), &["v1"]))
    };
    serve(zone, "capped", many(9).map(|i| (i, WELL)).collect(), |s, _| s.max_answers = 2);
    serve(zone, "many", many(60).map(|i| (i, WELL)).collect(), nothing);
    let long = (0..7).map(|n| {
        let id = "longer-and-longer-ids".get(..3 * (n + 1)).unwrap();
        (instance(&format!("{id}{n}"), &format!("10.0.8.{n}"), &[]), WELL)
    });
    serve(zone, "long-enough-for-two-lines-of-any-cache", long.collect(), nothing);
    serve(zone, "down", two("down", NEVER, LEFT), nothing);
    serve(zone, "stale", two("stale", NEVER, NEVER), |s, _| s.when_unhealthy = WhenUnhealthy::All);
    serve(zone, "out", two("out", OUT, NEVER), |s, _| s.when_unhealthy = WhenUnhealthy::All);
    serve(zone, "last", two("last", NEVER, LEFT), |service, _| {
        service.when_unhealthy = WhenUnhealthy::LastHealthy;
    });
    serve(zone, "warned", two("warned", WARNING, WELL), |s, _| {
        s.instances[0].weights.warning = 0;
    });
    serve(zone, "out", vec![(instance("out-1", "host.example", &[]), WELL)], nothing);
    let both = vec![
        (instance("both-1", "host.example", &["v1"]), WELL),
        (instance("both-2", "10.0.4.1", &[]), WELL),
    ];
    serve(zone, "both", both, nothing);
    serve(zone, "soon", two("soon", NEVER, NEVER), |_, waiting| *waiting = true);
    serve(zone, "portless", two("portless", WELL, WELL), |s, _| s.instances[0].port = None);
    let dotted = vec![(instance("one", "10.0.5.1", &["a.b", "_sip._udp", "_x"]), WELL)];
    serve(zone, "dotted", dotted, nothing);
    let hidden = vec![
        (instance("taken", "10.0.6.1 10.0.6.2", &[]), WELL),
        (instance("other", "10.0.6.3", &["taken"]), WELL),
    ];
    serve(zone, "hidden", hidden, nothing);
    serve(zone, "nameless", vec![(instance("no name", "10.0.7.1", &[]), WELL)], nothing);
    serve(zone, "texts", two("texts", WELL, WELL), |service, _| {
        service.meta.insert("key".to_owned(), "value".to_owned());
        let own = [("key".to_owned(), "value".to_owned())];
        service.instances[0].meta = Some(Arc::new(own.into()));
    });
}

fn zone(apex: &str, text: &str) -> Zone {
    let apex = Name::parse(apex).unwrap();
    let mut settings = ZoneSettings::new(apex.clone());
    let server = apex.child("ns1").unwrap();
    settings.static_addresses.push((server, vec!["192.0.2.1".parse().unwrap()]));
    let path: Arc<Path> = Arc::from(Path::new("a.zone"));
    let (file, said) =
        master::parse(&apex, path, &format!("$TTL 60\n{text}").into(), &master::Includes::new());
    let file = Arc::new(file.unwrap_or_else(|| panic!("{said:?}")));
    let statics = statics::merge(&settings, &[(Origin::Files, file)]);
    let mut zone = Zone::new(&settings, 7);
    zone.reconfigure(soa(&settings, &statics, 7), Arc::new(Facts::new(&settings, &statics)));
    zone
}

fn svc() -> Zone {
    // A SOA that is slower than the zone's services.
    let beside = "@ 1800 SOA ns1 hostmaster 1 4h 1h 1w 4h\nstatic A 192.0.2.7\nx.y.static A 192.0.2.8\nweb 60 MX 10 static\n_tcp TXT t\n\
                  web-1.web 60 HTTPS 1 .\nbelow.empty A 192.0.2.6\n\\200 A 192.0.2.5\n";
    let mut svc = zone("svc.test", beside);
    fill(&mut svc);
    svc
}

/// All of it; `largest` is the largest answer over UDP.
pub(super) fn world(largest: u16) -> Snapshot {
    let mut deep = zone("in.deep.svc.test", "");
    web(&mut deep);
    let mut cut = zone("cut.test", "below NS ns.other.example.\n");
    web(&mut cut);
    let mut unread = zone("unread.test", "");
    unread.usable = false;
    of([svc(), deep, wild("wild.test"), cut, unread], largest)
}

fn wild(apex: &str) -> Zone {
    let mut wild = zone(apex, "* A 192.0.2.9\n");
    web(&mut wild);
    wild
}

pub(super) fn wild_zone() -> Snapshot {
    of([wild("svc.test")], 1232)
}

pub(super) fn one_zone(largest: u16) -> Snapshot {
    of([svc()], largest)
}

fn of<const N: usize>(zones: [Zone; N], largest: u16) -> Snapshot {
    let rules = Rules { udp_max_size: largest, ..Rules::default() };
    let zones = Arc::new(zones.into_iter().collect());
    Snapshot { zones, ..Snapshot::empty(rules) }
}
