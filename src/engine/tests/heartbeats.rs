//! Checks that wait for heartbeats, and what is critical for too long, seen through `turn`.

use crate::engine::event::Event;
use crate::engine::tests::rig::{Rig, registered};
use crate::model::agent::{Refusal, Write};
use crate::model::health::Verdict;
use crate::sources::consul::api::body;

const FILE: &str = "[[service]]\nname = 'web'\ncheck = [{ ttl = '30s' }]\n\
    instance = [{ id = 'web-1', address = '10.0.0.1' }]\n";

#[test]
fn a_heartbeat_serves_an_instance_until_its_ttl_and_suspect_from_two_thirds_on() {
    let mut rig = Rig::new(FILE, Vec::new());
    assert_eq!(rig.states(), ["web-1 unknown "]);
    assert_eq!(rig.answer().0, 0);
    rig.beat("ttl", Verdict::Passing).unwrap();
    assert_eq!(rig.states(), ["web-1 passing Passing"]);
    assert_eq!(rig.answer(), (1, 5));
    rig.wait(19_999);
    assert_eq!(rig.states(), ["web-1 passing Passing"]);
    rig.wait(1);
    assert_eq!(rig.states(), ["web-1 suspect Passing"]);
    assert_eq!(rig.answer(), (1, 1));
    rig.wait(9_999);
    assert_eq!(rig.answer(), (1, 1));
    rig.wait(1);
    assert_eq!(rig.states(), ["web-1 critical TTL expired"]);
    assert_eq!(rig.answer().0, 0);
    rig.beat("service:web-1", Verdict::Warning).unwrap();
    assert_eq!(rig.states(), ["web-1 warning Warning"]);
    rig.beat("ttl", Verdict::Critical).unwrap();
    assert_eq!(rig.states(), ["web-1 critical Critical"]);
}

#[test]
fn heartbeats_put_off_the_end_and_wake_nobody_needlessly() {
    let mut rig = Rig::new(FILE, Vec::new());
    for _ in 0..100 {
        rig.beat("ttl", Verdict::Passing).unwrap();
        rig.wait(15_000);
        assert_eq!(rig.states(), ["web-1 passing Passing"]);
    }
    let turns = rig.wait(5_000).len();
    assert!(turns <= 2, "{turns}");
    assert_eq!(rig.states(), ["web-1 suspect Passing"]);
    rig.beat("ttl", Verdict::Passing).unwrap();
    rig.wait(19_999);
    assert_eq!(rig.states(), ["web-1 passing Passing"]);
}

#[test]
fn a_heartbeat_for_what_waits_for_none_is_refused_and_one_for_several_says_what_to_write() {
    let two = "[[service]]\nname = 'web'\ncheck = [{ ttl = '30s' }]\n\
        instance = [{ id = 'web-1', address = '10.0.0.1' }, { id = 'web-2', address = '10.0.0.2' }]\n";
    let mut rig = Rig::new(two, Vec::new());
    let unknown = rig.beat("nobody", Verdict::Passing).unwrap_err();
    assert_eq!(unknown.to_string(), "CheckID \"nobody\" does not have associated TTL");
    let several = rig.beat("ttl", Verdict::Passing).unwrap_err().to_string();
    assert!(several.contains("\"service:\""), "{several}");
    rig.beat("service:web-2", Verdict::Passing).unwrap();
    assert_eq!(rig.states(), ["web-1 unknown ", "web-2 passing Passing"]);
}

#[test]
fn after_a_restart_what_was_up_is_suspect_for_two_ttls_and_what_was_critical_stays_so() {
    let mut rig = Rig::new(FILE, Vec::new());
    rig.beat("ttl", Verdict::Passing).unwrap();
    rig.wait(1_000);
    let kept = rig.kept.clone();
    assert_eq!(kept.len(), 1);
    rig.wait(60_000);
    assert!(rig.kept[0].1.contains("TTL expired"), "{:?}", rig.kept);

    let mut again = Rig::new(FILE, kept);
    assert_eq!(again.states(), ["web-1 suspect Passing"]);
    assert!(again.world.is_ready() && again.answer() == (1, 1));
    again.wait(59_999);
    assert_eq!(again.answer(), (1, 1));
    again.wait(1);
    assert_eq!(again.states(), ["web-1 critical TTL expired"]);
    let critical = rig.kept.clone();
    let mut again = Rig::new(FILE, critical);
    assert_eq!(again.states(), ["web-1 critical TTL expired"]);
    again.beat("ttl", Verdict::Passing).unwrap();
    assert_eq!(again.answer(), (1, 5));

    let mut without = Rig::new("", rig.kept.clone());
    without.wait(2_000);
    assert!(without.kept.is_empty(), "nobody waits for it: {:?}", without.kept);
}

