//! Many files at once, and disks that hang.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use tempfile::TempDir;

use crate::sources::files::io_pool::{self, Order, Outcome, Perform};
use crate::sources::files::watch_rig::Rig;

const MANY: usize = 1_000;

fn one_zone() -> TempDir {
    let top = tempfile::tempdir().unwrap();
    fs::create_dir_all(top.path().join("zones/a.b")).unwrap();
    top
}

/// Renames a file of its own over each of [`MANY`].
fn rename_over_each(zone: &Path, text: &str) {
    for number in 0..MANY {
        let scratch = zone.join("scratch~");
        fs::write(&scratch, text).unwrap();
        fs::rename(&scratch, zone.join(format!("{number}.toml"))).unwrap();
    }
}

fn all_say(rig: &Rig, text: &str) -> bool {
    rig.told.len() == MANY && rig.told.values().all(|told| told == text)
}

#[test]
fn a_thousand_files_renamed_over_are_all_told_at_once() {
    let mut rig = Rig::watching(one_zone(), "zones", 4096);
    for text in ["one", "two"] {
        rename_over_each(&rig.zone(), text);
        rig.at_once(|rig| all_say(rig, text));
    }
}

#[test]
fn a_queue_that_overflows_is_made_good_by_a_rescan() {
    let mut rig = Rig::watching(one_zone(), "zones", 1);
    for text in ["one", "two"] {
        rename_over_each(&rig.zone(), text);
        rig.later(|rig| all_say(rig, text));
    }
    // Nor does a writer whose close was lost keep its file waiting for a minute.
    for number in 0..MANY {
        fs::write(rig.zone().join(format!("{number}.toml")), "in place").unwrap();
    }
    rig.later(|rig| all_say(rig, "in place"));
}

/// A disk on which what lies at paths with "hang" in them does not answer until it is let go.
#[derive(Default)]
struct Disk {
    gate: Mutex<Gate>,
    changed: Condvar,
}

#[derive(Default)]
struct Gate {
    open: bool,
    waiting: Vec<String>,
}

impl Disk {
    fn perform(self: &Arc<Self>) -> Arc<Perform> {
        let disk = Arc::clone(self);
        Arc::new(move |order: &Order| disk.pass(order))
    }

    fn pass(&self, order: &Order) -> Outcome {
        let path = order.path.to_str().unwrap().to_owned();
        if path.contains("hang") {
            let mut gate = self.gate.lock().unwrap();
            assert!(!gate.waiting.contains(&path), "{path} is being read already");
            gate.waiting.push(path.clone());
            self.changed.notify_all();
            gate = self.changed.wait_while(gate, |gate| !gate.open).unwrap();
            gate.waiting.retain(|waiting| *waiting != path);
        }
        io_pool::perform(order)
    }

    fn await_one(&self) {
        let gate = self.gate.lock().unwrap();
        drop(self.changed.wait_while(gate, |gate| gate.waiting.is_empty()).unwrap());
    }

    fn answer(&self) {
        self.gate.lock().unwrap().open = true;
        self.changed.notify_all();
    }
}

#[test]
fn a_file_that_hangs_holds_up_nothing_else_is_complained_of_and_comes_in_the_end() {
    let disk = Arc::new(Disk::default());
    let mut rig = Rig::on_disk(one_zone(), "zones", 4096, disk.perform());
    let zone = rig.zone();
    fs::write(zone.join("web.toml"), "one").unwrap();
    rig.at_once(|rig| rig.says("a.b/web.toml", "one"));
    for number in 0..5 {
        fs::write(zone.join(format!("hang{number}.toml")), "late").unwrap();
    }
    disk.await_one();
    // Another zone, and one that comes only now.
    fs::create_dir(rig.zones_dir.join("c.d")).unwrap();
    fs::write(rig.zones_dir.join("c.d/db.toml"), "db").unwrap();
    rig.later(|rig| rig.says("c.d/db.toml", "db"));
    fs::write(rig.zones_dir.join("c.d/db.toml"), "changed").unwrap();
    rig.later(|rig| rig.says("c.d/db.toml", "changed"));
    rig.later(|rig| !rig.troubles.is_empty());
    assert!(rig.troubles[0].message.contains("does not respond"), "{:?}", rig.troubles);
    disk.answer();
    rig.later(|rig| (0..5).all(|number| rig.says(&format!("a.b/hang{number}.toml"), "late")));
    rig.later(|rig| rig.troubles.is_empty());
    assert_eq!(rig.gone, []);
}

#[test]
fn a_folder_that_hangs_holds_up_no_other_and_not_the_end() {
    let disk = Arc::new(Disk::default());
    let mut rig = Rig::on_disk(one_zone(), "zones", 4096, disk.perform());
    fs::create_dir(rig.zones_dir.join("hang.d")).unwrap();
    disk.await_one();
    fs::write(rig.zone().join("web.toml"), "one").unwrap();
    rig.later(|rig| rig.says("a.b/web.toml", "one"));
    rig.handle.join().unwrap();
}

#[test]
fn a_start_waits_a_few_seconds_for_a_disk_and_then_goes_on_without_it() {
    let disk = Arc::new(Disk::default());
    let top = one_zone();
    fs::write(top.path().join("zones/a.b/hang.toml"), "late").unwrap();
    fs::write(top.path().join("zones/a.b/web.toml"), "one").unwrap();
    let mut rig = Rig::on_disk(top, "zones", 4096, disk.perform());
    assert!(rig.says("a.b/web.toml", "one"));
    assert_eq!(rig.told.len(), 1);
    disk.answer();
    rig.later(|rig| rig.says("a.b/hang.toml", "late"));
}
