//! What holds of the listeners together; tests of one file stand in that file.

mod abuse;
mod answers;
mod connections;
pub(super) mod fixtures;
mod properties;
