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

mod asker;
pub mod batch;
pub mod bind;
pub mod cookies;
pub mod fast;
pub mod limits;
pub mod message;
pub mod respond;
pub mod source;
pub mod tcp;
pub mod throttle;
pub mod udp;
pub mod worker;

#[cfg(test)]
mod tests;
