//! A check that the instance answers itself, by heartbeats.

use crate::config::policy::SHORTEST;
use crate::model::check::Kind;
use crate::sources::native::asked::{
    GRPC_KEYS, HTTP_KEYS, KindKeys, TCP_KEYS, TLS_KEYS, misplaced,
};
use crate::syntax::reader::Reader;

/// When a check is run, and how many outcomes decide.
const RUNS: [&str; 6] = [
    "interval",
    "timeout",
    "fast_interval",
    "success_before_passing",
    "failures_before_warning",
    "failures_before_critical",
];

/// Reads the value of `ttl`. Nothing is run, and each heartbeat decides.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let ttl = reader.duration("ttl", SHORTEST);
    misplaced(reader, &RUNS, "checks that livezone runs");
    misplaced(reader, &HTTP_KEYS, "`http` checks");
    misplaced(reader, &TCP_KEYS, "`tcp` checks");
    misplaced(reader, &GRPC_KEYS, "`grpc` checks");
    misplaced(reader, &TLS_KEYS, "checks over TLS");
    let kind = Kind::Ttl(ttl?.value);
    Some(KindKeys { kind, literal: None, needs_port: false, summary: "ttl".to_owned() })
}
