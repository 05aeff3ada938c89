//! What the system lets this process have open, and who gets which share of it.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing::{info, warn};

use crate::config::{Config, ConnectionLimits};
use crate::model::check::Scripts;

/// The standard streams, the runtimes, signals, the lock, the watcher, and room for an embedder.
const OWN: usize = 24;
const READING: usize = 8;
/// A script that starts holds its output three times.
const OF_A_SCRIPT: usize = 3;
/// Two for checks, one for TCP and one for HTTP: each may have one at least.
const LEAST: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the open file limit is {open_files}, but these listeners and workers need {needed}: raise it \
     (ulimit -n, LimitNOFILE in systemd), or lower [dns] workers"
)]
pub struct TooFewFiles {
    pub open_files: usize,
    pub needed: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shares {
    pub in_flight: usize,
    pub tcp: ConnectionLimits,
    pub http: ConnectionLimits,
}

impl Shares {
    fn of(config: &Config) -> Self {
        Self {
            in_flight: config.health.max_in_flight,
            tcp: config.dns.tcp.connections(),
            http: config.http.connections,
        }
    }

    fn apply(self, config: &mut Config) {
        config.health.max_in_flight = self.in_flight;
        (config.dns.tcp.max, config.dns.tcp.max_per_client) =
            (self.tcp.max, self.tcp.max_per_client);
        config.http.connections = self.http;
    }
}

/// Raises the limit of open files as far as the system lets us, and lowers what `config` allows to
/// what fits. Says so where it differs from what was `told` before.
pub fn fit(
    mut config: Config,
    workers: usize,
    told: Option<Shares>,
) -> Result<(Config, Shares), TooFewFiles> {
    let wanted = Shares::of(&config);
    let Some(open_files) = raise() else { return Ok((config, wanted)) };
    let of_a_check = if config.health.scripts == Scripts::Allowed { OF_A_SCRIPT } else { 1 };
    let shares = share(open_files, (fixed(&config, workers), of_a_check), wanted)?;
    if shares != wanted && told != Some(shares) {
        info!(
            open_files,
            max_in_flight = shares.in_flight,
            dns_tcp_max = shares.tcp.max,
            dns_tcp_max_per_client = shares.tcp.max_per_client,
            http_max = shares.http.max,
            http_max_per_client = shares.http.max_per_client,
            "limits lowered to fit the open file limit"
        );
    }
    shares.apply(&mut config);
    Ok((config, shares))
}

/// The limit, once it is as high as it may be; `None` where the system does not say.
fn raise() -> Option<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
    let open_files = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => hard,
        Err(error) => {
            warn!(%error, soft, hard, "cannot raise the open file limit");
            soft
        }
    };
    Some(usize::try_from(open_files).unwrap_or(usize::MAX))
}

/// What is open whatever is asked: sockets that listen, each with one connection that was accepted
/// and has no place yet, and what the process needs for itself.
fn fixed(config: &Config, workers: usize) -> usize {
    let dns = config.dns.listen.len().saturating_mul(workers.saturating_add(2));
    let http = [config.http.listen, config.http.observe].into_iter().flatten().count();
    OWN.saturating_add(READING).saturating_add(dns).saturating_add(http.saturating_mul(2))
}

/// Half of what is left goes to checks, then half of the rest to TCP, then the rest to HTTP; what
/// one does not want is the next one's. Where connections are lowered no client gets more than half
/// of them: it could keep others out.
pub fn share(
    open_files: usize,
    (fixed, of_a_check): (usize, usize),
    wanted: Shares,
) -> Result<Shares, TooFewFiles> {
    let least = LEAST.saturating_add(of_a_check.saturating_mul(2));
    let left = open_files.saturating_sub(fixed);
    if left < least {
        return Err(TooFewFiles { open_files, needed: fixed.saturating_add(least) });
    }
    let in_flight = wanted.in_flight.min(left / 2 / of_a_check.max(1));
    let left = left.saturating_sub(in_flight.saturating_mul(of_a_check));
    let tcp = lowered(wanted.tcp, left / 2);
    let http = lowered(wanted.http, left.saturating_sub(tcp.max));
    Ok(Shares { in_flight, tcp, http })
}

