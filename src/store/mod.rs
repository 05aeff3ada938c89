//! What survives a restart: the state directory, its lock, the zones' serial, and registrations.

pub mod directory;
pub mod registrations;
pub mod serial;
