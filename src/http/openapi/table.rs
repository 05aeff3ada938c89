//! Every operation of the API: what it takes, and with which statuses it answers.

use self::Schema::{Boolean, Duration, Flag, OneOf, Text};

/// See the module.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// As the route has it, without stars.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [Parameter],
    pub(super) body: Option<Body>,
    pub(super) answer: Answer,
    /// Beside those of every operation; the first is that of a success.
    pub(super) statuses: &'static [u16],
}

/// A parameter of the query.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) schema: Schema,
}

pub(super) enum Schema {
    Text,
    Boolean,
    Duration,
    OneOf(&'static [&'static str]),
    /// Its presence counts.
    Flag,
}

/// What a request brings.
#[derive(Clone, Copy)]
pub(super) enum Body {
    Service,
    Check,
    Update,
}

/// What a success brings.
#[derive(Clone, Copy)]
pub(super) enum Answer {
    Json,
    Text,
    /// Text where `format=text` asks for it, and in some errors JSON.
    Either,
    Nothing,
}

impl Operation {
    const fn get(path: &'static str, summary: &'static str, query: &'static [Parameter]) -> Self {
        let (method, statuses) = ("GET", &[200]);
        Self { method, path, summary, query, body: None, answer: Answer::Json, statuses }
    }

    /// A write is answered when it is stored and served.
    const fn put(path: &'static str, summary: &'static str, query: &'static [Parameter]) -> Self {
        let (method, statuses) = ("PUT", &[200, 404, 409, 503, 507]);
        Self { method, path, summary, query, body: None, answer: Answer::Nothing, statuses }
    }

    const fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self.statuses = &[200, 404, 408, 409, 413, 503, 507];
        self
    }

    const fn brings(mut self, answer: Answer) -> Self {
        self.answer = answer;
        self
    }

    const fn statuses(mut self, statuses: &'static [u16]) -> Self {
        self.statuses = statuses;
        self
    }
}

const fn may(name: &'static str, schema: Schema) -> Parameter {
    Parameter { name, required: false, schema }
}

const fn must(name: &'static str, schema: Schema) -> Parameter {
    Parameter { name, required: true, schema }
}

const PRETTY: Parameter = may("pretty", Flag);
const FILTER: Parameter = may("filter", Text);
const REASON: Parameter = may("reason", Text);
const NOTE: Parameter = may("note", Text);

const ONE: &[Parameter] = &[PRETTY];
const LIST: &[Parameter] = &[FILTER, PRETTY];
const HEALTH: &[Parameter] = &[may("format", OneOf(&["text"])), PRETTY];

