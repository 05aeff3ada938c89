//! Carries messages.
