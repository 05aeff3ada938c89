//! docs/configuration.md says what is so: the program is asked about each key of it, and must have
//! no other. A new key needs a row in its table there and a line in the example below it.

mod kinds;
mod page;
mod places;
mod program;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use livezone::config::Config;
use livezone::server::reload::keep_fixed;

use crate::readme::configuration::page::{Row, Section, literal, sections, text};
use crate::readme::configuration::places::{KeyPlace, parent_and_key, place};
use crate::readme::configuration::program::{File, Program, advised, config};
use crate::root;
use crate::support::server::livezone;

/// Taken so that files made for Consul can be read, and without effect, as the page says.
const UNUSED: [&str; 2] = ["name", "notes"];

/// Nobody must write these, but their neighbours in places.rs need them.
const PAIRED: [&str; 3] = ["connect", "tls_cert_file", "tls_key_file"];

/// A value that is no word of any key, and a key that no table has.
const NOTHING: &str = "zzz";

/// Every row of a table of keys, with its section and where its key is written.
fn rows(sections: &[Section]) -> impl Iterator<Item = (&Section, KeyPlace, &Row)> {
    sections.iter().flat_map(|section| {
        let place = move |row| {
            let heading = &section.heading;
            let place = place(heading);
            let place = place.unwrap_or_else(|| panic!("add {heading:?} to places.rs"));
            (section, place, row)
        };
        section.keys.iter().map(place)
    })
}

/// What the page says there is: each table with each of its keys and of the tables within.
fn documented(sections: &[Section]) -> BTreeSet<(String, String)> {
    let mut keys: BTreeSet<_> =
        sections.iter().flat_map(|section| parent_and_key(&section.heading)).collect();
    for (_, place, row) in rows(sections) {
        let (outer, inner) = match row.key.split_once('.') {
            None => (row.key.as_str(), None),
            Some((table, key)) => (table, Some((table.to_owned(), key.to_owned()))),
        };
        keys.insert((place.table, outer.to_owned()));
        keys.extend(inner);
    }
    keys
}

#[test]
fn each_key_of_the_program_is_on_the_page_and_each_key_on_the_page_is_the_programs() {
    let (sections, program) = (sections(), Program::new());
    let mut known = BTreeSet::new();
    let mut ask = |table: &str, place: &KeyPlace, key: &str| {
        let told = program.meaning(place.file, &place.with(&format!("{key} = 1"))).unwrap_err();
        let keys = advised(&told, NOTHING).into_iter().filter(|word| word != table);
        known.extend(keys.map(|key| (table.to_owned(), key)));
    };
    for place in sections.iter().filter_map(|section| place(&section.heading)) {
        ask(&place.table, &place, NOTHING);
    }
    for (_, place, row) in rows(&sections) {
        if let Some((table, _)) = row.key.split_once('.') {
            ask(table, &place, &format!("{table}.{NOTHING}"));
        }
    }
    assert!(known.len() > 80, "the program tells its keys: {known:?}");
    let page = documented(&sections);
    let only = |here: &BTreeSet<_>, there| here.difference(there).cloned().collect::<Vec<_>>();
    let (only_page, only_program) = (only(&page, &known), only(&known, &page));
    assert!(
        only_page.is_empty() && only_program.is_empty(),
        "only on the page: {only_page:?}; only in the program: {only_program:?}"
    );
}

#[test]
fn each_default_on_the_page_is_what_a_key_left_out_means() {
    let (sections, program) = (sections(), Program::new());
    for (_, place, row) in rows(&sections) {
        let Row { key, default, .. } = row;
        let without = program.meaning(place.file, &place.without(key));
        let inherited = default.strip_prefix("as ").map(|from| inherited(&sections, from, key));
        let default = inherited.as_ref().unwrap_or(default);
        if let Some(value) = literal(default) {
            let with = program.meaning(place.file, &place.with(&format!("{key} = {value}")));
            assert!(with == without, "{key} = {value} does not mean what {key} left out means");
            without.unwrap();
        } else if default == "required" {
            assert!(without.is_err() && !PAIRED.contains(&key.as_str()), "{key}: {without:?}");
        } else {
            assert!(["none", "derived"].contains(&default.as_str()), "{key}: {default}");
            assert!(without.is_ok() || PAIRED.contains(&key.as_str()), "{key}: {without:?}");
        }
    }
}

/// "as `zone.toml`" is what the same key has there, "as `port`" what another key has.
fn inherited(sections: &[Section], from: &str, key: &str) -> String {
    let from = literal(from).unwrap();
    let of = |wanted: &dyn Fn(&Section, &Row) -> bool| {
        let found = rows(sections).find(|(section, _, row)| wanted(section, row));
        found.map(|(_, _, row)| row.default.clone())
    };
    let there = of(&|section, row| section.heading == from && row.key == key);
    let default = there.or_else(|| of(&|_, row| row.key == from));
    default.unwrap_or_else(|| panic!("{key}: there is no {from}"))
}

