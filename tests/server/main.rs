//! The whole program from outside: a process with a folder of files on one side, and questions on
//! the other. `measurements.rs` holds what is measured and not asserted.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod agent;
mod blocking;
mod change;
mod cli;
mod clients;
mod commands;
mod cookies;
mod crash;
mod credentials;
mod crowd;
mod demo;
mod discover;
mod dns;
mod files;
mod health;
mod hostile;
mod hosts;
mod idle;
mod kept;
mod kubernetes;
mod limits;
mod load;
mod measurements;
mod openapi;
mod operation;
mod orders;
mod readers;
mod registered;
mod registering;
mod registration;
mod resolver;
mod restart;
mod shortage;
mod sizes;
mod supervisor;
#[path = "../support/mod.rs"]
mod support;
mod twins;
mod unread;
