//! The folders of `zones_dir`: what their files say, and the kernel's word on when to read them.

pub mod consul;
mod disk;
mod file;
pub mod kind;
mod links;
pub mod master;
pub mod native;
mod notices;
pub mod parse;
mod scan;
mod tracker;
#[cfg(test)]
mod tracker_tests;
pub mod watch;
#[cfg(test)]
mod watch_tests;
mod watches;
mod zone;
