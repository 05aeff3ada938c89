//! Where the left half meets: one world, one pure turn, one task that feeds and obeys it.
//!
//! Events go in: a source's changed files, outcomes of checks, a timer. Effects come out: checks
//! to start and to stop, a snapshot to publish, lines to log. Scenario tests drive [`turn::turn`]
//! with no clock, no socket and no task.

mod aliases;
pub mod board;
mod checks;
pub mod event;
mod evidence;
mod orders;
mod publisher;
pub mod registrations;
pub mod report;
mod runs;
mod services;
pub mod settings;
pub mod task;
#[cfg(test)]
mod tests;
mod tickets;
pub mod turn;
pub mod world;
