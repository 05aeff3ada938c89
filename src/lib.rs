//! An authoritative DNS server whose records follow the health of what they point to.
//!
//! ```text
//! sources ──▶ registry ──▶ health ──▶ snapshot ──▶ answer ──▶ transport
//! what should  one catalogue  who is fit   the truth,   Question ×   bytes in,
//! exist        of it all      to serve     frozen       Snapshot     bytes out
//! ```
//!
//! Left of the snapshot everything may be slow, may wait and may fail. Right of it everything is
//! synchronous and total. Between stages there are only values. The modules stand here in the
//! order data flows; each imports only modules above it (`tests/repository/layering` proves it).

pub mod model;

pub mod diagnostic;

pub mod complaints;

pub mod log;

pub mod syntax;

pub mod wire;

pub mod config;

pub mod metrics;

pub mod sources;

pub mod registry;

pub mod health;

pub mod snapshot;

pub mod store;

pub mod engine;

pub mod answer;

pub mod transport;

pub mod http;

pub mod server;

pub mod cli;
