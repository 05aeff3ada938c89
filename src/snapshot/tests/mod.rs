//! What holds of several files of the snapshot together.

mod follow;
