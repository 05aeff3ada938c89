//! Merges what several entries say of one service, applies the defaults, and tells what lost to what.
//!
//! Instances are added up. A key that the service has once is taken from the first definition that
//! writes it, in the order of sources, of paths by octets, and then as written; so is an instance's id.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::check::Policy;
use crate::model::definition::{Document, InstanceDefinition, Placed, ServiceDefinition, TagLists};
use crate::model::name::Name;
use crate::model::origin::Origin;
use crate::model::service::{Instance, InstanceId, Service, ServiceKey, settled_ttl, ttl_seconds};
use crate::model::zone::{TtlSetting, ZoneSettings};
use crate::registry::resolve::{Shared, resolve, resolve_checks};
use crate::registry::self_reference::host_of_ours;

/// Instances of one service. It is merged at once, in some 40 ms at most, and health waits meanwhile.
pub const MOST_INSTANCES: usize = 20_000;

/// One entry's definition of the service that is merged.
#[derive(Clone, Debug)]
pub struct Contribution {
    pub origin: Origin,
    /// Where it stands.
    pub document: Arc<Document>,
    /// What it says.
    pub definition: Arc<ServiceDefinition>,
}

/// The service, and the complaints about definitions that lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Every default applied.
    pub service: Service,
    /// An error for each instance that is left out, a warning for each key that is.
    pub conflicts: Vec<Diagnostic>,
}

/// Merges `contributions`, which stand in order of precedence, under the zone's settings and the
/// defaults of `[health]`. `is_ours` tells the names at and below the zones served.
pub fn merge(
    key: &ServiceKey,
    contributions: &[Contribution],
    zone: &ZoneSettings,
    defaults: &Policy,
    is_ours: &dyn Fn(&Name) -> bool,
) -> Merged {
    let mut conflicts = Complaints::default();
    let mut keys = Keys { contributions, conflicts: &mut conflicts };
    let port = keys.first("port", |d| d.port.as_ref().map(by_value));
    let meta = keys.first("meta", |d| d.meta.as_ref().map(by_value));
    let ttl = keys.first("ttl", |d| d.ttl.as_ref().map(by_value));
    let min_ttl = keys.first("min_ttl", |d| d.min_ttl.as_ref().map(by_value));
    let when_unhealthy = keys.first("when_unhealthy", |d| d.when_unhealthy.as_ref().map(by_value));
    let max_answers = keys.first("max_answers", |d| d.max_answers.as_ref().map(by_value));
    let at_name = |d: &ServiceDefinition| d.name.span.clone();
    let tags = keys.first("tags", |d| (!d.tags.is_empty()).then(|| (&d.tags, at_name(d))));
    let checks = keys.first("check", |d| (!d.checks.is_empty()).then(|| (&d.checks, at_name(d))));

    let shared = Shared {
        port: port.copied(),
        tags: tags.map_or(&[], Vec::as_slice),
        checks: resolve_checks(checks.map_or(&[], Vec::as_slice), defaults),
        defaults,
        is_ours,
    };
    let instances = instances(key, contributions, &shared, &mut conflicts);
    let ttl = ttl.copied().unwrap_or(zone.ttl);
    let min_ttl = min_ttl.copied().unwrap_or(zone.min_ttl);
    let checks = instances.iter().flat_map(|i| &*i.checks);
    let settled = settled_ttl(ttl, inherited_min(ttl, min_ttl), checks);
    let service = Service {
        key: key.clone(),
        meta: meta.cloned().unwrap_or_default(),
        ttl: settled,
        // An inherited min_ttl gives way to a shorter ttl that was written.
        min_ttl: ttl_seconds(min_ttl).min(settled),
        when_unhealthy: when_unhealthy.copied().unwrap_or(zone.when_unhealthy),
        only_passing: zone.only_passing,
        max_answers: max_answers.copied().unwrap_or(0),
        instances,
    };
    Merged { service, conflicts: conflicts.into_vec() }
}

fn inherited_min(ttl: TtlSetting, min_ttl: Duration) -> Duration {
    match ttl {
        TtlSetting::Auto => min_ttl,
        TtlSetting::Fixed(ttl) => min_ttl.min(ttl),
    }
}

fn by_value<T>(placed: &Placed<T>) -> (&T, Range<usize>) {
    (&placed.value, placed.span.clone())
}

struct Keys<'a, 'c> {
    contributions: &'a [Contribution],
    conflicts: &'c mut Complaints,
}

