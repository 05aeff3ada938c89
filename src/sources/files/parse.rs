//! What the text of a file says, by what the file is for.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::zone_toml;
use crate::diagnostic::Diagnostic;
use crate::model::name::Name;
use crate::sources::Content;
use crate::sources::files::kind::Kind;
use crate::sources::files::master::Includes;
use crate::sources::files::{master, native};

/// What a file's meaning depends on besides its text.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The zone whose folder holds it.
    pub apex: &'a Name,
    /// The addresses of the zone's name server where zone.toml names none.
    pub ns_addresses: &'a [IpAddr],
    /// What a master file may include.
    pub includes: &'a Includes,
}

/// Parses one file.
pub fn parse(
    kind: Kind,
    (path, text): (Arc<Path>, Arc<str>),
    context: Context<'_>,
) -> (Content, Vec<Diagnostic>) {
    let Context { apex, ns_addresses, includes } = context;
    let (content, diagnostics) = match kind {
        Kind::ZoneToml => {
            let (settings, diagnostics) = zone_toml::parse(path, text, apex, ns_addresses);
            (settings.map(Content::Zone), diagnostics)
        }
        Kind::Services => {
            let (document, diagnostics) = native::parse(path, text);
            (document.map(|document| Content::Services(Arc::new(document))), diagnostics)
        }
        Kind::Master => {
            let (records, diagnostics) = master::parse(apex, path, &text, includes);
            (records.map(|records| Content::Records(Arc::new(records))), diagnostics)
        }
        // The source keeps it for those that include it.
        Kind::Included => (Some(Content::Gone), Vec::new()),
    };
    (content.unwrap_or(Content::Refused), diagnostics)
}
