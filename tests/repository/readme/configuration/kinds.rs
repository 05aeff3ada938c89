//! The words of the column "type and range", and what each says may and may not be written.

/// Values in TOML.
pub(super) struct Probes {
    pub(super) taken: Vec<String>,
    pub(super) refused: Vec<String>,
    /// The words of a key that takes one of a few.
    pub(super) words: Vec<String>,
    /// What a value begins with.
    pub(super) opening: fn(char) -> bool,
}

/// Types whose values are text of some form.
const TEXTS: [&str; 10] = [
    "string",
    "directory",
    "file",
    "label",
    "secret",
    "address",
    "address with port",
    "domain name",
    "host name or address",
    "path or URL",
];

/// What is so of every value of a type. Panics for a type that the page has not had before.
pub(super) fn probes(kind: &str) -> Probes {
    if let Some(range) = kind.strip_prefix("integer, ") {
        let (least, most) = ends(range);
        let (below, above) = ((least - 1).to_string(), (most + 1).to_string());
        let refused = [&below, &above, "1.5", "\"1\"", "true"];
        return probe(&[&least.to_string(), &most.to_string()], &refused, |c| c.is_ascii_digit());
    }
    if let Some(range) = kind.strip_prefix("list of integers, ") {
        let (least, most) = ends(range);
        let (below, above) = (format!("[{}]", least - 1), format!("[{}]", most + 1));
        let refused = [below.as_str(), &above, "7", "\"a\""];
        return probe(&["[]", &format!("[{least}, {most}]")], &refused, |c| c == '[');
    }
    if let Some(least) = kind.strip_prefix("duration, at least ") {
        let number: u64 = least.strip_suffix("ms").unwrap().parse().unwrap();
        let short = format!("\"{}ms999us\"", number - 1);
        return probe(&[&format!("{least:?}")], &[&short, "\"0s\"", "5", "\"5\""], is_text);
    }
    match kind {
        "boolean" => probe(&["true", "false"], &["\"true\"", "1"], |c| "tf".contains(c)),
        "duration" => probe(&["\"0s\""], &["5", "\"5\"", "\"-1s\"", "\"auto\""], is_text),
        "`\"auto\"` or duration" => {
            probe(&["\"auto\"", "\"1s\""], &["5", "\"5\"", "\"a\""], is_text)
        }
        "`true` or string" => probe(&["true"], &["false", "1", "[\"a:1\"]"], |c| "t\"".contains(c)),
        "address, host name or list of addresses" => probe(
            &["\"192.0.2.9\"", "\"db.example.com\"", "[\"192.0.2.9\", \"2001:db8::9\"]"],
            &["7", "[]", "[7]", "[\"db.example.com\"]"],
            |c| "[\"".contains(c),
        ),
        _ if kind.starts_with("list of ") => probe(&[], &["7", "[7]", "\"a\""], |c| c == '['),
        _ if kind.starts_with("table of ") => {
            probe(&["{}"], &["7", "\"a\"", "[\"a\"]"], |c| c == '{')
        }
        _ if kind.starts_with("`\"") => {
            let words: Vec<_> = kind.split('`').skip(1).step_by(2).collect();
            Probes { words: owned(&words), ..probe(&words, &["\"zzz\"", "7"], is_text) }
        }
        _ => {
            assert!(TEXTS.contains(&kind), "add the type {kind:?} to kinds.rs");
            probe(&[], &["7", "true", "[\"a\"]"], is_text)
        }
    }
}

fn probe(taken: &[&str], refused: &[&str], opening: fn(char) -> bool) -> Probes {
    Probes { taken: owned(taken), refused: owned(refused), words: Vec::new(), opening }
}

fn is_text(opening: char) -> bool {
    opening == '"'
}

/// "1 to 1000".
fn ends(range: &str) -> (i64, i64) {
    let (least, most) = range.split_once(" to ").unwrap();
    (least.parse().unwrap(), most.parse().unwrap())
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
