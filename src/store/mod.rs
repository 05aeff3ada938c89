//! What survives a restart: the state directory, its lock, and the zones' serial.

pub mod directory;
pub mod serial;
