//! livezone
fn main() {}
