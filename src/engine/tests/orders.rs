//! What operators order of instances, seen through `turn`.

use std::time::Duration;

use crate::engine::event::{Event, Ticket};
use crate::engine::tests::rig::{Rig, registered};
use crate::model::agent::{Act, Order, Refusal, Write};
use crate::model::health::Verdict;

const TWO: &str = "[[service]]\nname = 'web'\nttl = '5s'\nwhen_unhealthy = 'all'\n\
    instance = [{ id = 'web-1', address = '10.0.0.1', check = [{ ttl = '1h' }] },\n\
    { id = 'web-2', address = '10.0.0.2', check = [{ ttl = '1h' }] }]\n";
const HTTP: &str = r#"{"ID": "Web-7", "Name": "web", "Address": "10.0.0.7"}"#;
const DOWN: Act = Act::Force { up: false, lasting: Some(Duration::from_secs(600)) };
const UP: Act = Act::Force { up: true, lasting: None };

fn order(id: &str, act: Act) -> Write {
    let (service, reason, who) = ("web".to_owned(), "repairs".to_owned(), "10.9.9.9".to_owned());
    Write::Order(Box::new(Order { service, id: id.to_owned(), act, reason, who }))
}

fn maintenance(id: &str, reason: Option<&str>) -> Write {
    Write::Maintenance { service: id.into(), reason: reason.map(str::to_owned) }
}

/// Two instances that pass.
fn rig() -> Rig {
    let mut rig = Rig::new(TWO, Vec::new());
    for id in ["service:web-1", "service:web-2"] {
        rig.beat(id, Verdict::Passing).unwrap();
    }
    rig
}

#[test]
fn maintenance_beats_force_and_force_beats_a_drain() {
    let mut rig = rig();
    for (act, state, served) in [
        (Act::Drain, "drained", 1),
        (DOWN, "forced_down", 1),
        (UP, "forced_up", 2),
        (Act::Maintenance { on: true }, "maintenance", 1),
        (Act::Follow, "maintenance", 1),
        (Act::Maintenance { on: false }, "drained", 1),
        (Act::Undrain, "passing", 2),
    ] {
        rig.write(order("web-1", act)).unwrap();
        assert_eq!(rig.states()[0], format!("web-1 {state} Passing"), "{act:?}");
        assert_eq!(rig.answer(), (served, if state == "forced_up" { 1 } else { 5 }), "{act:?}");
    }
    assert!(rig.lines.is_empty());
}

#[test]
fn why_and_until_when_stands_in_the_report() {
    let mut rig = rig();
    rig.write(order("web-1", DOWN)).unwrap();
    let why = rig.world.report().services[0].instances[0].why.clone();
    assert_eq!(why, "forced_down: repairs (until 1970-01-01T00:26:40Z, by 10.9.9.9)");
    rig.write(order("web-1", Act::Maintenance { on: true })).unwrap();
    let why = rig.world.report().services[0].instances[0].why.clone();
    assert_eq!(why, "maintenance: repairs (by 10.9.9.9)");
}

#[test]
fn force_beats_the_checks_until_it_expires() {
    let mut rig = rig();
    rig.write(order("web-1", DOWN)).unwrap();
    rig.beat("service:web-1", Verdict::Passing).unwrap();
    rig.wait(599_999);
    assert_eq!(rig.answer().0, 1);
    let effects = rig.wait(1);
    assert_eq!(rig.answer().0, 2);
    assert_eq!(effects.iter().flat_map(|effects| &effects.ordered).count(), 1);
    rig.wait(2_000);
    assert!(rig.lines.is_empty(), "{:?}", rig.lines);
    rig.write(order("web-1", UP)).unwrap();
    rig.beat("service:web-1", Verdict::Critical).unwrap();
    assert_eq!(rig.answer(), (2, 1));
}

#[test]
fn no_policy_serves_what_is_in_maintenance_or_drained_and_force_down_is_critical() {
    let mut rig = rig();
    rig.write(order("web-1", Act::Maintenance { on: true })).unwrap();
    rig.write(order("web-2", Act::Drain)).unwrap();
    assert_eq!(rig.answer().0, 0);
    let named = |rig: &Rig, place| {
        let zone = rig.snapshot.zones.values().next().unwrap();
        zone.service("web").unwrap().named(place).count()
    };
    assert_eq!((named(&rig, 0), named(&rig, 1)), (0, 1));
    rig.write(order("web-1", Act::Maintenance { on: false })).unwrap();
    rig.write(order("web-1", DOWN)).unwrap();
    assert_eq!(rig.answer().0, 1, "the policy is to answer with all");
}