const HTTP: &str = r#"{"ID": "web-7", "Name": "web", "Address": "10.0.0.7", "Port": 80, "Check":
    {"TCP": "localhost:80", "Interval": "10s", "DeregisterCriticalServiceAfter": "90s"}}"#;

#[test]
fn what_is_registered_over_http_is_deregistered_to_the_second_when_it_stays_critical() {
    let mut rig = Rig::new("", Vec::new());
    rig.write(registered(HTTP)).unwrap();
    rig.wait(89_990);
    assert_eq!(rig.states().len(), 1);
    let effects = rig.wait(20);
    assert!(effects.iter().any(|effects| !effects.keep.now.is_empty()));
    assert_eq!(rig.states(), ["web-7 removed refused"]);
    rig.feed(Event::Stored(Err("no space left".to_owned())));
    assert_eq!(rig.states().len(), 1);
    rig.write(registered(&HTTP.replace("web-7", "web-8"))).unwrap();
    assert_eq!(rig.states(), ["web-8 unknown "], "it went with the next batch");
}

#[test]
fn a_files_instance_that_stays_critical_is_removed_whatever_the_policy_until_it_passes() {
    let file = "[[service]]\nname = 'web'\nwhen_unhealthy = 'all'\n\
        check = [{ ttl = '10s', deregister_critical_service_after = '1m' }]\n\
        instance = [{ id = 'web-1', address = '10.0.0.1' }]\n";
    let mut rig = Rig::new(file, Vec::new());
    rig.beat("ttl", Verdict::Passing).unwrap();
    rig.wait(69_999);
    assert_eq!((rig.states(), rig.answer().0), (vec!["web-1 critical TTL expired".to_owned()], 1));
    let effects = rig.wait(1);
    assert!(effects.iter().all(|effects| effects.keep.now.is_empty()), "it is the file's");
    assert_eq!((rig.states(), rig.answer().0), (vec!["web-1 removed TTL expired".to_owned()], 0));
    rig.beat("ttl", Verdict::Passing).unwrap();
    assert_eq!((rig.states(), rig.answer().0), (vec!["web-1 passing Passing".to_owned()], 1));
}

