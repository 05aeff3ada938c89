//! The selectors of each endpoint and their types, as Consul 1.10 has them.

use self::Kind::{Bool, List, Map, Number, Struct, Text, Texts};

/// What may follow in a selector.
pub type Fields = [(&'static str, Kind)];

/// The type of what a selector leads to.
#[derive(Debug)]
pub enum Kind {
    Text,
    Number,
    Bool,
    /// A list of strings.
    Texts,
    /// Values of one type under any keys.
    Map(&'static Self),
    Struct(&'static Fields),
    /// A list of structs; a selector goes on in each, and one that matches is enough.
    List(&'static Fields),
}

/// `/v1/catalog/services`
pub const NONE: &Fields = &[];

/// `/v1/agent/checks`, `/v1/health/checks/…`, `/v1/health/node/…`, `/v1/health/state/…`
pub const CHECKS: &Fields = &[
    ("Node", Text),
    ("CheckID", Text),
    ("Name", Text),
    ("Status", Text),
    ("Notes", Text),
    ("Output", Text),
    ("ServiceID", Text),
    ("ServiceName", Text),
    ("ServiceTags", Texts),
    ("Type", Text),
    ("ExposedPort", Number),
];

/// `/v1/agent/services`, and the services of `/v1/catalog/node/…` and `/v1/catalog/node-services/…`
pub const SERVICES: &Fields = &[
    ("Kind", Text),
    ("ID", Text),
    ("Service", Text),
    ("Tags", Texts),
    ("Address", Text),
    ("TaggedAddresses", Map(&Struct(TAGGED_ADDRESS))),
    ("Meta", Map(&Text)),
    ("Port", Number),
    ("SocketPath", Text),
    ("Weights", Struct(WEIGHTS)),
    ("EnableTagOverride", Bool),
    ("Proxy", Struct(PROXY)),
    ("Connect", Struct(CONNECT)),
];

/// `/v1/catalog/nodes`
pub const NODES: &Fields = &[
    ("ID", Text),
    ("Node", Text),
    ("Address", Text),
    ("Datacenter", Text),
    ("TaggedAddresses", Map(&Text)),
    ("Meta", Map(&Text)),
];

/// `/v1/health/service/…`
pub const INSTANCES: &Fields =
    &[("Node", Struct(NODES)), ("Service", Struct(SERVICES)), ("Checks", List(CHECKS))];

/// `/v1/catalog/service/…`
pub const CATALOG_SERVICE: &Fields = &[
    ("ID", Text),
    ("Node", Text),
    ("Address", Text),
    ("Datacenter", Text),
    ("TaggedAddresses", Map(&Text)),
    ("NodeMeta", Map(&Text)),
    ("ServiceKind", Text),
    ("ServiceID", Text),
    ("ServiceName", Text),
    ("ServiceTags", Texts),
    ("ServiceAddress", Text),
    ("ServiceTaggedAddresses", Map(&Struct(TAGGED_ADDRESS))),
    ("ServiceWeights", Struct(WEIGHTS)),
    ("ServiceMeta", Map(&Text)),
    ("ServicePort", Number),
    ("ServiceSocketPath", Text),
    ("ServiceEnableTagOverride", Bool),
    ("ServiceProxy", Struct(PROXY)),
    ("ServiceConnect", Struct(CONNECT)),
];

const TAGGED_ADDRESS: &Fields = &[("Address", Text), ("Port", Number)];
const WEIGHTS: &Fields = &[("Passing", Number), ("Warning", Number)];
const CONNECT: &Fields = &[("Native", Bool)];
/// Services here are no proxies: this is what clients ask to leave proxies out.
const PROXY: &Fields =
    &[("Mode", Text), ("DestinationServiceName", Text), ("DestinationServiceID", Text)];
