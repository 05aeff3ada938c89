//! Asks one instance once, and says what that is evidence of.
//!
//! Nothing is kept of an instance between two runs: no client, no pool, no task. What is shared is
//! the TLS configurations, which belong to options and not to instances.

mod connect;
mod fault;
mod grpc;
mod http;
mod network;
mod overheard;
mod resolve;
mod script;
mod tcp;
#[cfg(test)]
pub(in crate::health::checks) mod tests;
mod tls;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};

use crate::health::checks::connect::Route;
use crate::model::check::{
    CheckTarget, HttpCheck, Policy, Probe, Protocol, Question, ScriptCheck, Sources, Subject,
    TlsOptions,
};
use crate::model::health::{Finding, Outcome};

/// Whether the files that a check over TLS names can be used; the error is for people. Files that cannot
/// be read are told by whoever reads the registration.
pub fn files_of_tls(options: &TlsOptions) -> Result<(), String> {
    tls::try_files(options)
}

/// Runs checks. A clone shares the TLS configurations, the threads that resolve names and the
/// places of scripts.
#[derive(Clone, Debug, Default)]
pub struct Runner {
    tls: Arc<tls::store::Store>,
    resolver: resolve::Resolver,
    places: script::Slots,
}

impl Runner {
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a run does nothing but wait for the far side: it asks in the clear, at an address, in
    /// a protocol of few octets.
    pub fn only_waits(probe: &Probe) -> bool {
        in_the_clear(&probe.question).is_some()
    }

    /// Asks once, within the policy's timeout. Dropping the future closes the connection, or kills
    /// the script with all that it started.
    pub async fn run(&self, probe: &Probe) -> Outcome {
        if let Some((plain, target)) = in_the_clear(&probe.question) {
            return run_in_the_clear(plain, target, probe.sources, &probe.policy).await;
        }
        // What the others need is large, and those above are many: they need not make room for it.
        Box::pin(self.run_any(probe)).await
    }

    async fn run_any(&self, probe: &Probe) -> Outcome {
        let asked = match &probe.question {
            Question::Network(protocol, target) => {
                self.run_network((protocol, target), probe.sources, &probe.policy).await
            }
            Question::Script(check, subject) => {
                self.run_script(check, subject, probe.policy.timeout).await
            }
        };
        asked.unwrap_or_else(|outcome| outcome)
    }

    async fn run_network(
        &self,
        (protocol, target): (&Protocol, &CheckTarget),
        sources: Sources,
        policy: &Policy,
    ) -> Result<Outcome, Outcome> {
        // Certificate files are ours to read: the instance's time begins with the connection.
        let client = self.tls_client(protocol, target);
        let tls = timeout(policy.timeout, client).await.map_err(|_| unread(policy.timeout))??;
        let (addresses, limit) = self.locate(target, policy.timeout).await?;
        let route = Route { addresses: &addresses, sources, limit };
        let asked = async {
            match protocol {
                Protocol::Http(check) => {
                    http::run((check, target), &policy.immediate_status, route, tls).await
                }
                Protocol::Tcp(_) => tcp::run(route, tls).await,
                // An HTTP/2 connection is large: the other checks need not make room for it.
                Protocol::Grpc(check) => Box::pin(grpc::run(check, target, route, tls)).await,
            }
        };
        Ok(within(limit, asked, || timed_out(limit, policy.timeout)).await)
    }

    /// Where the target is now, and what the resolver has left of the time.
    async fn locate(
        &self,
        target: &CheckTarget,
        limit: Duration,
    ) -> Result<(Vec<SocketAddr>, Duration), Outcome> {
        match target {
            CheckTarget::Address(address) => Ok((vec![*address], limit)),
            CheckTarget::Host { name, port } => {
                let found = self.resolver.resolve(name, *port, limit).await?;
                Ok((found.addresses, limit.saturating_sub(found.took)))
            }
        }
    }

