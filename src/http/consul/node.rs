//! What this server says of itself to Consul's clients, most of it asked for at their start.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::net::IpAddr;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use siphasher::sip128::{Hasher128, SipHasher24};

use crate::config::consul::Consul;
use crate::http::Face;
use crate::http::consul::answer::{self, Answer};
use crate::http::consul::failure::Failure;
use crate::http::consul::request::Params;
use crate::model::name::Name;
use crate::sources::consul::node as host;

/// The Consul whose agent this is like: clients decide by it what they may ask for.
const CONSUL: &str = "1.10.0";
/// Where servers of Consul speak to each other. Nobody listens there; clients want a number.
const SERVERS: u16 = 8300;
const GOSSIP: u16 = 8301;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub name: String,
    pub datacenter: String,
    /// `None` where the host has no address but loopback.
    pub address: Option<IpAddr>,
    /// The zone of what is registered over HTTP.
    pub zone: Name,
}

impl Node {
    /// What the configuration says.
    pub fn new(consul: &Consul, address: Option<IpAddr>) -> Self {
        let name = if consul.node.is_empty() { host::name() } else { consul.node.clone() };
        Self { name, datacenter: consul.datacenter.clone(), address, zone: consul.zone.clone() }
    }

    /// The same name is the same id: it is drawn from it, in the form of a UUID.
    pub(super) fn id(&self) -> String {
        let mut hasher = SipHasher24::new();
        hasher.write(self.name.as_bytes());
        let hex = format!("{:032x}", hasher.finish128().as_u128());
        let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
        parts.map(|(from, to)| hex.get(from..to).unwrap_or_default()).join("-")
    }

    pub(super) fn meta(&self) -> BTreeMap<&'static str, String> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        [("livezone-version", version), ("livezone-zone", self.zone.to_string())].into()
    }

    pub(super) fn address(&self) -> String {
        self.address.map_or_else(|| "127.0.0.1".to_owned(), |address| address.to_string())
    }

    fn leader(&self) -> String {
        match self.address {
            Some(IpAddr::V6(v6)) => format!("[{v6}]:{SERVERS}"),
            _ => format!("{}:{SERVERS}", self.address()),
        }
    }

    fn member(&self) -> Value {
        json!({
            "Name": self.name,
            "Addr": self.address(),
            "Port": GOSSIP,
            "Tags": {
                "role": "consul", "dc": self.datacenter, "id": self.id(), "vsn": "2",
                "build": format!("{CONSUL}:livezone"), "port": SERVERS.to_string(),
            },
            "Status": 1,
            "ProtocolMin": 1, "ProtocolMax": 5, "ProtocolCur": 2,
            "DelegateMin": 2, "DelegateMax": 5, "DelegateCur": 4,
        })
    }
}

/// `GET /v1/agent/self`. Each part is a table: the Go client reads nothing else.
pub(super) async fn own(State(face): State<Face>, params: Params) -> Response {
    let node = &face.node;
    let own = json!({
        "Config": {
            "Datacenter": node.datacenter, "PrimaryDatacenter": node.datacenter,
            "NodeName": node.name, "NodeID": node.id(),
            "Revision": "livezone", "Server": true, "Version": CONSUL,
            "BuildDate": "1970-01-01T00:00:00Z",
        },
        "DebugConfig": {},
        "Coord": {},
        "Member": node.member(),
        "Stats": {},
        "Meta": node.meta(),
    });
    answer::json(&params, &own)
}

pub(super) async fn members(State(face): State<Face>, params: Params) -> Response {
    answer::json(&params, &[face.node.member()])
}

pub(super) async fn leader(State(face): State<Face>, params: Params) -> Response {
    answer::json(&params, &face.node.leader())
}

pub(super) async fn peers(State(face): State<Face>, params: Params) -> Response {
    answer::json(&params, &[face.node.leader()])
}

pub(super) async fn datacenters(State(face): State<Face>, params: Params) -> Response {
    answer::json(&params, &[&face.node.datacenter])
}

/// `PUT /v1/agent/maintenance`: this node is all there is.
pub(super) async fn maintenance() -> Answer {
    let words = "maintenance of the whole node would take every service out of the answers: use \
                 /v1/agent/service/maintenance/{id} for one";
    Err(Failure { status: StatusCode::FORBIDDEN, words: words.to_owned() })
}

/// `GET /v1/kv/…`: no key has a value.
pub(super) async fn no_value() -> StatusCode {
    StatusCode::NOT_FOUND
}

/// `DELETE /v1/kv/…`, which registrator sends after each deregistration.
pub(super) async fn deleted(params: Params) -> Response {
    answer::json(&params, &true)
}

/// `PUT /v1/kv/…`
pub(super) async fn not_kept() -> Answer {
    let words = "livezone has no key/value store: nothing was kept";
    Err(Failure { status: StatusCode::FORBIDDEN, words: words.to_owned() })
}

/// `/v1/acl/…`, in Consul's words for servers without them.
pub(super) async fn no_acl() -> Answer {
    Err(Failure { status: StatusCode::UNAUTHORIZED, words: "ACL support disabled".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_an_id_of_its_own_in_the_form_of_a_uuid() {
        let address = Some("2001:db8::1".parse().unwrap());
        let named = |name: &str| Consul { node: name.to_owned(), ..Consul::default() };
        let node = |name: &str| Node::new(&named(name), address);
        let lengths: Vec<usize> = node("a").id().split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!((node("a").id(), node("a").id() == node("b").id()), (node("a").id(), false));
        assert_eq!(node("a").leader(), "[2001:db8::1]:8300");
    }
}
