//! Files of registrations, drawn from few names so that they meet each other.

use std::fmt::Write;

use proptest::collection::vec;
use proptest::prelude::*;

pub(crate) const PATHS: [&str; 3] = ["a.toml", "b.toml", "c.toml"];
pub(crate) const SERVICES: [&str; 2] = ["web", "db"];
pub(crate) const IDS: [&str; 3] = ["i1", "i2", "blue"];
pub(crate) const TAGS: [&str; 4] = ["v1", "blue", "x.y", "y"];

/// What one file says.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) services: Vec<Service>,
}

#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) name: &'static str,
    checks: Checks,
    interval: u64,
    failures: u32,
    pub(crate) instances: Vec<Instance>,
}

#[derive(Clone, Copy, Debug)]
enum Checks {
    None,
    Tcp,
    Http,
    Both,
}

#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) id: &'static str,
    /// Which of the two addresses that an instance may have.
    variant: u8,
    tags: Vec<&'static str>,
    port: bool,
    weight: u8,
}

pub(crate) fn contents() -> impl Strategy<Value = File> {
    let instance = (
        prop::sample::select(&IDS[..]),
        1..3u8,
        prop::sample::subsequence(&TAGS[..], 0..3),
        any::<bool>(),
        1..3u8,
    );
    let instance = instance.prop_map(|(id, variant, tags, port, weight)| Instance {
        id,
        variant,
        tags,
        port,
        weight,
    });
    let checks = prop::sample::select(vec![Checks::None, Checks::Tcp, Checks::Http, Checks::Both]);
    let service =
        (prop::sample::select(&SERVICES[..]), checks, 1..3u64, 1..4u32, vec(instance, 0..4));
    let service = service.prop_map(|(name, checks, interval, failures, mut instances)| {
        instances.sort_by_key(|i| i.id);
        instances.dedup_by_key(|i| i.id);
        Service { name, checks, interval, failures, instances }
    });
    vec(service, 0..3).prop_map(|mut services| {
        services.sort_by_key(|s| s.name);
        services.dedup_by_key(|s| s.name);
        File { services }
    })
}

impl Instance {
    /// An address that no other instance has.
    pub(crate) fn address(&self, service: &str) -> String {
        let of = |names: &[&str], name: &str| names.iter().position(|n| *n == name).unwrap();
        format!("10.{}.{}.{}", of(&SERVICES, service), of(&IDS, self.id), self.variant)
    }
}

impl File {
    /// As people write it.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for service in &self.services {
            writeln!(text, "[[service]]\nname = {:?}", service.name).unwrap();
            let kinds: &[&str] = match service.checks {
                Checks::None => &[],
                Checks::Tcp => &["tcp = \"localhost:1\""],
                Checks::Http => &["http = \"http://localhost:2/health\""],
                Checks::Both => &["tcp = \"localhost:1\"", "http = \"http://localhost:2/health\""],
            };
            for kind in kinds {
                writeln!(
                    text,
                    "[[service.check]]\n{kind}\ninterval = \"{}s\"\nfailures_before_critical = {}",
                    service.interval, service.failures
                )
                .unwrap();
            }
            for instance in &service.instances {
                writeln!(
                    text,
                    "[[service.instance]]\nid = {:?}\naddress = {:?}\ntags = {:?}",
                    instance.id,
                    instance.address(service.name),
                    instance.tags
                )
                .unwrap();
                writeln!(text, "weights = {{ passing = {} }}", instance.weight).unwrap();
                if instance.port {
                    writeln!(text, "port = 80").unwrap();
                }
            }
        }
        text
    }
}
