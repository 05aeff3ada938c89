//! Services and checks as Consul's agent writes them in JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::Hasher;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use siphasher::sip::SipHasher24;

use crate::http::consul::node::Node;
use crate::http::consul::standing::{Said, said};
use crate::model::agent::{AgentCheck, AgentService, TaggedAddress};
use crate::model::check::{Check, Kind, Policy};
use crate::model::health::{Condition, Verdict};
use crate::model::service::Weights;
use crate::snapshot::shown::CheckShown;

/// A service as it was registered.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceJson<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    service: &'a str,
    tags: &'a [String],
    meta: &'a BTreeMap<String, String>,
    port: u16,
    address: &'a str,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tagged_addresses: &'a BTreeMap<String, TaggedAddress>,
    weights: Weights,
    enable_tag_override: bool,
    datacenter: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_hash: Option<String>,
}

impl<'a> ServiceJson<'a> {
    pub(super) fn new(service: &'a AgentService, node: &'a Node) -> Self {
        Self {
            id: &service.id,
            service: &service.name,
            tags: &service.tags,
            meta: &service.meta,
            port: service.port,
            address: &service.address,
            tagged_addresses: &service.tagged_addresses,
            weights: service.weights,
            enable_tag_override: service.enable_tag_override,
            datacenter: &node.datacenter,
            content_hash: None,
        }
    }

    /// The same with the hash of all else, which clients send back to wait for another.
    pub(super) fn hashed(service: &'a AgentService, node: &'a Node) -> (Self, String) {
        let mut shape = Self::new(service, node);
        let mut hasher = SipHasher24::new();
        hasher.write(serde_json::to_string(&shape).unwrap_or_default().as_bytes());
        let hash = format!("{:016x}", hasher.finish());
        shape.content_hash = Some(hash.clone());
        (shape, hash)
    }
}

/// The id, the name and the tags of a check's service.
type OfService<'a> = (&'a str, &'a str, Vec<&'a str>);

/// A check with what it said last.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CheckJson<'a> {
    node: &'a str,
    #[serde(rename = "CheckID")]
    check_id: Cow<'a, str>,
    name: &'a str,
    status: Verdict,
    notes: &'a str,
    output: String,
    #[serde(rename = "ServiceID")]
    service_id: &'a str,
    service_name: &'a str,
    service_tags: Vec<&'a str>,
    r#type: &'static str,
    interval: String,
    timeout: String,
    exposed_port: u16,
    definition: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modify_index: Option<u64>,
}

impl<'a> CheckJson<'a> {
    /// `service` is the check's; the node's checks have none.
    pub(super) fn new(
        check: &'a AgentCheck,
        service: Option<&'a AgentService>,
        node: &'a Node,
        said: Said,
    ) -> Self {
        let of = service.map(|service| (&*service.id, &*service.name, strings(&service.tags)));
        Self {
            check_id: Cow::Borrowed(&check.id),
            name: &check.name,
            notes: &check.notes,
            r#type: kind(check),
            interval: time(check, "Interval"),
            timeout: time(check, "Timeout"),
            ..Self::of(node, of.unwrap_or_default(), said)
        }
    }

    fn of(node: &'a Node, of: OfService<'a>, said: Said) -> Self {
        let (service_id, service_name, service_tags) = of;
        Self {
            node: &node.name,
            check_id: Cow::Borrowed(""),
            name: "",
            status: said.verdict,
            notes: "",
            output: said.output,
            service_id,
            service_name,
            service_tags,
            r#type: "",
            interval: String::new(),
            timeout: String::new(),
            exposed_port: 0,
            definition: Map::new(),
            create_index: None,
            modify_index: None,
        }
    }

    /// The check as which Consul shows maintenance.
    pub(super) fn maintenance(service: &'a AgentService, node: &'a Node, reason: &'a str) -> Self {
        let of = (&*service.id, &*service.name, strings(&service.tags));
        Self::beside(of, node, (Condition::Maintenance, reason))
    }

    /// What is said of an instance beside its checks.
    pub(super) fn beside(
        of: OfService<'a>,
        node: &'a Node,
        (condition, reason): (Condition, &'a str),
    ) -> Self {
        let (id, name, kind) = match condition {
            Condition::Maintenance => {
                ("_service_maintenance", "Service Maintenance Mode", "maintenance")
            }
            condition => ("_livezone", condition.word(), ""),
        };
        let said = Said { verdict: condition.verdict(), output: String::new() };
        Self {
            check_id: Cow::Owned(format!("{id}:{}", of.0)),
            name,
            notes: reason,
            r#type: kind,
            ..Self::of(node, of, said)
        }
    }

    /// A check of a file's instance.
    pub(super) fn of_file(
        shown: &'a CheckShown,
        check: Option<&Check>,
        node: &'a Node,
        of: OfService<'a>,
    ) -> Self {
        let is_run = !matches!(&*shown.kind, Kind::Ttl(_) | Kind::Alias(_));
        let policy = check.map(|check| &check.policy).filter(|_| is_run);
        let time = |of: fn(&Policy) -> Duration| policy.map(|policy| go_duration(of(policy)));
        Self {
            check_id: Cow::Borrowed(&shown.id),
            name: &shown.id,
            r#type: shown.kind.word(),
            interval: time(|policy| policy.interval).unwrap_or_default(),
            timeout: time(|policy| policy.timeout).unwrap_or_default(),
            ..Self::of(node, of, said(shown))
        }
    }

    /// What Consul's servers say of a node that they reach.
    pub(super) fn alive(node: &'a Node) -> Self {
        let output = "Agent alive and reachable".to_owned();
        let said = Said { verdict: Verdict::Passing, output };
        Self {
            check_id: Cow::Borrowed("serfHealth"),
            name: "Serf Health Status",
            ..Self::of(node, OfService::default(), said)
        }
    }

    /// As the catalog has it.
    #[must_use]
    pub(super) fn indexed(self, index: u64) -> Self {
        Self { create_index: Some(index), modify_index: Some(index), ..self }
    }

    #[must_use]
    pub(super) fn at_worst(self, verdict: Verdict) -> Self {
        Self { status: self.status.min(verdict), ..self }
    }

    pub(super) fn id(&self) -> &str {
        &self.check_id
    }

    pub(super) fn status(&self) -> Verdict {
        self.status
    }

    pub(super) fn is_of_node(&self) -> bool {
        self.service_id.is_empty()
    }
}

fn strings(texts: &[String]) -> Vec<&str> {
    texts.iter().map(|text| &**text).collect()
}

/// Consul's word for what a check does.
fn kind(check: &AgentCheck) -> &'static str {
    let kinds = [
        ("HTTP", "http"),
        ("TCP", "tcp"),
        ("GRPC", "grpc"),
        ("TTL", "ttl"),
        ("AliasService", "alias"),
        ("AliasNode", "alias"),
    ];
    let is_said = |key: &str| match check.definition.get(key) {
        Some(Value::String(text)) => !text.is_empty(),
        Some(value) => !value.is_null(),
        None => false,
    };
    kinds.into_iter().find(|(key, _)| is_said(key)).map_or("", |(_, word)| word)
}

/// As Go writes it: without spaces.
fn go_duration(time: Duration) -> String {
    humantime::format_duration(time).to_string().replace(' ', "")
}

/// A duration as it was registered; nanoseconds stay a number.
fn time(check: &AgentCheck, key: &str) -> String {
    match check.definition.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(nanos)) => format!("{nanos}ns"),
        _ => String::new(),
    }
}
