//! What readers over HTTP wait for changes with what they see, and with nothing else.

use crate::engine::tests::rig::{Rig, registered};
use crate::model::agent::Write;
use crate::model::health::Verdict;

/// The instance as a whole is critical before its heartbeats say so.
const FILE: &str = "[[service]]\nname = 'web'\n\
    check = [{ tcp = true, interval = '1h' }, { id = 'beat', ttl = '30s' }]\n\
    instance = [{ id = 'web-1', address = '10.0.0.1', port = 80 }]\n\
    [[service]]\nname = 'told'\ncheck = [{ id = 'told', ttl = '30s' }]\n\
    instance = [{ id = 'told-1', address = '10.0.0.2' }]\n";

impl Rig {
    fn changed(&self, service: &str) -> u64 {
        let zone = self.snapshot.zones.values().next().unwrap();
        zone.service(service).map_or(zone.changes.removed, |view| view.changed)
    }

    fn names_changed(&self) -> u64 {
        self.snapshot.zones.values().next().unwrap().changes.names
    }
}

#[test]
fn a_suspect_is_shown_as_passing_and_a_critical_one_is_a_change() {
    let mut rig = Rig::new(FILE, Vec::new());
    rig.beat("told", Verdict::Passing).unwrap();
    let passing = rig.changed("told");
    assert_eq!(passing, rig.snapshot.generation);
    rig.wait(20_000);
    assert!(rig.snapshot.generation > passing, "it is suspect, and its TTL is shorter");
    assert_eq!(rig.changed("told"), passing);
    rig.wait(10_000);
    assert_eq!(rig.changed("told"), rig.snapshot.generation);
}

#[test]
fn a_check_that_says_something_else_is_a_change_though_its_instance_stays_critical() {
    let mut rig = Rig::new(FILE, Vec::new());
    rig.wait(10_000);
    let (before, names, others) = (rig.changed("web"), rig.names_changed(), rig.changed("told"));
    rig.beat("beat", Verdict::Passing).unwrap();
    let after = rig.changed("web");
    assert!(after > before);
    rig.beat("beat", Verdict::Passing).unwrap();
    assert_eq!((rig.changed("web"), rig.changed("told")), (after, others));
    assert_eq!(rig.names_changed(), names);
}

#[test]
fn what_answers_do_not_show_is_a_change_too() {
    let mut rig = Rig::new(FILE, Vec::new());
    let service = |notes: &str, tag: &str| {
        registered(&format!(
            r#"{{"Name": "api", "Address": "10.0.0.3", "Tags": ["{tag}"],
                "Check": {{"TTL": "30s", "Notes": "{notes}"}}}}"#
        ))
    };
    rig.write(service("", "a")).unwrap();
    let (first, names) = (rig.changed("api"), rig.names_changed());
    rig.write(service("see the manual", "a")).unwrap();
    let second = rig.changed("api");
    assert!(second > first);
    assert_eq!(rig.names_changed(), names);
    rig.write(service("see the manual", "A")).unwrap();
    assert!(rig.changed("api") > second && rig.names_changed() > names, "as it is written");
    let last = rig.snapshot.generation;
    rig.write(service("see the manual", "A")).unwrap();
    assert_eq!(rig.snapshot.generation, last);
    rig.write(Write::Deregister("api".into())).unwrap();
    assert_eq!(rig.changed("api"), rig.snapshot.generation);
}
