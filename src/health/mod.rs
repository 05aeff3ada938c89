//! Who is fit to serve: checks ask the instances, and what they find is counted.

pub mod checks;
