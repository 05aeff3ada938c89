//! What the system lets this process have open.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

/// Raises the limit of open files as far as the system lets us, and gives how many checks may
/// then run at once: half of it, so that questions and files have the rest.
pub fn checks_in_flight(wanted: usize) -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            warn!(%error, soft, hard, "cannot raise the limit of open files");
            soft
        }
    };
    let allowed = usize::try_from(limit / 2).unwrap_or(usize::MAX);
    if allowed < wanted {
        info!(wanted, allowed, open_files = limit, "max_in_flight is lowered to what files allow");
    }
    wanted.min(allowed)
}
