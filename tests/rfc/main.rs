//! The rules of the RFCs, one file each: octets in over real sockets, octets out. docs/rfcs.md is
//! the table of them. Each file's first line names its RFC, each test's name is the rule.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod message;
mod query;
#[expect(dead_code, reason = "these tests need a part of the reader that judges fuzzing")]
#[path = "../fuzz/rules/message.rs"]
mod reader;
mod server;
#[expect(dead_code, reason = "these tests need a part of what all share")]
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/within.rs"]
mod within;
mod zones;

mod consensus;
mod rfc1034;
mod rfc1035;
mod rfc1035_names;
mod rfc1183;
mod rfc1995;
mod rfc1996;
mod rfc2136;
mod rfc2181;
mod rfc2230;
mod rfc2308;
mod rfc2782;
mod rfc3225;
mod rfc3403;
mod rfc3596;
mod rfc3597;
mod rfc4035;
mod rfc4343;
mod rfc4592;
mod rfc5936;
mod rfc6604;
mod rfc6672;
mod rfc6891;
mod rfc6891_options;
mod rfc6891_sizes;
mod rfc6895;
mod rfc7766;
mod rfc7828;
mod rfc7873;
mod rfc8020;
mod rfc8482;
mod rfc8906;
mod rfc8914;
mod rfc8945;
mod rfc9018;
mod rfc9210;
mod rfc9460;
mod rfc9471;
mod rfc9499;
mod rfc9619;
mod table;