    /// What the handshake needs; `None` for a check in the clear.
    async fn tls_client(
        &self,
        protocol: &Protocol,
        target: &CheckTarget,
    ) -> Result<Option<tls::Client>, Outcome> {
        let (options, host) = match protocol {
            Protocol::Http(check) => (&check.tls, check.host.as_deref()),
            Protocol::Tcp(check) => (&check.tls, None),
            Protocol::Grpc(check) => (&check.tls, check.authority.as_deref()),
        };
        let Some(options) = options else { return Ok(None) };
        let name = tls::server_name(options, host, target)?;
        let config = self.tls.config(options).await?;
        Ok(Some(tls::Client { config, name }))
    }

    async fn run_script(
        &self,
        check: &ScriptCheck,
        subject: &Subject,
        limit: Duration,
    ) -> Result<Outcome, Outcome> {
        // To start it is ours to do: its time begins when it runs.
        let start = self.places.start(check, subject);
        let process = timeout(limit, start).await.map_err(|_| {
            fault::ours(format!("the script did not start within {}", fault::shown(limit)))
        })??;
        Ok(within(limit, process.outcome(), || timed_out(limit, limit)).await)
    }
}

enum Plain<'a> {
    Http(&'a HttpCheck, &'a CheckTarget),
    Tcp,
}

fn in_the_clear(question: &Question) -> Option<(Plain<'_>, SocketAddr)> {
    let Question::Network(protocol, target @ CheckTarget::Address(address)) = question else {
        return None;
    };
    match protocol {
        Protocol::Http(check) if check.tls.is_none() => {
            Some((Plain::Http(check, target), *address))
        }
        Protocol::Tcp(check) if check.tls.is_none() => Some((Plain::Tcp, *address)),
        Protocol::Http(_) | Protocol::Tcp(_) | Protocol::Grpc(_) => None,
    }
}

async fn run_in_the_clear(
    plain: Plain<'_>,
    address: SocketAddr,
    sources: Sources,
    policy: &Policy,
) -> Outcome {
    let limit = policy.timeout;
    let addresses = [address];
    let route = Route { addresses: &addresses, sources, limit };
    let asked = async {
        match plain {
            Plain::Http(check, target) => {
                http::run((check, target), &policy.immediate_status, route, None).await
            }
            Plain::Tcp => tcp::run(route, None).await,
        }
    };
    // As `within` does, but that most need no timer: to set one wakes the poller by a system call
    // whenever it comes before all others.
    let start = Instant::now();
    let mut asked = pin!(asked);
    let answered = match soon(asked.as_mut()).await {
        Some(outcome) => Ok(outcome),
        None => timeout(limit.saturating_sub(start.elapsed()), asked).await,
    };
    settle(answered, start.elapsed(), limit, || timed_out(limit, limit))
}

