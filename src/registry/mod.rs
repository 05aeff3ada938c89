//! One catalogue of what all sources register.

pub mod merge;
mod resolve;
pub mod script_policy;
mod self_reference;
pub mod statics;
