//! Files below `zones_dir`: what each says, and when it has changed.

pub mod native;
