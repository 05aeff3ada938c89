//! See `tests/fuzz/rules/`.
#![no_main]

#[path = "../../tests/fuzz/rules/mod.rs"]
#[allow(dead_code, reason = "every target has its own of them")]
mod rules;

libfuzzer_sys::fuzz_target!(|input: &[u8]| rules::batch::run(input));
