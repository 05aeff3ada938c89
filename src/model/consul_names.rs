//! What a zone is called by in Consul's own names, beside the services that it shows.

use std::net::IpAddr;

use crate::model::name::Label;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsulNames {
    /// The one datacenter there is; `None` where it is no label, and no name can say it.
    pub datacenter: Option<Label>,
    /// The node's name, folded; it may hold dots.
    pub node: String,
    /// `None` where this host has no address but loopback.
    pub address: Option<IpAddr>,
}