fn lowered(wanted: ConnectionLimits, most: usize) -> ConnectionLimits {
    if wanted.max <= most {
        return wanted;
    }
    let of_a_client = wanted.max_per_client.min((most / 2).max(1));
    ConnectionLimits { max: most, max_per_client: of_a_client }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits(max: usize, max_per_client: usize) -> ConnectionLimits {
        ConnectionLimits { max, max_per_client }
    }

    #[test]
    fn the_defaults_have_what_they_want_where_there_is_enough_and_less_elsewhere() {
        let wanted = Shares::of(&Config::default());
        let shared = |open_files| share(open_files, (40, 1), wanted);
        assert_eq!(shared(1_048_576), Ok(wanted));
        let shares = shared(4096).unwrap();
        let expected = (2028, limits(1000, 20), limits(1028, 514));
        assert_eq!((shares.in_flight, shares.tcp, shares.http), expected);
        let shares = shared(64).unwrap();
        assert_eq!((shares.in_flight, shares.tcp, shares.http), (12, limits(6, 3), limits(6, 3)));
        let error = shared(45).unwrap_err();
        assert_eq!(error, TooFewFiles { open_files: 45, needed: 46 });
        assert!(shared(46).is_ok() && error.to_string().contains("ulimit -n"));
    }

    #[test]
    fn what_listens_is_counted_with_its_workers() {
        let mut config = Config::default();
        let alone = fixed(&config, 2);
        assert_eq!(alone, OWN + READING + 4 + 2);
        config.http.observe = Some("127.0.0.1:9".parse().unwrap());
        assert_eq!(fixed(&config, 2), alone + 2);
        config.dns.listen.push("127.0.0.1:9".parse().unwrap());
        assert_eq!(fixed(&config, 3), alone + 2 + 4 + 2);
    }

    fn wanted() -> impl Strategy<Value = Shares> {
        let few = || prop_oneof![1_usize..20, 1_usize..20_000];
        (few(), few(), few(), few(), few()).prop_map(|(in_flight, tcp, t, http, h)| Shares {
            in_flight,
            tcp: limits(tcp, t),
            http: limits(http, h),
        })
    }

    proptest! {
        #[test]
        fn the_shares_are_never_more_than_there_is_and_nobody_has_none(
            open_files in prop_oneof![0_usize..200, 0_usize..100_000, Just(usize::MAX)],
            fixed in 0_usize..300,
            of_a_check in 1_usize..4,
            wanted in wanted(),
        ) {
            let Ok(shares) = share(open_files, (fixed, of_a_check), wanted) else {
                prop_assert!(open_files < fixed + LEAST + 2 * of_a_check);
                return Ok(());
            };
            let checks = shares.in_flight * of_a_check;
            prop_assert!(fixed + checks + shares.tcp.max + shares.http.max <= open_files);
            for (share, wanted) in [(shares.tcp, wanted.tcp), (shares.http, wanted.http)] {
                prop_assert!(share.max >= 1 && share.max <= wanted.max);
                let of_a_client = share.max_per_client;
                prop_assert!(of_a_client >= 1 && of_a_client <= wanted.max_per_client);
                prop_assert!(share == wanted || share.max < 2 || of_a_client < share.max);
            }
            prop_assert!(shares.in_flight >= 1 && shares.in_flight <= wanted.in_flight);
        }

        #[test]
        fn a_higher_limit_takes_nothing_away(
            open_files in 60_usize..30_000, more in 0_usize..30_000, wanted in wanted(),
        ) {
            let all = |open_files| {
                let shares = share(open_files, (40, 1), wanted).unwrap();
                [shares.in_flight, shares.tcp.max, shares.http.max]
            };
            let (less, more) = (all(open_files), all(open_files + more));
            prop_assert!(less.iter().zip(more).all(|(less, more)| *less <= more));
        }
    }
}
