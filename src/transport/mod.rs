//! Octets in, octets out: sockets around one synchronous function.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod batch;
pub mod bind;
pub mod fast;
pub mod respond;
pub mod tcp;
pub mod udp;

#[cfg(test)]
mod connections;
#[cfg(test)]
mod fixtures;
