//! Where the left half meets: one world, one pure turn, one task that feeds and obeys it.
//!
//! Events go in: a source's changed files, outcomes of checks, a timer. Effects come out: checks
//! to start and to stop, a snapshot to publish, lines to log. Scenario tests drive [`turn::turn`]
//! with no clock, no socket and no task.

pub mod aliases;
mod checks;
mod dangling;
mod errors;
pub mod evidence;
pub mod files;
pub mod publish;
pub mod report;
mod runs;
mod statics;
mod targets;
pub mod task;
pub mod turn;
pub mod world;

#[cfg(test)]
mod alias_tests;
#[cfg(test)]
mod permit_tests;
#[cfg(test)]
mod routine_tests;