/// Reads of the zone; `dc` is left out: of another datacenter the answer is Consul's 500.
const READ: &[u16] = &[200, 503];
const STALE: Parameter = may("stale", Flag);
const NODE_META: Parameter = may("node-meta", Text);
const TAG: Parameter = may("tag", Text);
const READING: &[Parameter] = &[NODE_META, STALE, PRETTY];
const FOUND: &[Parameter] = &[FILTER, NODE_META, STALE, PRETTY];
const INSTANCES: &[Parameter] = &[TAG, FILTER, NODE_META, STALE, PRETTY];
const HEALTHY: &[Parameter] = &[may("passing", Flag), TAG, FILTER, NODE_META, STALE, PRETTY];

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/health/live", "200 while the process runs", &[]).brings(Answer::Text),
    Operation::get("/health/ready", "Whether to send queries here", &[]).statuses(&[200, 503]),
    Operation::get("/metrics", "Metrics for Prometheus", &[]).brings(Answer::Text),
    Operation::get("/v1/livezone/openapi.json", "This document", &[]),
    Operation::get("/v1/livezone/services", "All services and their instances", &[])
        .statuses(&[200, 503]),
    Operation::put(
        "/v1/livezone/drain/{service}/{id}",
        "Takes an instance out until its registration goes",
        &[may("enable", Boolean), REASON],
    ),
    Operation::put(
        "/v1/livezone/maintenance/{service}/{id}",
        "Maintenance of an instance of any source",
        &[must("enable", Boolean), REASON],
    ),
    Operation::put(
        "/v1/livezone/force/{service}/{id}",
        "Sets the state of an instance, whatever its checks say",
        &[must("state", OneOf(&["up", "down", "auto"])), REASON, may("for", Duration)],
    ),
    Operation::get("/v1/agent/self", "This server as a Consul agent", ONE),
    Operation::get("/v1/agent/members", "This server as the only member", ONE),
    Operation::put("/v1/agent/maintenance", "Refused: it would take every service out", &[])
        .brings(Answer::Text)
        .statuses(&[403]),
    Operation::get("/v1/agent/services", "What is registered over HTTP", LIST),
    Operation::get(
        "/v1/agent/service/{id}",
        "One service; with the hash of the last answer, when it is another",
        &[may("hash", Text), may("wait", Duration), PRETTY],
    )
    .statuses(&[200, 404]),
    Operation::put(
        "/v1/agent/service/register",
        "Registers a service, or replaces the one with its ID",
        &[may("replace-existing-checks", OneOf(&["", "true"]))],
    )
    .body(Body::Service),
    Operation::put("/v1/agent/service/deregister/{id}", "Removes a service and its checks", &[]),
    Operation::put(
        "/v1/agent/service/maintenance/{id}",
        "Maintenance of a service",
        &[must("enable", Boolean), REASON],
    ),
    Operation::get("/v1/agent/checks", "The checks of services registered over HTTP", LIST),
    Operation::put("/v1/agent/check/register", "Registers a check", &[]).body(Body::Check),
    Operation::put("/v1/agent/check/deregister/{id}", "Removes a check", &[]),
    Operation::put("/v1/agent/check/pass/{id}", "A heartbeat: passing", &[NOTE]),
    Operation::put("/v1/agent/check/warn/{id}", "A heartbeat: warning", &[NOTE]),
    Operation::put("/v1/agent/check/fail/{id}", "A heartbeat: critical", &[NOTE]),
    Operation::put("/v1/agent/check/update/{id}", "A heartbeat with its output", &[])
        .body(Body::Update),
    Operation::get("/v1/agent/health/service/id/{id}", "How a service stands, by ID", HEALTH)
        .brings(Answer::Either)
        .statuses(&[200, 404, 429, 503]),
    Operation::get("/v1/agent/health/service/name/{name}", "How services of a name stand", HEALTH)
        .brings(Answer::Either)
        .statuses(&[200, 404, 429, 503]),
    Operation::get("/v1/status/leader", "This server's address", ONE),
    Operation::get("/v1/status/peers", "This server's address, in a list", ONE),
    Operation::get("/v1/catalog/datacenters", "The only datacenter", ONE),
    Operation::get("/v1/catalog/services", "All names with their tags", READING).statuses(READ),
    Operation::get("/v1/catalog/service/{name}", "The instances of a service", INSTANCES)
        .statuses(READ),
    Operation::get("/v1/catalog/nodes", "The only node", FOUND).statuses(READ),
    Operation::get("/v1/catalog/node/{name}", "The node and all instances", FOUND).statuses(READ),
    Operation::put("/v1/catalog/register", "Refused: agent/service/register does it", &[])
        .brings(Answer::Text)
        .statuses(&[400]),
    Operation::put("/v1/catalog/deregister", "Refused: agent/service/deregister does it", &[])
        .brings(Answer::Text)
        .statuses(&[400]),
    Operation::get(
        "/v1/health/service/{name}",
        "The instances of a service, each with its checks",
        HEALTHY,
    )
    .statuses(READ),
    Operation::get("/v1/health/checks/{name}", "The checks of a service", INSTANCES).statuses(READ),
    Operation::get("/v1/health/state/{state}", "All checks in a state", FOUND).statuses(READ),
    Operation::get("/v1/health/node/{name}", "All checks of the node", FOUND).statuses(READ),
    Operation::get("/v1/kv/{key}", "404: there is no key/value store", &[])
        .brings(Answer::Nothing)
        .statuses(&[404]),
    Operation {
        method: "DELETE",
        ..Operation::get("/v1/kv/{key}", "true: there is no key/value store", ONE)
    },
    acl("GET"),
    acl("PUT"),
    acl("POST"),
    acl("DELETE"),
];

const fn acl(method: &'static str) -> Operation {
    let operation = Operation::get("/v1/acl/{path}", "Refused: there are no access rules", &[]);
    Operation { method, ..operation.brings(Answer::Text).statuses(&[401]) }
}
