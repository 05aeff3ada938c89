//! A file of each format: what is said of it points into it, and what it registers can be served.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use livezone::config::{Config, livezone_toml, zone_toml};
use livezone::diagnostic::{Colour, Diagnostic, Severity};
use livezone::model::name::Name;
use livezone::model::origin::EntryId;
use livezone::sources::files::master;
use livezone::sources::{Change, Content, Put};
use livezone::sources::{consul, native};

use super::fixture::{appeared, run};
use super::respond::{Server, wire};

const ZONE: &str = "service.internal";

/// Between a master file and what it may include: `1.inc`, `2.inc` and so on.
const NEXT_FILE: &str = ";;;;\n";

/// Types that each name is asked for: A, AAAA, SRV, TXT, MX, ANY.
const TYPES: [u8; 6] = [1, 28, 33, 16, 15, 255];

/// Names asked for at most; a file may register thousands.
const MOST_NAMES: usize = 4;

/// A parser of this file's kind: what is taken, and what is said.
type Parsed<T> = (Option<T>, Vec<Diagnostic>);

pub(crate) fn native(input: &[u8]) {
    let parse = |text| native::parse(Path::new("a.toml").into(), text);
    if let Some(document) = twice(input, Errors::Refuse, parse) {
        serve(Content::Services(Arc::new(document)));
    }
}

pub(crate) fn consul_json(input: &[u8]) {
    consul(input, "a.json");
}

pub(crate) fn consul_hcl(input: &[u8]) {
    consul(input, "a.hcl");
}

fn consul(input: &[u8], file: &str) {
    let node = IpAddr::from([192, 0, 2, 1]);
    let parse = |text| consul::parse(Path::new(file).into(), text, Some(node));
    if let Some(document) = twice(input, Errors::MayStand, parse) {
        serve(Content::Services(Arc::new(document)));
    }
}

pub(crate) fn zone_toml(input: &[u8]) {
    let apex = Name::parse(ZONE).unwrap();
    let parse = |text| zone_toml::parse(Path::new("zone.toml").into(), text, &apex, &[]);
    if let Some(settings) = twice(input, Errors::Refuse, parse) {
        serve(Content::Settings(settings));
    }
}

pub(crate) fn config(input: &[u8]) {
    let parse = |text| livezone_toml::parse(Path::new("livezone.toml").into(), text);
    let taken: Option<Config> = twice(input, Errors::Refuse, parse);
    drop(taken);
}

pub(crate) fn master(input: &[u8]) {
    let apex = Name::parse(ZONE).unwrap();
    let text = String::from_utf8_lossy(input);
    let mut texts = text.split(NEXT_FILE);
    let first = texts.next().unwrap_or_default().to_owned();
    let included = |(n, text): (usize, &str)| (format!("{}.inc", n + 1), Ok(Arc::from(text)));
    let includes: BTreeMap<_, _> = texts.enumerate().map(included).collect();
    let parse = |text: Arc<str>| master::parse(&apex, Path::new("a.zone").into(), &text, &includes);
    if let Some(records) = twice(first.as_bytes(), Errors::Refuse, parse) {
        serve(Content::Records(Arc::new(records)));
    }
}

/// What an error of a file means for the rest of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Errors {
    /// All of it is refused.
    Refuse,
    /// The services without one are taken.
    MayStand,
}

/// Reads a text twice, to the same end, and gives what was taken.
fn twice<T: Debug + PartialEq>(
    input: &[u8],
    errors: Errors,
    parse: impl Fn(Arc<str>) -> Parsed<T>,
) -> Option<T> {
    let text: Arc<str> = String::from_utf8_lossy(input).into();
    let (taken, said) = parse(Arc::clone(&text));
    let again = parse(text);
    assert!((&taken, &said) == (&again.0, &again.1), "the same text says the same");
    let refused = said.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    assert!(taken.is_some() || refused, "nothing is refused without an error");
    let takes_errors = errors == Errors::MayStand;
    assert!(taken.is_none() || !refused || takes_errors, "taken with an error: {said:#?}");
    said.iter().for_each(points_into_its_text);
    for (diagnostic, colour) in said.iter().zip([Colour::Plain, Colour::Ansi, Colour::Plain]) {
        assert!(!diagnostic.render(colour).is_empty());
    }
    taken
}

/// Drawing takes longer than all else together: a few of many are drawn, see above.
fn points_into_its_text(diagnostic: &Diagnostic) {
    let Diagnostic { text, span, message, .. } = diagnostic;
    if let Some(span) = span {
        // Behind the last octet is a place, too: there something is missing.
        assert!(span.start <= span.end && span.end <= text.len(), "{diagnostic:#?}");
        let whole = text.is_char_boundary(span.start) && text.is_char_boundary(span.end);
        assert!(whole, "inside a character: {diagnostic:#?}");
        let (line, column) = diagnostic.line_column().expect("a span has a place");
        assert!(line >= 1 && column >= 1 && line <= text.lines().count().max(1) + 1);
    }
    assert!(!message.is_empty());
    assert!(!diagnostic.short().contains('\n'), "one line for logs: {:?}", diagnostic.short());
}

/// Puts what was taken into a zone, lets its checks run for a moment, and asks for its names.
fn serve(content: Content) {
    let names: Vec<String> = match &content {
        Content::Services(document) => {
            document.services.iter().map(|service| service.name.value.to_string()).collect()
        }
        _ => vec!["www".to_owned()],
    };
    let zone = Name::parse(ZONE).unwrap();
    let path = Path::new("a");
    let file = Put { id: EntryId::of_file(path), zone, content, diagnostics: Vec::new() };
    let changes = vec![appeared(ZONE), Change::Put(file)];
    let server = Server::of(run(changes, Duration::ZERO, &Config::default()));
    let relative = names.iter().take(MOST_NAMES).map(|name| format!("{name}.{ZONE}"));
    for name in relative.chain([ZONE.to_owned()]) {
        for rtype in TYPES {
            let mut packet = b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00".to_vec();
            packet.extend(wire(&name));
            packet.extend([0, rtype, 0, 1]);
            server.ask_both(&packet);
        }
    }
}
