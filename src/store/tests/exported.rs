//! An export a minute at most, and only when something has changed.

use std::fs;
use std::time::Duration;

use super::{commit, sound};
use crate::model::time::Instant;
use crate::store::database::Database;
use crate::store::export::Exporter;
use crate::store::registrations::{Op, Table};

fn at(seconds: u64) -> Instant {
    Instant(Duration::from_secs(seconds))
}

#[test]
fn an_export_is_written_a_minute_after_the_first_change_and_then_when_something_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    let database = Database::create(&folder.path().join("database")).unwrap();
    let mut exporter = Exporter::new(path.clone());
    assert_eq!(exporter.due(), None);
    exporter.changed(at(0));
    exporter.changed(at(50));
    exporter.tick(at(59), Some(&database));
    exporter.finish(None);
    assert!(!path.exists());
    exporter.tick(at(60), Some(&database));
    exporter.finish(None);
    assert!(path.exists());
    assert_eq!(exporter.due(), Some(at(120)));
    exporter.tick(at(120), Some(&database));
    assert_eq!(exporter.due(), None, "nothing has changed since");
}

#[test]
fn heartbeats_cause_no_export() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = sound(folder.path());
    commit(&store, vec![Op::new(Table::Beats, "b", Some("1"))]).unwrap();
    drop(store);
    assert!(!folder.path().join("registrations.export").exists());
}

#[test]
fn a_failed_export_is_tried_again_and_the_old_one_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export");
    let database = Database::create(&folder.path().join("database")).unwrap();
    let mut exporter = Exporter::new(path.clone());
    fs::write(&path, "old").unwrap();
    let obstacle = folder.path().join("export.new");
    fs::create_dir(&obstacle).unwrap();
    exporter.changed(at(0));
    exporter.tick(at(60), Some(&database));
    exporter.finish(Some(&database));
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    fs::remove_dir(&obstacle).unwrap();
    exporter.finish(Some(&database));
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
}
