//! Checks alone: what goes on over a change of what is registered, and what is run.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::checks::Checks;
use crate::engine::checks::check::{FirstOutcome, Method, Owner, Subject};
use crate::engine::event::Turn;
use crate::engine::evidence::Evidence;
use crate::health::scheduler::CheckId;
use crate::model::check::{
    AliasCheck, Check, CheckTarget, Kind, Policy, Probe, Protocol, Question, Sources, TcpCheck,
};
use crate::model::health::{Condition, Finding, Outcome};
use crate::model::name::{Label, Name};
use crate::model::service::ServiceKey;
use crate::model::time::Now;

fn check(id: &str, kind: Kind, policy: &Policy) -> Check {
    let (kind, policy) = (Arc::new(kind), Arc::new(policy.clone()));
    Check { id: id.into(), kind, policy, initial: None }
}

fn asked(port: u16, policy: &Policy) -> (Check, Method) {
    let tcp = TcpCheck { port: Some(port), tls: None };
    let check = check(&format!("tcp:{port}"), Kind::Tcp(tcp.clone()), policy);
    let target = CheckTarget::Address(([10, 0, 0, 1], port).into());
    let question = Question::Network(Protocol::Tcp(tcp), target);
    let probe = Probe { question, policy: Arc::clone(&check.policy), sources: Sources::default() };
    (check, Method::Asked(probe))
}

fn follows(id: &str) -> (Check, Method) {
    let check = check(id, Kind::Alias(AliasCheck::of(id)), &Policy::default());
    (check, Method::Follows(id.into()))
}

fn at(seconds: u64) -> Now {
    Now::default().after(Duration::from_secs(seconds))
}

struct Fixture {
    checks: Checks,
    turn: Turn,
    ids: Vec<CheckId>,
}

impl Fixture {
    fn new() -> Self {
        Self { checks: Checks::new(10, 1), turn: Turn::new(at(0)), ids: Vec::new() }
    }

    fn carry_over(&mut self, first_outcome: FirstOutcome, wanted: &[(Check, Method)]) {
        let zone = Name::parse("z.internal").unwrap();
        let service = Arc::new(ServiceKey { zone, name: Label::parse("web").unwrap() });
        let owner = Owner { service, place: 0, first_outcome };
        let wanted = wanted.iter().map(|(check, method)| (check, method.clone()));
        let old = std::mem::take(&mut self.ids);
        self.ids = self.checks.carry_over(&owner, wanted, old, &mut self.turn).into_vec();
    }

    /// One run of the check at `place`, which has begun.
    fn find(&mut self, place: usize, finding: Finding, reason: &str, seconds: u64) {
        self.checks.start_due(at(seconds).mono);
        let outcome = Outcome::new(finding, reason);
        let owner = self.checks.outcome(self.ids[place], &outcome, at(seconds));
        assert_eq!(
            owner.map(|(_, place)| place),
            Some(Subject::Target(0)),
            "something may follow from it"
        );
    }

    fn says(&self, place: usize) -> Option<(Condition, Option<&str>)> {
        let evidence = self.checks.get(self.ids[place]).unwrap().evidence()?;
        Some((evidence.condition, evidence.reason.as_deref()))
    }
}

#[test]
fn what_finds_out_the_same_goes_on_and_the_rest_is_ended() {
    let policy = Policy::default();
    let mut fixture = Fixture::new();
    let first = [asked(1, &policy), asked(2, &policy), follows("db")];
    fixture.carry_over(FirstOutcome::Awaited, &first);
    let before = fixture.ids.clone();
    fixture.find(0, Finding::Pass, "well", 1);
    let next = [follows("db"), asked(3, &policy), asked(1, &policy), follows("cache")];
    fixture.carry_over(FirstOutcome::Awaited, &next);
    let ids = &fixture.ids;
    assert_eq!((ids[0], ids[2]), (before[2], before[0]));
    assert!(!before.contains(&ids[1]) && !before.contains(&ids[3]));
    assert_eq!(fixture.says(2), Some((Condition::Passing, Some("well"))));
    assert_eq!(fixture.turn.effects.stop, [before[1]], "it ran");
    assert!(fixture.checks.get(before[1]).is_none());
}

#[test]
fn only_what_is_asked_is_run() {
    let policy = Policy::default();
    let mut fixture = Fixture::new();
    fixture.carry_over(FirstOutcome::Awaited, &[follows("db"), asked(1, &policy)]);
    let started: Vec<_> = fixture.checks.start_due(at(100).mono).iter().map(|s| s.id).collect();
    assert_eq!(started, [fixture.ids[1]]);
    assert_eq!((fixture.checks.count(), fixture.checks.running()), (1, 1));
    let outcome = Outcome::new(Finding::Fail, "of nobody");
    assert_eq!(fixture.checks.outcome(fixture.ids[0], &outcome, at(100)), None);
    assert_eq!(fixture.says(0), Some((Condition::Unknown, None)));
}

#[test]
fn what_is_new_to_something_served_has_a_say_once_it_has_found_something() {
    let policy = Policy::default();
    let mut fixture = Fixture::new();
    fixture.carry_over(FirstOutcome::Provisional, &[asked(1, &policy), follows("db")]);
    assert_eq!((fixture.says(0), fixture.says(1)), (None, None));
    assert!(!fixture.checks.are_heard(&fixture.ids));
    assert!(!fixture.checks.conclude(fixture.ids[1], Evidence::NOTHING_YET));
    assert_eq!(fixture.says(1), None);
    fixture.find(0, Finding::Fail, "refused", 1);
    assert_eq!(fixture.says(0), Some((Condition::Critical, Some("refused"))));
    assert!(fixture.checks.conclude(fixture.ids[1], Evidence::critical("gone".to_owned())));
    assert_eq!(fixture.says(1), Some((Condition::Critical, Some("gone"))));
    assert!(fixture.checks.are_heard(&fixture.ids));
}

#[test]
fn the_last_failure_is_the_reason_until_it_is_cleared() {
    let policy = Policy::default();
    let mut fixture = Fixture::new();
    fixture.carry_over(FirstOutcome::Awaited, &[asked(1, &policy)]);
    for (second, finding, reason) in
        [(0, Finding::Pass, "well"), (30, Finding::Fail, "refused"), (60, Finding::Pass, "again")]
    {
        fixture.find(0, finding, reason, second);
    }
    assert_eq!(fixture.says(0), Some((Condition::Suspect, Some("refused"))));
    let shown = fixture.checks.get(fixture.ids[0]).unwrap().shown();
    assert_eq!(shown.said().output.as_deref(), Some("again"));
    fixture.find(0, Finding::Pass, "well", 90);
    fixture.find(0, Finding::Pass, "better", 120);
    assert_eq!(fixture.says(0), Some((Condition::Passing, Some("better"))));
}

#[test]
fn new_thresholds_count_at_once_and_the_verdict_stays() {
    let policy = Policy::default();
    let mut fixture = Fixture::new();
    fixture.carry_over(FirstOutcome::Awaited, &[asked(1, &policy)]);
    fixture.find(0, Finding::Pass, "well", 0);
    fixture.find(0, Finding::Fail, "refused", 30);
    let warns =
        |fixture: &Fixture| fixture.checks.get(fixture.ids[0]).unwrap().evidence().unwrap().warning;
    assert!(!warns(&fixture));
    let stricter = Policy { failures_before_warning: 1, ..policy };
    fixture.carry_over(FirstOutcome::Awaited, &[asked(1, &stricter)]);
    assert!(warns(&fixture));
    assert_eq!(fixture.says(0), Some((Condition::Suspect, Some("refused"))));
}