#[test]
fn a_drain_deregisters_once_nobody_can_hold_an_answer() {
    let mut rig = rig();
    rig.write(registered(HTTP)).unwrap();
    assert_eq!(rig.answer().0, 3);
    rig.write(order("Web-7", Act::Drain)).unwrap();
    assert_eq!(rig.answer().0, 2);
    let early = rig.wait(4_999);
    assert!(early.iter().all(|effects| effects.keep.now.is_empty()));
    let due = rig.wait(1);
    assert!(due.iter().any(|effects| !effects.keep.now.is_empty()));
    rig.feed(Event::Stored(Ok(())));
    assert_eq!(rig.states().len(), 2);
    rig.write(registered(HTTP)).unwrap();
    assert_eq!(rig.answer().0, 3, "a new instance");

    rig.write(order("web-2", Act::Drain)).unwrap();
    rig.wait(60_000);
    assert_eq!((rig.states().len(), rig.answer().0), (3, 2), "a file names it");
}

#[test]
fn a_drained_instance_that_registers_again_is_out_to_the_end_of_the_drain_and_then_served() {
    let mut rig = rig();
    rig.write(registered(HTTP)).unwrap();
    rig.write(order("web-7", Act::Drain)).unwrap();
    rig.wait(1_000);
    rig.write(registered(HTTP)).unwrap();
    assert_eq!(rig.answer().0, 2);
    let meanwhile = rig.wait(3_999);
    assert!(meanwhile.iter().all(|effects| effects.keep.now.is_empty()));
    assert_eq!(rig.answer().0, 2);
    rig.wait(1);
    assert_eq!((rig.answer().0, rig.states().len()), (3, 3));
    rig.wait(10_000);
    assert_eq!((rig.answer().0, rig.states().len()), (3, 3));
}

#[test]
fn a_changed_registration_ends_the_drain() {
    let mut rig = rig();
    rig.write(registered(HTTP)).unwrap();
    rig.write(order("web-7", Act::Drain)).unwrap();
    rig.write(registered(&HTTP.replace("10.0.0.7", "10.0.0.8"))).unwrap();
    assert_eq!(rig.answer().0, 3);
    rig.wait(10_000);
    assert_eq!(rig.answer().0, 3);
}

#[test]
fn orders_survive_a_restart_and_an_absence_of_three_days() {
    let mut rig = rig();
    rig.write(registered(HTTP)).unwrap();
    for (id, act) in [("web-1", Act::Maintenance { on: true }), ("web-7", DOWN), ("web-7", UP)] {
        rig.write(order(id, act)).unwrap();
    }
    let mut again = Rig::again(TWO, rig.kept.clone(), rig.lines.clone());
    assert_eq!(again.answer().0, 1);
    assert_eq!(again.states()[0], "web-1 maintenance Passing");
    again.write(registered(HTTP)).unwrap();
    assert!(again.states()[2].contains("forced_up"), "{:?}", again.states());
    again.write(Write::Deregister("Web-7".into())).unwrap();
    again.wait(72 * 3_600_000 - 1_000);
    again.write(registered(HTTP)).unwrap();
    assert!(again.states()[2].contains("forced_up"), "{:?}", again.states());
    again.write(Write::Deregister("Web-7".into())).unwrap();
    again.wait(72 * 3_600_000 + 1_000);
    again.write(registered(HTTP)).unwrap();
    assert!(again.states()[2].contains("unchecked"), "{:?}", again.states());
}

#[test]
fn an_order_that_is_not_kept_is_not_in_force() {
    let mut rig = rig();
    let effects = crate::engine::turn::turn(
        &mut rig.world,
        Event::Writes(vec![(Ticket(99), order("web-1", DOWN))]),
        rig.now,
    );
    assert!(effects.keep.orders.is_some() && effects.answers.is_empty());
    let effects = rig.feed(Event::Ordered(Err("no space left".to_owned())));
    assert!(matches!(effects.answers[..], [(Ticket(99), Err(Refusal::NotStored(_)))]));
    assert_eq!(rig.answer().0, 2);
}

#[test]
fn maintenance_by_id_finds_the_one_instance_with_it_whoever_registered_it() {
    let mut rig = rig();
    rig.write(registered(HTTP)).unwrap();
    rig.write(maintenance("Web-7", Some("first"))).unwrap();
    rig.write(maintenance("Web-7", Some("second"))).unwrap();
    rig.write(maintenance("web-1", Some(""))).unwrap();
    assert_eq!(rig.answer().0, 1);
    let whys = rig.world.report().services.remove(0).instances;
    assert_eq!(whys[0].why, "maintenance: no reason given");
    assert_eq!(whys[2].why, "maintenance: first");
    rig.write(maintenance("Web-7", None)).unwrap();
    assert_eq!(rig.answer().0, 2);
    let unknown = rig.write(maintenance("nobody", Some(""))).unwrap_err();
    assert_eq!(unknown, Refusal::UnknownService("nobody".to_owned()));
    let missing = rig.write(order("web-9", DOWN)).unwrap_err();
    assert!(matches!(missing, Refusal::NoInstance { .. }));
}
