//! Real resolvers stand in front of livezone, configured as `docs/resolvers.md` says: they accept
//! every answer and keep it for our TTLs. `tests/resolvers/run` installs them and runs these tests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod dnsmasq;
mod knot;
mod namespace;
mod resolved;
#[expect(dead_code, reason = "these tests need a part of what all share")]
#[path = "../support/mod.rs"]
mod support;
mod through;
mod unbound;
mod world;

use std::fs;
use std::path::Path;

/// The one block of that language in the part of the documentation with that heading.
fn documented(heading: &str, language: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/resolvers.md");
    let text = fs::read_to_string(path).unwrap();
    let parts = text.split("\n## ").filter(|part| part.starts_with(&format!("{heading}\n")));
    let blocks = parts.filter_map(|part| part.split_once(&format!("```{language}\n")));
    let block = blocks.map(|(_, block)| block).next().expect("the documentation has the block");
    block.split_once("```").unwrap().0.to_owned()
}
