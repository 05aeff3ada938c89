//! docs/rfcs.md says what is so: each RFC with a file here has its row, and what a row names is
//! there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The rows of the table: the RFC's number, and the paths in it.
fn rows() -> Vec<(u16, Vec<String>)> {
    let text = fs::read_to_string(root().join("docs/rfcs.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let (number, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
        let paths = rest.split('`').filter(|word| word.contains('/') && !word.contains(' '));
        Some((number.parse().ok()?, paths.map(str::to_owned).collect()))
    });
    rows.collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files of these tests, and the RFC that each is named for.
fn files() -> BTreeSet<(u16, String)> {
    let names = fs::read_dir(root().join("tests/rfc")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let of_an_rfc = |name: String| {
        let number = name.strip_prefix("rfc")?.split(['.', '_']).next()?.parse().unwrap();
        Some((number, format!("tests/rfc/{name}")))
    };
    names.filter_map(of_an_rfc).collect()
}

#[test]
fn each_file_of_an_rfc_stands_in_that_rfcs_row() {
    let rows = rows();
    let files = files();
    assert!(files.len() > 20);
    for (number, file) in files {
        let row = rows.iter().find(|(of, _)| *of == number);
        let (_, paths) = row.unwrap_or_else(|| panic!("RFC {number} has no row"));
        assert!(paths.contains(&file), "{file} is not in its row");
    }
}

#[test]
fn each_row_names_what_is_there_and_the_rows_are_in_order() {
    let rows = rows();
    assert!(rows.is_sorted_by(|(a, _), (b, _)| a < b));
    for (number, paths) in rows {
        assert!(!paths.is_empty(), "RFC {number} is proved by nothing");
        for path in paths {
            assert!(root().join(&path).exists(), "{path} is not there");
        }
    }
}

#[test]
fn each_file_is_of_the_rfc_that_its_first_line_names_and_is_run() {
    let main = fs::read_to_string(root().join("tests/rfc/main.rs")).unwrap();
    for (number, file) in files() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        assert!(text.starts_with(&format!("//! RFC {number}: ")), "{file}");
        let module = Path::new(&file).file_stem().unwrap().to_str().unwrap();
        assert!(main.contains(&format!("\nmod {module};\n")), "{file} is not run");
    }
}

#[test]
fn the_readme_leads_to_the_table() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains("(docs/rfcs.md)"));
}
