//! What the system lets this process have open, and who gets which share of it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::engine::settings::Settings;

/// Raises the limit of open files as far as the system lets us, and lowers what `settings` allows
/// to what fits.
pub fn fit(settings: &mut Settings) {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
    let open_files = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            warn!(%error, soft, hard, "cannot raise the limit of open files");
            soft
        }
    };
    let wanted = (settings.max_in_flight, settings.rules.tcp.max);
    share(settings, open_files);
    let allowed = (settings.max_in_flight, settings.rules.tcp.max);
    if allowed.0 < wanted.0 {
        let (wanted, allowed) = (wanted.0, allowed.0);
        info!(wanted, allowed, open_files, "max_in_flight is lowered to what files allow");
    }
    if allowed.1 < wanted.1 {
        let (wanted, allowed) = (wanted.1, allowed.1);
        info!(wanted, allowed, open_files, "dns.tcp.max is lowered to what files allow");
    }
}

/// Half of the files for checks and a quarter for TCP, so that HTTP, UDP, and the zones' own files
/// have the rest.
fn share(settings: &mut Settings, open_files: u64) {
    let part = |of: u64| usize::try_from(open_files / of).unwrap_or(usize::MAX).max(1);
    settings.max_in_flight = settings.max_in_flight.min(part(2));
    settings.rules.tcp.max = settings.rules.tcp.max.min(part(4));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn checks_and_connections_share_what_files_there_are() {
        let shared = |open_files| {
            let mut settings = Settings::of(&Config::default());
            share(&mut settings, open_files);
            (settings.max_in_flight, settings.rules.tcp.max)
        };
        assert_eq!(shared(1_000_000), (4096, 1000));
        assert_eq!(shared(1024), (512, 256));
        assert_eq!(shared(0), (1, 1));
    }
}
