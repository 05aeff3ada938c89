//! The folders of `zones_dir`: what their files say, and the kernel's word on when to read them.

mod file;
pub mod kind;
mod tracker;
#[cfg(test)]
mod tracker_tests;
mod zone;
