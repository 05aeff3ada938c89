//! Files from outside, from their text to what is registered, answered or told to people: Consul's
//! definitions, master files, and files with a mistake (`tests/bad`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod consul;
mod diagnostics;
mod master;
#[expect(dead_code, reason = "these tests need a part of what all share")]
#[path = "../support/mod.rs"]
mod support;