#[test]
fn a_service_and_its_checks_are_registered_step_by_step() {
    let mut rig = Rig::new("", Vec::new());
    let check = |text: &str| Write::RegisterCheck(Box::new(body::check(text.as_bytes()).unwrap()));
    let own = r#"{"ID": "beat", "Name": "beat", "ServiceID": "web-1", "TTL": "30s"}"#;
    assert_eq!(rig.write(check(own)).unwrap_err(), Refusal::UnknownService("web-1".to_owned()));
    rig.write(registered(r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.1"}"#)).unwrap();
    assert_eq!(rig.answer().0, 1, "no check");
    rig.write(check(own)).unwrap();
    rig.beat("beat", Verdict::Critical).unwrap();
    assert_eq!(rig.answer().0, 0);
    rig.write(registered(r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.9"}"#)).unwrap();
    assert_eq!(rig.answer().0, 0, "its check stays");
    rig.write(Write::DeregisterCheck("beat".into())).unwrap();
    assert_eq!(rig.answer().0, 1);
    rig.write(check(&own.replace("\"ID\": \"beat\"", "\"ID\": \"service:web-1\""))).unwrap();
    rig.beat("service:web-1", Verdict::Critical).unwrap();
    rig.write(Write::DeregisterCheck("service:web-1".into())).unwrap();
    let unknown = rig.write(Write::DeregisterCheck("beat".into())).unwrap_err();
    assert_eq!(unknown, Refusal::UnknownCheck("beat".to_owned()));
    rig.write(check(r#"{"ID": "node", "Name": "node", "TTL": "30s"}"#)).unwrap();
    assert_eq!(rig.states().len(), 1);
    rig.write(Write::Deregister("web-1".into())).unwrap();
    assert!(rig.states().is_empty());
}

#[test]
fn an_id_that_a_file_holds_is_the_files_whatever_its_service() {
    let other = "[[service]]\nname = 'db'\n\
        instance = [{ id = 'db-1', address = '10.0.0.2' }, { id = 'a', address = '10.0.0.3' }]\n";
    let mut rig = Rig::new(&format!("{FILE}{other}"), Vec::new());
    let held = |refusal: Result<(), Refusal>| match refusal.unwrap_err() {
        Refusal::Held { file, .. } => assert_eq!(file, "web.toml"),
        other => panic!("{other}"),
    };
    for id in ["web-1", "DB-1"] {
        let text = r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.9"}"#;
        held(rig.write(registered(&text.replace("web-1", id))));
        held(rig.write(Write::Deregister(id.into())));
        let check = r#"{"ID": "c", "Name": "c", "ServiceID": "ID", "TTL": "30s"}"#;
        let check = body::check(check.replace("ID\": \"ID", &format!("ID\": \"{id}")).as_bytes());
        held(rig.write(Write::RegisterCheck(Box::new(check.unwrap()))));
    }
    held(rig.beat("service:db-1", Verdict::Passing));
    held(rig.write(Write::DeregisterCheck("service:db-1".into())));
    rig.beat("service:web-1", Verdict::Passing).expect("the file waits for it");
    rig.file(FILE);
    rig.write(registered(r#"{"ID": "db-1", "Name": "web", "Address": "10.0.0.9"}"#)).unwrap();
}

#[test]
fn after_a_crash_a_check_registered_anew_says_nothing_of_an_earlier_one() {
    let mut rig = Rig::new("", Vec::new());
    let web = r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.1", "Check": {"TTL": "30s"}}"#;
    rig.write(registered(web)).unwrap();
    rig.beat("service:web-1", Verdict::Passing).unwrap();
    assert_eq!(rig.kept.len(), 1);
    // Within the second in which no heartbeats are kept.
    rig.write(Write::Deregister("web-1".into())).unwrap();
    assert_eq!(rig.kept.len(), 1);
    rig.write(registered(web)).unwrap();
    assert!(rig.kept.is_empty(), "{:?}", rig.kept);
}

fn check(text: &str) -> Write {
    Write::RegisterCheck(Box::new(body::check(text.as_bytes()).unwrap()))
}

fn web(id: &str) -> Write {
    registered(&format!(r#"{{"ID": "{id}", "Name": "web", "Address": "10.0.0.1"}}"#))
}

#[test]
fn a_check_of_the_node_is_one_for_instances_that_come_later_too() {
    let mut rig = Rig::new("", Vec::new());
    rig.write(check(r#"{"ID": "disk", "Name": "disk", "TTL": "30s"}"#)).unwrap();
    rig.beat("disk", Verdict::Passing).expect("no instance waits for it yet");
    rig.write(web("web-1")).unwrap();
    rig.beat("disk", Verdict::Passing).unwrap();
    rig.wait(10_000);
    rig.write(web("web-2")).unwrap();
    assert_eq!(rig.states(), ["web-1 passing Passing", "web-2 passing Passing"]);
    rig.wait(20_000);
    assert_eq!(rig.states(), ["web-1 critical TTL expired", "web-2 critical TTL expired"]);
}

#[test]
fn a_heartbeat_for_the_only_check_of_a_service_that_has_several_is_unknown() {
    let mut rig = Rig::new("", Vec::new());
    let two = r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.1",
        "Checks": [{"TTL": "30s"}, {"TTL": "30s"}]}"#;
    rig.write(registered(two)).unwrap();
    let unknown = rig.beat("service:web-1", Verdict::Passing).unwrap_err();
    assert_eq!(unknown, Refusal::NoTtl("service:web-1".to_owned()));
    rig.beat("service:web-1:1", Verdict::Passing).unwrap();
    rig.beat("service:web-1:2", Verdict::Passing).unwrap();
    assert_eq!(rig.answer().0, 1);
}

#[test]
fn what_a_heartbeat_said_stays_under_another_name() {
    let mut rig = Rig::new("", Vec::new());
    let web = r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.1", "Check": {"TTL": "30s"}}"#;
    rig.write(registered(web)).unwrap();
    rig.beat("service:web-1", Verdict::Warning).unwrap();
    for name in ["api", "zzz"] {
        rig.write(registered(&web.replace("\"web\"", &format!("\"{name}\"")))).unwrap();
        assert_eq!(rig.states(), ["web-1 warning Warning"], "{name}");
    }
    rig.wait(30_000);
    assert_eq!(rig.states(), ["web-1 critical TTL expired"]);
}

#[test]
fn what_could_not_be_served_or_is_too_much_is_refused() {
    let instance = |n: usize| format!("{{ id = 'f{n}', address = '10.0.0.1' }}");
    let instances: Vec<_> = (1..20_000).map(instance).collect();
    let file = format!("[[service]]\nname = 'web'\ninstance = [{}]\n", instances.join(", "));
    let mut rig = Rig::new(&file, Vec::new());
    rig.write(web("web-1")).unwrap();
    let words = rig.write(web("web-2")).unwrap_err().to_string();
    assert!(words.starts_with("service \"web\" has 20000 instances"), "{words}");
    let again = r#"{"ID": "web-1", "Name": "web", "Address": "10.0.0.2"}"#;
    rig.write(registered(again)).expect("it is there already");
    rig.file("");
    let of_node = |n: usize| check(&format!(r#"{{"ID": "n{n}", "Name": "n", "TTL": "30s"}}"#));
    (0..16).for_each(|n| rig.write(of_node(n)).unwrap());
    assert!(rig.write(of_node(16)).is_err());
}