#[test]
fn each_type_and_range_on_the_page_is_what_the_program_takes() {
    let (sections, program) = (sections(), Program::new());
    for (section, place, row) in rows(&sections) {
        let probes = kinds::probes(&row.kind);
        let example =
            section.line(&place.table, &row.key).split_once(" = ").map(|(_, value)| value);
        for value in literal(&row.default).into_iter().chain(example) {
            assert!(value.starts_with(probes.opening), "{} = {value} is no {}", row.key, row.kind);
        }
        let meaning = |value: &str| {
            let line = format!("{} = {value}", row.key);
            (program.meaning(place.file, &place.with(&line)), line)
        };
        for value in &probes.taken {
            let (meaning, line) = meaning(value);
            assert!(meaning.is_ok(), "{line}: {meaning:?}");
        }
        for value in &probes.refused {
            let (meaning, line) = meaning(value);
            assert!(meaning.is_err(), "{line} is taken, against {:?}", row.kind);
        }
        if !probes.words.is_empty() {
            let told = meaning(&format!("{NOTHING:?}")).0.unwrap_err();
            let words: Vec<_> = probes.words.iter().map(|word| word.trim_matches('"')).collect();
            assert_eq!(advised(&told, NOTHING), words, "{}", row.key);
        }
    }
}

#[test]
fn each_example_is_read_and_each_key_of_it_does_something() {
    let (sections, program) = (sections(), Program::new());
    for section in &sections {
        let Some(place) = place(&section.heading) else { continue };
        let read = program.meaning(place.file, &section.example);
        assert!(read.is_ok(), "{}: {read:?}", section.heading);
    }
    for (section, place, row) in rows(&sections) {
        let key = &row.key;
        let line = section.line(&place.table, key);
        let with = program.meaning(place.file, &place.with(line));
        assert!(with.is_ok(), "{line}: {with:?}");
        let without = program.meaning(place.file, &place.without(key));
        let unused = place.table == "[[service.check]]" && UNUSED.contains(&key.as_str());
        assert!((with == without) == unused, "{line}: does it change anything?");
    }
}

#[test]
fn each_key_of_livezone_toml_is_reloaded_as_the_page_says() {
    let (sections, old) = (sections(), Config::default());
    for (section, place, row) in rows(&sections) {
        let Some(reload) = &row.reload else {
            assert!(place.file != File::Livezone, "{}: what does a reload do?", row.key);
            continue;
        };
        let line = section.line(&place.table, &row.key);
        let new = config(&place.with(line)).unwrap();
        let kept = keep_fixed(&old, new.clone());
        match reload.as_str() {
            "SIGHUP" => assert!(kept == new, "{line} is not taken at SIGHUP"),
            "restart" => assert!(kept == old, "{line} is taken at SIGHUP"),
            other => panic!("{line}: {other}"),
        }
    }
}

#[test]
fn each_flag_of_serve_and_each_variable_is_on_the_page() {
    let sections = sections();
    let section = sections.iter().find(|section| section.heading.starts_with("The command line"));
    let word =
        |cell: &str| cell.trim_start_matches('`').split([' ', '`']).next().unwrap().to_owned();
    let rows = section.unwrap().rows.iter();
    let written: BTreeSet<_> = rows.map(|cells| (word(&cells[0]), word(&cells[1]))).collect();
    let help = livezone().args(["serve", "--help"]).output().unwrap().stdout;
    // Long lines are broken: only the words count.
    let help = String::from_utf8(help).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let options = help.split(" Options: ").nth(1).unwrap().split(" -h, ").next().unwrap();
    let flags = options.split("--").skip(1).map(|option| {
        let (flag, rest) = option.split_once(' ').unwrap();
        let variable = rest.split_once("[env: ").and_then(|(_, rest)| rest.split_once(']'));
        let (variable, _) = variable.unwrap_or_else(|| panic!("{option}: [env: …]"));
        (format!("--{flag}"), variable.to_owned())
    });
    assert_eq!(flags.collect::<BTreeSet<_>>(), written, "left: the help, right: the page");

    let (mut read, page) = (BTreeSet::new(), variables(&text(), &['`', ' ', ':', ',']));
    sources(&root().join("src"), &mut |source| read.extend(variables(source, &['"'])));
    assert_eq!(read, page, "left: the program, right: the page");
}

/// Each word that is the name of a variable, whole between `edges`.
fn variables(text: &str, edges: &[char]) -> BTreeSet<String> {
    let letter = |c: char| c.is_ascii_uppercase() || c == '_';
    let words = text.split(edges).filter_map(|word| Some((word, word.strip_prefix("LIVEZONE_")?)));
    let names = words.filter(|(_, rest)| !rest.is_empty() && rest.chars().all(letter));
    names.map(|(word, _)| word.to_owned()).collect()
}

fn sources(folder: &Path, visit: &mut dyn FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, visit);
        } else {
            visit(&fs::read_to_string(path).unwrap());
        }
    }
}
