//! The one place that reads the clocks.

use std::sync::Arc;
use std::time::{Instant as Mono, SystemTime};

use crate::model::time::{Clock, Instant, Now};

/// A clock whose monotonic side starts at zero now.
pub fn start() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let began = Mono::now();
    Arc::new(move || {
        #[expect(clippy::disallowed_methods, reason = "this is the clock")]
        Now { mono: Instant(began.elapsed()), wall: SystemTime::now() }
    })
}