/// What is there at once, or after all that is ready to go on has had its turn.
async fn soon<T>(mut asked: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    let mut looked = false;
    poll_fn(|context| match asked.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if std::mem::replace(&mut looked, true) => Poll::Ready(None),
        Poll::Pending => {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// The outcome that is there by the end of `limit`; else what it means that there was none.
async fn within(
    limit: Duration,
    asked: impl Future<Output = Result<Outcome, Outcome>>,
    late: impl FnOnce() -> Outcome,
) -> Outcome {
    let start = Instant::now();
    settle(timeout(limit, asked).await, start.elapsed(), limit, late)
}

fn settle(
    asked: Result<Result<Outcome, Outcome>, Elapsed>,
    elapsed: Duration,
    limit: Duration,
    late: impl FnOnce() -> Outcome,
) -> Outcome {
    let outcome = match asked {
        Ok(Ok(outcome) | Err(outcome)) => outcome,
        Err(_) => late(),
    };
    evidence(outcome, elapsed, limit)
}

/// An instance has failed that had at least half of the check's time for itself. When our resolver
/// took more, it did.
fn timed_out(had: Duration, limit: Duration) -> Outcome {
    if had < limit / 2 {
        return fault::ours(format!(
            "resolving the host name took most of {}",
            fault::shown(limit)
        ));
    }
    fault::theirs(format!("timed out after {}", fault::shown(limit)))
}

fn unread(limit: Duration) -> Outcome {
    let reason =
        format!("cannot read the certificate files within {} (local error)", fault::shown(limit));
    Outcome::new(Finding::Nothing, reason)
}

/// What is left of an outcome when the time is known at which it was noticed. A process that was
/// stopped or starved past its own timer has not given the instance its time, so a failure that
/// comes that late says nothing; a success says the same at any time.
fn evidence(outcome: Outcome, elapsed: Duration, limit: Duration) -> Outcome {
    let on_time = limit.saturating_add(LATENESS.max(limit / 4));
    match outcome.finding {
        Finding::Fail | Finding::FailAtOnce if elapsed > on_time => {
            Outcome::new(Finding::Nothing, "result ignored: livezone was delayed (local error)")
        }
        Finding::Fail | Finding::FailAtOnce => outcome,
        Finding::Pass | Finding::Warn | Finding::Nothing => outcome,
    }
}

/// A busy machine's timers are late by some milliseconds: that alone is no reason to doubt.
const LATENESS: Duration = Duration::from_millis(100);

#[cfg(test)]
mod judgement {
    use super::*;

    fn after(finding: Finding, elapsed: u64, limit: u64) -> Finding {
        let (elapsed, limit) = (Duration::from_millis(elapsed), Duration::from_millis(limit));
        evidence(Outcome::new(finding, "as found"), elapsed, limit).finding
    }

    #[test]
    fn a_failure_noticed_much_too_late_is_no_evidence() {
        assert_eq!(after(Finding::Fail, 2501, 2000), Finding::Nothing);
        assert_eq!(after(Finding::FailAtOnce, 2501, 2000), Finding::Nothing);
        assert_eq!(after(Finding::Fail, 201, 100), Finding::Nothing);
    }

    #[test]
    fn a_failure_a_little_late_counts() {
        assert_eq!(after(Finding::Fail, 2500, 2000), Finding::Fail);
        assert_eq!(after(Finding::Fail, 200, 100), Finding::Fail);
        assert_eq!(after(Finding::FailAtOnce, 1, 2000), Finding::FailAtOnce);
    }

    #[test]
    fn a_success_counts_however_late() {
        assert_eq!(after(Finding::Pass, 60_000, 2000), Finding::Pass);
        assert_eq!(after(Finding::Warn, 60_000, 2000), Finding::Warn);
        assert_eq!(after(Finding::Nothing, 60_000, 2000), Finding::Nothing);
    }

    #[test]
    fn a_timeout_after_a_slow_resolver_is_no_evidence() {
        let after = |had| timed_out(Duration::from_millis(had), Duration::from_secs(2)).finding;
        assert_eq!(after(2000), Finding::Fail);
        assert_eq!(after(1000), Finding::Fail);
        assert_eq!(after(999), Finding::Nothing);
        assert_eq!(after(0), Finding::Nothing);
    }

    #[test]
    fn the_longest_timeout_does_not_overflow() {
        let outcome = Outcome::new(Finding::Fail, "as found");
        assert_eq!(evidence(outcome.clone(), Duration::MAX, Duration::MAX), outcome);
    }

    /// Ready at this look, and how often it was looked at.
    async fn looks_of_soon(ready_at: u32) -> (Option<&'static str>, u32) {
        let mut looks = 0;
        let mut asked = pin!(poll_fn(|_| {
            looks += 1;
            if looks == ready_at { Poll::Ready("answered") } else { Poll::Pending }
        }));
        let found = soon(asked.as_mut()).await;
        (found, looks)
    }

    #[tokio::test]
    async fn an_answer_is_looked_for_twice_before_a_timer_is_set() {
        assert_eq!(looks_of_soon(1).await, (Some("answered"), 1));
        assert_eq!(looks_of_soon(2).await, (Some("answered"), 2));
        assert_eq!(looks_of_soon(3).await, (None, 2));
    }
}
