//! Octets of DNS messages to values and back. The only module that knows the codec library.
//!
//! A packet becomes a [`request::Incoming`]; a [`reply::Reply`] becomes a packet. What cannot be
//! said by the types in between (a class but IN, a second OPT) is turned away at the door.

#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::expect_used,
        clippy::arithmetic_side_effects,
        clippy::wildcard_enum_match_arm
    )
)]

pub mod header;
mod names;
pub mod options;
mod records;
pub mod reply;
pub mod request;
pub mod tsig;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod octets;
#[cfg(test)]
mod packets;
#[cfg(test)]
mod properties;
