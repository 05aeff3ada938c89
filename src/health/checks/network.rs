//! Tells our own machine's errors from the network's, on a connection or while one is made.

use std::io;

use nix::errno::Errno;

use crate::health::checks::fault::{errno, ours, theirs, words};
use crate::health::checks::tls::words::of_tls;
use crate::model::health::Outcome;

/// What an error says that came later than the call, on a connection or while one was being made.
pub(super) fn of_network(error: &io::Error) -> Outcome {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(inner) = inner {
        return of_tls(inner);
    }
    match errno(error) {
        // ENOSPC is the poller's word for too many.
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::ENOSPC) => {
            ours(words(error))
        }
        Some(_) | None => theirs(words(error)),
    }
}
