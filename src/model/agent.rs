//! What is registered over HTTP, as Consul's agent takes it and gives it back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::model::health::Verdict;
use crate::model::service::Weights;

/// One instance of a service. Everything is kept as it was said: Nomad compares what it reads with
/// what it wrote. Its JSON is the stored record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentService {
    /// Unique over all services registered over HTTP.
    pub id: Arc<str>,
    pub name: String,
    pub tags: Vec<String>,
    /// An address or a host name; empty is the node's.
    pub address: String,
    /// 0 is none.
    pub port: u16,
    pub meta: BTreeMap<String, String>,
    pub tagged_addresses: BTreeMap<String, TaggedAddress>,
    pub weights: Weights,
    pub enable_tag_override: bool,
    pub checks: Vec<AgentCheck>,
}

/// An address of an instance under another name (`lan`, `wan`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TaggedAddress {
    pub address: String,
    pub port: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentCheck {
    pub id: Arc<str>,
    pub name: String,
    pub notes: String,
    /// The id of its service; `None` is the node's.
    pub service: Option<Arc<str>>,
    /// All else that was said, under Consul's keys (`HTTP`, `DeregisterCriticalServiceAfter`).
    pub definition: Map<String, Value>,
    /// Before the first outcome; `None` is critical.
    pub status: Option<Verdict>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    Register {
        service: Box<AgentService>,
        /// Whether checks that were registered beside the service, and are not in it, go.
        replace_checks: bool,
    },
    Deregister(Arc<str>),
    RegisterCheck(Box<AgentCheck>),
    DeregisterCheck(Arc<str>),
    Beat {
        check: Arc<str>,
        verdict: Verdict,
        output: Arc<str>,
    },
    /// Consul's maintenance of a service by its id; `None` ends it.
    Maintenance {
        service: Arc<str>,
        reason: Option<String>,
    },
    /// An operator's word on an instance of any source.
    Order(Box<Order>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// `web`, or `web.service.internal` where several zones have it.
    pub service: String,
    pub id: String,
    pub act: Act,
    pub reason: String,
    /// Whose word it is, as far as that is known: the client's address.
    pub who: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Out of the answers, and deregistered when nobody can hold an answer with it.
    Drain,
    Undrain,
    /// Never served while on.
    Maintenance {
        on: bool,
    },
    /// Beats the checks for so long; `None` is until [`Act::Follow`].
    Force {
        up: bool,
        lasting: Option<Duration>,
    },
    Follow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub generation: u64,
}

/// Why a write changed nothing, in Consul's words where it has them.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("{id:?} is registered by the file {file}: change it there")]
    Held { id: String, file: String },
    #[error(
        "Unknown service ID {0:?}. Ensure that the service ID is passed, not the service name."
    )]
    UnknownService(String),
    #[error("there is no instance {id:?} of service {service:?}")]
    NoInstance { service: String, id: String },
    #[error("Unknown check ID {0:?}. Ensure that the check ID is passed, not the check name.")]
    UnknownCheck(String),
    #[error("CheckID {0:?} does not have associated TTL")]
    NoTtl(String),
    #[error("{service:?} exists in several zones: write one of {}", zones.join(", "))]
    Several { service: String, zones: Vec<String> },
    #[error("{0}")]
    Invalid(String),
    #[error("not stored, and nothing was changed: {0}")]
    NotStored(String),
    #[error("too many writes are waiting: try again in a second")]
    Busy,
    #[error("the engine has ended: restart livezone")]
    Ended,
}
