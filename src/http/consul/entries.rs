//! Nodes and services as Consul's catalog writes them in JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::http::consul::found::Found;
use crate::http::consul::node::Node;
use crate::http::consul::shapes::CheckJson;
use crate::model::agent::TaggedAddress;
use crate::model::service::Weights;

/// `{}`, where Consul writes what only its service mesh uses.
#[derive(Debug, Serialize)]
struct Nothing {}

type Tagged<'a> = Cow<'a, BTreeMap<String, TaggedAddress>>;

/// The one node that there is. It stays as it is while the server runs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct NodeJson<'a> {
    #[serde(rename = "ID")]
    id: String,
    node: &'a str,
    address: String,
    datacenter: &'a str,
    tagged_addresses: BTreeMap<&'static str, String>,
    meta: BTreeMap<&'static str, String>,
    create_index: u64,
    modify_index: u64,
}

impl<'a> NodeJson<'a> {
    pub(super) fn new(node: &'a Node) -> Self {
        let address = node.address();
        let keys = if address.contains(':') {
            ["lan", "lan_ipv6", "wan", "wan_ipv6"]
        } else {
            ["lan", "lan_ipv4", "wan", "wan_ipv4"]
        };
        Self {
            id: node.id(),
            node: &node.name,
            tagged_addresses: keys.map(|key| (key, address.clone())).into(),
            address,
            datacenter: &node.datacenter,
            meta: node.meta(),
            create_index: 1,
            modify_index: 1,
        }
    }
}

/// Of `catalog/service`: the node and the service in one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct CatalogEntry<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    node: &'a str,
    address: &'a str,
    datacenter: &'a str,
    tagged_addresses: &'a BTreeMap<&'static str, String>,
    node_meta: &'a BTreeMap<&'static str, String>,
    service_kind: &'static str,
    #[serde(rename = "ServiceID")]
    service_id: &'a str,
    service_name: &'a str,
    service_tags: Vec<&'a str>,
    service_address: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_empty")]
    service_tagged_addresses: Tagged<'a>,
    service_weights: Weights,
    service_meta: BTreeMap<&'a str, &'a str>,
    service_port: u16,
    service_enable_tag_override: bool,
    service_proxy: Nothing,
    service_connect: Nothing,
    create_index: u64,
    modify_index: u64,
}

impl<'a> CatalogEntry<'a> {
    pub(super) fn new(found: &Found<'a>, node: &'a NodeJson<'a>, index: u64) -> Self {
        Self {
            id: &node.id,
            node: node.node,
            address: &node.address,
            datacenter: node.datacenter,
            tagged_addresses: &node.tagged_addresses,
            node_meta: &node.meta,
            service_kind: "",
            service_id: found.id(),
            service_name: found.service(),
            service_tags: found.tags(),
            service_address: found.address(),
            service_tagged_addresses: found.tagged_addresses(),
            service_weights: found.weights(),
            service_meta: found.meta(),
            service_port: found.port(),
            service_enable_tag_override: found.enable_tag_override(),
            service_proxy: Nothing {},
            service_connect: Nothing {},
            create_index: index,
            modify_index: index,
        }
    }
}

/// Of `health/service` and `catalog/node`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ServiceEntry<'a> {
    #[serde(rename = "ID")]
    id: &'a str,
    service: &'a str,
    tags: Vec<&'a str>,
    address: Cow<'a, str>,
    #[serde(skip_serializing_if = "is_empty")]
    tagged_addresses: Tagged<'a>,
    /// Consul writes an empty one as `null`.
    meta: Option<BTreeMap<&'a str, &'a str>>,
    port: u16,
    weights: Weights,
    enable_tag_override: bool,
    proxy: Nothing,
    connect: Nothing,
    create_index: u64,
    modify_index: u64,
}

impl<'a> ServiceEntry<'a> {
    pub(super) fn new(found: &Found<'a>, index: u64) -> Self {
        Self {
            id: found.id(),
            service: found.service(),
            tags: found.tags(),
            address: found.address(),
            tagged_addresses: found.tagged_addresses(),
            meta: Some(found.meta()).filter(|meta| !meta.is_empty()),
            port: found.port(),
            weights: found.weights(),
            enable_tag_override: found.enable_tag_override(),
            proxy: Nothing {},
            connect: Nothing {},
            create_index: index,
            modify_index: index,
        }
    }
}

/// Of `health/service`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HealthEntry<'a> {
    pub(super) node: &'a NodeJson<'a>,
    pub(super) service: ServiceEntry<'a>,
    pub(super) checks: Vec<CheckJson<'a>>,
}

fn is_empty(addresses: &Tagged<'_>) -> bool {
    addresses.is_empty()
}
