//! Orders stand in two files, and either suffices.

use std::fs;
use std::path::Path;

use super::{give_orders, opened};
use crate::store::registrations::{Opened, Problem};

const LINES: [&str; 3] = [r#"{"drain":"web-1"}"#, "", "second  "];

fn given(directory: &Path) {
    give_orders(&opened(directory).store, &["first"]).unwrap();
    give_orders(&opened(directory).store, &LINES).unwrap();
}

#[test]
fn the_last_orders_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    given(folder.path());
    let Opened { store, orders, problems, .. } = opened(folder.path());
    assert_eq!((&orders[..], &problems[..]), (&LINES.map(str::to_owned)[..], &[][..]));
    give_orders(&store, &[]).unwrap();
    drop(store);
    assert_eq!(opened(folder.path()).orders, [""; 0]);
}

#[test]
fn a_copy_that_is_missing_or_damaged_costs_nothing() {
    type Harm = fn(&Path);
    let harm: [(&str, Harm); 4] = [
        ("missing", |path| fs::remove_file(path).unwrap()),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("truncated", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, &text[..text.len() - 4]).unwrap();
        }),
        ("no text", |path| fs::write(path, [0xff; 100]).unwrap()),
    ];
    for name in ["orders.1", "orders.2"] {
        for (what, harm) in harm {
            let folder = tempfile::tempdir().unwrap();
            given(folder.path());
            harm(&folder.path().join(name));
            let Opened { orders, problems, .. } = opened(folder.path());
            assert_eq!(orders, LINES, "{name} {what}");
            let told = matches!(problems[..], [Problem::OrdersDamaged { .. }]);
            assert!(told || what == "missing", "{name} {what}: {problems:?}");
            let [first, second] = ["orders.1", "orders.2"].map(|n| fs::read(folder.path().join(n)));
            assert_eq!(first.unwrap(), second.unwrap(), "both are whole again");
        }
    }
}

#[test]
fn different_lines_damaged_in_both_copies_cost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    given(folder.path());
    for (name, from) in [("orders.1", "drain"), ("orders.2", "second")] {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace(from, "fiend")).unwrap();
    }
    let Opened { orders, problems, .. } = opened(folder.path());
    assert_eq!(orders, LINES);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn a_line_damaged_in_both_copies_is_dropped_and_told() {
    let folder = tempfile::tempdir().unwrap();
    given(folder.path());
    for name in ["orders.1", "orders.2"] {
        let path = folder.path().join(name);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("drain", "drein")).unwrap();
    }
    let Opened { orders, problems, .. } = opened(folder.path());
    assert_eq!(orders, LINES[1..]);
    assert_eq!(problems.last(), Some(&Problem::OrdersLost { lost: 1 }));
}

#[test]
fn a_crash_between_the_copies_leaves_the_old_orders_or_the_new() {
    let folder = tempfile::tempdir().unwrap();
    let second = folder.path().join("orders.2");
    give_orders(&opened(folder.path()).store, &["first"]).unwrap();
    let old = fs::read(&second).unwrap();
    give_orders(&opened(folder.path()).store, &LINES).unwrap();
    fs::write(&second, old).unwrap();
    assert_eq!(opened(folder.path()).orders, LINES);
}

#[test]
fn orders_that_were_refused_do_not_appear_later() {
    let folder = tempfile::tempdir().unwrap();
    let obstacle = folder.path().join("orders.2.new");
    let store = opened(folder.path()).store;
    give_orders(&store, &["first"]).unwrap();
    fs::create_dir(&obstacle).unwrap();
    let error = give_orders(&store, &LINES).unwrap_err().to_string();
    assert!(error.contains("orders.2"), "{error}");
    fs::remove_dir(&obstacle).unwrap();
    drop(store);
    let Opened { store, orders, .. } = opened(folder.path());
    assert_eq!(orders, ["first"]);
    give_orders(&store, &LINES).unwrap();
    assert!(give_orders(&store, &["two\nlines"]).is_err());
    drop(store);
    assert_eq!(opened(folder.path()).orders, LINES);
}
