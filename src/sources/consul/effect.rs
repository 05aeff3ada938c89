//! Keys that livezone reads and that do nothing where they stand: why, and where they would.

use std::ops::Range;

use crate::sources::consul::text;
use crate::syntax::report::Report;
use crate::syntax::tree::{Key, Tree};

const TLS: [&str; 2] = ["tls_skip_verify", "tls_server_name"];

const TIMES: [&str; 5] = [
    "interval",
    "timeout",
    "success_before_passing",
    "failures_before_warning",
    "failures_before_critical",
];

const REMOVE: &str = "remove it";

/// The keys of one file, by the reason for which they have no effect.
#[derive(Default)]
pub(super) struct WithoutEffect(Vec<Reason>);

struct Reason {
    place: &'static str,
    advice: &'static str,
    first: Range<usize>,
    keys: Vec<&'static str>,
}

impl WithoutEffect {
    /// Notes a key, which is called `name`, of a check of that kind.
    pub(super) fn note(&mut self, name: &'static str, key: &Key, kind: &str, check: &Tree) {
        let (place, advice) = reason(name, kind, check);
        let known = self.0.iter_mut().find(|known| (known.place, known.advice) == (place, advice));
        let Some(known) = known else {
            self.0.push(Reason { place, advice, first: key.span.clone(), keys: vec![name] });
            return;
        };
        if !known.keys.contains(&name) {
            known.keys.push(name);
        }
    }

    pub(super) fn warn(&self, report: &Report) {
        for Reason { place, advice, first, keys } in &self.0 {
            let verb = if keys.len() == 1 { "has" } else { "have" };
            let keys: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
            let message = format!("{} {verb} no effect {place}", keys.join(", "));
            let advice = if *advice == REMOVE && keys.len() > 1 { "remove them" } else { advice };
            report.warning(first.clone(), message, advice);
        }
    }
}

/// Whether a key says when a check is run: an alias is not run.
pub(super) fn is_time(key: &str) -> bool {
    TIMES.contains(&key)
}

/// Where the key has no effect, and what has.
fn reason(key: &str, kind: &str, check: &Tree) -> (&'static str, &'static str) {
    let is_http = text(check, "http").is_some_and(|url| url.value.starts_with("http:"));
    match (key, kind) {
        (key, "http") if TLS.contains(&key) && is_http => {
            ("on an http:// URL", "for a check over TLS, write an https:// URL")
        }
        (key, "http") if TLS.contains(&key) => {
            ("with a path instead of a URL", "for a check over TLS, write an https:// URL")
        }
        (key, "tcp") if TLS.contains(&key) => {
            ("without \"tcp_use_tls\"", "for a check over TLS, set tcp_use_tls = true")
        }
        (key, "grpc") if TLS.contains(&key) => {
            ("without \"grpc_use_tls\"", "for a check over TLS, set grpc_use_tls = true")
        }
        (key, _) if TLS.contains(&key) => (of(kind), "only for checks over TLS"),
        ("alias_node", _) => ("beside \"alias_service\"", "livezone has no nodes: remove it"),
        (key, "alias_service") if is_time(key) => {
            (of(kind), "an alias check does not run: it follows its service at once")
        }
        (key, "ttl") if is_time(key) => {
            (of(kind), "a ttl check does not run: it waits for heartbeats")
        }
        ("method" | "header" | "body" | "disable_redirects", _) => {
            (of(kind), "only for http checks")
        }
        ("tcp_use_tls", "http") => (of(kind), "for a check over TLS, write an https:// URL"),
        ("tcp_use_tls", _) => (of(kind), "only for tcp checks"),
        ("grpc_use_tls", "http") => (of(kind), "for a check over TLS, write an https:// URL"),
        ("grpc_use_tls", _) => (of(kind), "only for gRPC checks"),
        _ => (of(kind), REMOVE),
    }
}

fn of(kind: &str) -> &'static str {
    match kind {
        "http" => "in an http check",
        "tcp" => "in a tcp check",
        "grpc" => "in a gRPC check",
        "args" => "in a script check",
        "ttl" => "in a ttl check",
        _ => "in an alias check",
    }
}
