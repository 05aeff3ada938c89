//! One catalogue of what all sources register.

mod circle;
pub mod merge;
pub mod permit;
mod resolve;
pub mod statics;
