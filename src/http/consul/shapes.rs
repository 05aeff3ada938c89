//! Services and checks as Consul's agent writes them in JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::Hasher;

use serde::Serialize;
use serde_json::{Map, Value};
use siphasher::sip::SipHasher24;

use crate::http::consul::node::Node;
use crate::http::consul::standing::Said;
use crate::model::agent::{AgentCheck, AgentService, TaggedAddress};
use crate::model::health::Verdict;
use crate::model::service::Weights;

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
    service_tags: &'a [String],
    r#type: &'static str,
    interval: String,
    timeout: String,
    exposed_port: u16,
    definition: Map<String, Value>,
}

impl<'a> CheckJson<'a> {
    /// `service` is the check's; the node's checks have none.
    pub(super) fn new(
        check: &'a AgentCheck,
        service: Option<&'a AgentService>,
        node: &'a Node,
        said: Said,
    ) -> Self {
        Self {
            node: &node.name,
            check_id: Cow::Borrowed(&check.id),
            name: &check.name,
            status: said.verdict,
            notes: &check.notes,
            output: said.output,
            service_id: service.map_or("", |service| &service.id),
            service_name: service.map_or("", |service| &service.name),
            service_tags: service.map_or(&[], |service| &service.tags),
            r#type: kind(check),
            interval: time(check, "Interval"),
            timeout: time(check, "Timeout"),
            exposed_port: 0,
            definition: Map::new(),
        }
    }

    /// The check as which Consul shows maintenance.
    pub(super) fn maintenance(service: &'a AgentService, node: &'a Node, reason: &'a str) -> Self {
        Self {
            node: &node.name,
            check_id: Cow::Owned(format!("_service_maintenance:{}", service.id)),
            name: "Service Maintenance Mode",
            status: Verdict::Critical,
            notes: reason,
            output: String::new(),
            service_id: &service.id,
            service_name: &service.name,
            service_tags: &service.tags,
            r#type: "maintenance",
            interval: String::new(),
            timeout: String::new(),
            exposed_port: 0,
            definition: Map::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.check_id
    }
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

/// A duration as it was registered; nanoseconds stay a number.
fn time(check: &AgentCheck, key: &str) -> String {
    match check.definition.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(nanos)) => format!("{nanos}ns"),
        _ => String::new(),
    }
}
