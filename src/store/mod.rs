//! What survives a restart: the state directory, its lock, the zones' serial, registrations and orders.

mod database;
pub mod directory;
mod export;
mod file;
pub mod open;
mod orders;
pub mod registrations;
pub mod serial;
mod writer;

#[cfg(test)]
mod tests;
