//! The keys that a service and an instance share.

use std::collections::{BTreeMap, HashSet};

use crate::model::definition::Placed;
use crate::model::name::Label;
use crate::model::service::Tag;
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// RFC 1035 section 3.3: a character string of a TXT record has its length in one octet.
const MAX_TXT: usize = 255;

/// A label, or what DNS cannot carry about it.
pub(super) fn label(report: &Report, text: &Placed<&str>, what: &str) -> Option<Label> {
    match Label::parse(text.value) {
        Ok(label) => Some(label),
        Err(error) => {
            let message = format!("invalid {what} {:?}", text.value);
            report.error(text.span.clone(), message, error.to_string());
            None
        }
    }
}

/// `port`, never 0.
pub(super) fn port(reader: &mut Reader<'_>) -> Option<Placed<u16>> {
    reader.integer("port", 1..=65_535)
}

/// `tags`, each once.
pub(super) fn tags(reader: &mut Reader<'_>) -> Vec<Tag> {
    let (mut tags, mut seen) = (Vec::new(), HashSet::new());
    for text in reader.strings("tags").unwrap_or_default() {
        let error = match Tag::parse(text.value) {
            Ok(tag) => {
                if seen.insert(tag.clone()) {
                    tags.push(tag);
                }
                continue;
            }
            Err(error) => error.to_string(),
        };
        reader.report.error(text.span, format!("invalid tag {:?}", text.value), error);
    }
    tags
}

/// `meta`: one TXT string a pair.
pub(super) fn meta(reader: &mut Reader<'_>) -> Option<Placed<BTreeMap<String, String>>> {
    let pairs = reader.string_table("meta")?;
    let span = reader.place_of("meta");
    let mut meta = BTreeMap::new();
    for (key, value) in pairs {
        let octets = key.text.len() + 1 + value.value.len();
        if key.text.is_empty() || key.text.contains('=') {
            let message = format!("invalid \"meta\" key {:?}", key.text);
            let label = "write a key that is not empty and has no '=' (TXT records hold \
                         key=value)";
            reader.report.error(key.span.clone(), message, label);
        } else if octets > MAX_TXT {
            let message = format!("the TXT string of {:?} would have {octets} octets", key.text);
            let label = format!("key=value can have at most {MAX_TXT} octets");
            reader.report.error(value.span, message, label);
        } else {
            meta.insert(key.text.clone(), value.value.to_owned());
        }
    }
    Some(Placed::new(meta, span))
}
