//! docs/configuration.md as sections: a heading, the rows of its table of keys, its example.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// One heading with what stands below it.
pub(super) struct Section {
    pub(super) heading: String,
    pub(super) keys: Vec<Row>,
    /// The rows of a table that is not about keys, cell by cell.
    pub(super) rows: Vec<Vec<String>>,
    /// The first block of TOML.
    pub(super) example: String,
}

/// A row of a table of keys.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) key: String,
    /// As written: "integer, 0 to 1024".
    pub(super) kind: String,
    /// As written: a value in TOML between backticks, else words.
    pub(super) default: String,
    /// `SIGHUP` or `restart`, in livezone.toml.
    pub(super) reload: Option<String>,
}

impl Section {
    /// The line of the example that sets `key` in `table`; what is not in brackets is the file.
    pub(super) fn line(&self, table: &str, key: &str) -> &str {
        let mut lines = self.example.lines();
        if table.starts_with('[') {
            lines.find(|line| *line == table);
        }
        let line = lines.take_while(|line| !line.starts_with('[')).find(|line| sets(line, key));
        line.unwrap_or_else(|| panic!("{}: the example has no {key}", self.heading))
    }
}

/// Whether a line of TOML sets `key`.
pub(super) fn sets(line: &str, key: &str) -> bool {
    line.split_once(" = ").is_some_and(|(before, _)| before == key)
}

/// The text between backticks, when nothing else is there.
pub(super) fn literal(cell: &str) -> Option<&str> {
    let inner = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inner.contains('`')).then_some(inner)
}

pub(super) fn text() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    fs::read_to_string(path).unwrap()
}

/// In the order of the page; backticks are taken out of the headings.
pub(super) fn sections() -> Vec<Section> {
    let text = text();
    let mut sections: Vec<Section> = Vec::new();
    let mut columns: HashMap<String, usize> = HashMap::new();
    let mut within: Option<&str> = None;
    for line in text.lines() {
        if let Some(fence) = line.strip_prefix("```") {
            let first = sections.last().is_none_or(|section| section.example.is_empty());
            within = if within.is_some() || !first { None } else { Some(fence) };
        } else if let Some(language) = within {
            if let Some(section) = sections.last_mut().filter(|_| language == "toml") {
                section.example.push_str(line);
                section.example.push('\n');
            }
        } else if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim().replace('`', "");
            let (keys, rows, example) = (Vec::new(), Vec::new(), String::new());
            sections.push(Section { heading, keys, rows, example });
            columns.clear();
        } else if let Some(row) = line.strip_prefix('|') {
            let cells: Vec<String> =
                row.trim_end_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            if columns.is_empty() {
                columns = cells.into_iter().enumerate().map(|(at, cell)| (cell, at)).collect();
            } else if !cells[0].starts_with("---") {
                sections.last_mut().unwrap().add(cells, &columns);
            }
        } else {
            columns.clear();
        }
    }
    sections
}

impl Section {
    fn add(&mut self, cells: Vec<String>, columns: &HashMap<String, usize>) {
        let cell = |name: &str| columns.get(name).map(|&at| cells[at].clone());
        let Some(key) = cell("key") else { return self.rows.push(cells) };
        let key = literal(&key).unwrap_or_else(|| panic!("{key} is a key")).to_owned();
        let kind = cell("type and range").unwrap();
        let default = cell("default").unwrap();
        assert!(cell("meaning").is_some_and(|meaning| !meaning.is_empty()), "{key} has a meaning");
        self.keys.push(Row { key, kind, default, reload: cell("reload") });
    }
}
