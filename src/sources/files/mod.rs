//! The folders of `zones_dir`: what their files say, and the kernel's word on when to read them.

mod busy;
mod disk;
mod file;
mod io_pool;
pub mod kind;
mod links;
#[cfg(test)]
mod load_tests;
pub mod master;
mod notices;
pub mod options;
pub mod parse;
mod protocol;
mod scan;
#[cfg(test)]
mod strange_tests;
#[cfg(test)]
mod swap_tests;
mod tracker;
#[cfg(test)]
mod tracker_properties;
#[cfg(test)]
mod tracker_tests;
pub mod watch;
#[cfg(test)]
mod watch_rig;
#[cfg(test)]
mod watch_tests;
mod watches;
mod zone;
