//! The text of any format, read into one tree with places, and typed values from that tree.

pub mod duration;
pub mod hcl;
pub mod json;
pub mod reader;
pub mod report;
pub mod toml;
pub mod tree;
