//! What no part of the engine shows alone, seen through `turn`.

mod changes;
mod heartbeats;
mod orders;
mod rig;
mod routine;
mod script_policy;
mod sources;
mod statics;
mod writes;
