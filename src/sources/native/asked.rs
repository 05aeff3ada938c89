//! What one kind of check asks, and the keys that belong to it alone.

use std::net::IpAddr;

use crate::model::check::Kind;
use crate::syntax::reader::Reader;

/// The keys that only one of the kinds has.
pub(super) const HTTP_KEYS: [&str; 7] =
    ["method", "header", "body", "expect_status", "expect_body", "connect", "immediate_status"];
pub(super) const TCP_KEYS: [&str; 1] = ["tcp_use_tls"];
pub(super) const GRPC_KEYS: [&str; 1] = ["grpc_use_tls"];
pub(super) const TLS_KEYS: [&str; 5] =
    ["tls_skip_verify", "tls_server_name", "tls_ca_file", "tls_cert_file", "tls_key_file"];

pub(in crate::sources) struct KindKeys {
    pub(in crate::sources) kind: Kind,
    /// An address that the value names and that is not loopback: it must be the instance's.
    pub(in crate::sources) literal: Option<IpAddr>,
    pub(in crate::sources) needs_port: bool,
    /// What the id is made of when none is given.
    pub(in crate::sources) summary: String,
}

/// Complains of `keys`, which go with something that this check is not.
pub(super) fn misplaced(reader: &mut Reader<'_>, keys: &[&'static str], wanted: &str) {
    for &key in keys {
        if let Some((written, _)) = reader.entry(key) {
            let message = format!("{key:?} has no effect in this check");
            reader.report.error(written.span.clone(), message, format!("it is only for {wanted}"));
        }
    }
}