impl<'a> Keys<'a, '_> {
    /// The value of the first definition that writes the key; a warning at each other that writes
    /// something else.
    fn first<T: PartialEq>(
        &mut self,
        name: &str,
        read: impl Fn(&'a ServiceDefinition) -> Option<(&'a T, Range<usize>)>,
    ) -> Option<&'a T> {
        let mut winner: Option<(&'a T, &'a Contribution)> = None;
        for contribution in self.contributions {
            let Some((value, span)) = read(&contribution.definition) else { continue };
            match winner {
                None => winner = Some((value, contribution)),
                Some((first, from)) if first != value => {
                    let service = &contribution.definition.name.value;
                    self.conflicts.push(&complaint(
                        Severity::Warning,
                        (contribution.origin, &contribution.document),
                        span,
                        format!("`{name}` of service \"{service}\" has two different values"),
                        format!(
                            "the value in {} is used: remove this one",
                            from.document.path.display()
                        ),
                    ));
                }
                Some(_) => {}
            }
        }
        winner.map(|(value, _)| value)
    }
}

fn complaint(
    severity: Severity,
    (origin, document): (Origin, &Document),
    span: Range<usize>,
    message: String,
    label: String,
) -> Diagnostic {
    Diagnostic {
        severity,
        origin,
        path: Arc::clone(&document.path),
        text: Arc::clone(&document.text),
        span: Some(span),
        message,
        label,
        more: None,
        elsewhere: 0,
    }
}

fn too_many(
    key: &ServiceKey,
    place: (Origin, &Document),
    left_out: &[InstanceDefinition],
) -> Diagnostic {
    let message = format!(
        "service \"{}\" has more than {MOST_INSTANCES} instances: {} of this file are not served",
        key.name,
        left_out.len()
    );
    let span = left_out.first().map_or(0..0, |first| first.id_span.octets());
    complaint(Severity::Error, place, span, message, "divide it into several services".to_owned())
}

