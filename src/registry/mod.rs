//! One catalogue of what all sources register.

pub mod merge;
pub mod permit;
pub mod statics;
