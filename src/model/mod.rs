//! The nouns: what every stage of the pipeline speaks of.

pub mod agent;
pub mod check;
pub mod claim;
pub mod consul_names;
pub mod definition;
pub mod dns;
pub mod health;
pub mod name;
pub mod networks;
pub mod origin;
pub mod records;
pub mod serial;
pub mod service;
pub mod text;
pub mod time;
pub mod zone;