fn instances(
    key: &ServiceKey,
    contributions: &[Contribution],
    shared: &Shared<'_>,
    conflicts: &mut Complaints,
) -> Box<[Instance]> {
    let mut tags = TagLists::default();
    let many = contributions.iter().map(|c| c.definition.instances.len()).sum();
    let many = MOST_INSTANCES.min(many);
    let mut owners: HashMap<&InstanceId, &Document> = HashMap::with_capacity(many);
    let mut instances = Vec::with_capacity(many);
    for Contribution { origin, document, definition } in contributions {
        for (place, instance) in definition.instances.iter().enumerate() {
            if instances.len() >= MOST_INSTANCES {
                let left_out = definition.instances.get(place..).unwrap_or(&[]);
                conflicts.push_with(&document.path, Severity::Error, || {
                    too_many(key, (*origin, document), left_out)
                });
                break;
            }
            if let Some(owner) = owners.get(&instance.id) {
                conflicts.push(&complaint(
                    Severity::Error,
                    (*origin, document),
                    instance.id_span.octets(),
                    format!(
                        "instance \"{}\" of service \"{}\" is registered twice",
                        instance.id, key.name
                    ),
                    format!(
                        "the one in {} is served: give this one another id",
                        owner.path.display()
                    ),
                ));
                continue;
            }
            let resolved = resolve(instance, shared, &mut tags);
            if let Some(host) = host_of_ours(key, &resolved, shared.is_ours) {
                conflicts.push(&complaint(
                    Severity::Error,
                    (*origin, document),
                    instance.id_span.octets(),
                    format!(
                        "instance \"{}\" has checks and the address {}, a name in a zone served \
                         here",
                        instance.id,
                        host.to_host()
                    ),
                    "checks cannot resolve names of this server: write IP addresses, or remove \
                     the checks"
                        .to_owned(),
                ));
                continue;
            }
            owners.insert(&instance.id, document);
            instances.push(resolved);
        }
    }
    instances.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::check::{Kind, TcpCheck};
    use crate::model::definition::{CheckDefinition, PolicyDefinition};
    use crate::model::name::Label;
    use crate::model::service::{Location, Weights};

    fn key() -> ServiceKey {
        ServiceKey {
            zone: Name::parse("service.internal").unwrap(),
            name: Label::parse("web").unwrap(),
        }
    }

    fn instance(id: &str, at: usize) -> InstanceDefinition {
        InstanceDefinition {
            id: InstanceId::parse(id).unwrap(),
            id_span: (at..at + 1).into(),
            location: Location::at(vec!["10.0.0.1".parse().unwrap(); 2]),
            port: None,
            tags: Arc::default(),
            weights: Weights::default(),
            priority: 0,
            meta: None,
            checks: Box::default(),
        }
    }

    fn from_file(path: &str, build: impl FnOnce(&mut ServiceDefinition)) -> Contribution {
        let mut definition = ServiceDefinition {
            name: Placed::new(key().name, 0..1),
            port: None,
            tags: Vec::new(),
            meta: None,
            ttl: None,
            min_ttl: None,
            when_unhealthy: None,
            max_answers: None,
            checks: Vec::new(),
            instances: Box::default(),
            script: None,
            aliases: Box::default(),
        };
        build(&mut definition);
        let definition = Arc::new(definition);
        let document = Arc::new(Document {
            path: Arc::from(std::path::Path::new(path)),
            text: Arc::from("0123456789"),
            services: vec![Arc::clone(&definition)],
        });
        Contribution { origin: Origin::Files, document, definition }
    }

    fn merged(contributions: &[Contribution]) -> Merged {
        let settings = ZoneSettings::new(key().zone);
        merge(&key(), contributions, &settings, &Policy::default(), &|_| false)
    }

    #[test]
    fn instances_of_several_files_are_added_up_and_a_second_id_is_an_error_at_its_place() {
        let first = from_file("a.toml", |d| d.instances = [instance("web-1", 1)].into());
        let second = from_file("b.toml", |d| {
            d.instances = [instance("web-1", 4), instance("web-2", 6)].into();
        });
        let merged = merged(&[first, second]);
        let ids: Vec<_> = merged.service.instances.iter().map(|i| i.id.as_str()).collect();
        assert_eq!(ids, ["web-1", "web-2"]);
        let [conflict] = &merged.conflicts[..] else { panic!("{:?}", merged.conflicts) };
        assert_eq!((conflict.severity, conflict.span.clone()), (Severity::Error, Some(4..5)));
        assert_eq!(&*conflict.path, std::path::Path::new("b.toml"));
    }

    #[test]
    fn a_key_that_differs_is_the_first_files_and_a_warning_at_the_other() {
        let first = from_file("a.toml", |d| d.port = Some(Placed::new(80, 1..2)));
        let second = from_file("b.toml", |d| {
            d.port = Some(Placed::new(81, 3..4));
            d.instances = [instance("web-1", 5)].into();
        });
        let merged = merged(&[first, second]);
        assert_eq!(merged.service.instances[0].port, Some(80));
        assert_eq!(merged.conflicts.len(), 1);
        assert_eq!(merged.conflicts[0].severity, Severity::Warning);
    }

    #[test]
    fn instances_beyond_the_limit_are_one_error_of_each_file() {
        let many = |at: usize, many: usize| {
            let ids = (0..many).map(|n| instance(&format!("i{at}-{n}"), at));
            let ids: Vec<_> = ids.collect();
            from_file(&format!("{at}.toml"), |d| d.instances = ids.into())
        };
        let merged = merged(&[many(1, MOST_INSTANCES - 1), many(2, 3), many(3, 5)]);
        assert_eq!(merged.service.instances.len(), MOST_INSTANCES);
        let said: Vec<_> = merged.conflicts.iter().map(Diagnostic::short).collect();
        let [second, third] = &said[..] else { panic!("{said:?}") };
        assert!(
            second.starts_with("2.toml:1:3: service \"web\" has more than 20000 instances: 2 of")
        );
        assert!(third.contains("5 of this file are not served"), "{third}");
    }

    #[test]
    fn an_address_written_twice_counts_once() {
        let merged =
            merged(&[from_file("a.toml", |d| d.instances = [instance("web-1", 1)].into())]);
        assert_eq!(merged.service.instances[0].location.addresses().len(), 1);
    }

    #[test]
    fn an_instances_check_stands_in_for_the_services_of_the_same_id() {
        let check = |port| CheckDefinition {
            id: "tcp".into(),
            kind: Arc::new(Kind::Tcp(TcpCheck { port, tls: None })),
            policy: PolicyDefinition::default(),
            initial: None,
        };
        let merged = merged(&[from_file("a.toml", |d| {
            d.checks = vec![check(Some(1))];
            d.instances =
                [InstanceDefinition { checks: [check(Some(2))].into(), ..instance("web-1", 1) }]
                    .into();
        })]);
        let [only] = &merged.service.instances[0].checks[..] else { panic!("one check") };
        assert_eq!(*only.kind, Kind::Tcp(TcpCheck { port: Some(2), tls: None }));
    }
}
