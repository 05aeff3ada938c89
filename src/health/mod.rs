//! Who is fit to serve: what checks find, and when they are run.

pub mod checks;
pub mod phases;
pub mod scheduler;
pub mod state;
