//! What the text of a file says, by what the file is for.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use crate::config::zone_toml;
use crate::diagnostic::Diagnostic;
use crate::model::name::Name;
use crate::sources::Content;
use crate::sources::files::kind::Kind;
use crate::sources::files::native;

/// Parses one file of the zone `apex`. `ns_addresses` are those of the zone's name server where
/// zone.toml names none.
pub fn parse(
    kind: Kind,
    apex: &Name,
    (path, text): (Arc<Path>, Arc<str>),
    ns_addresses: &[IpAddr],
) -> (Content, Vec<Diagnostic>) {
    let (content, diagnostics) = match kind {
        Kind::ZoneToml => {
            let (settings, diagnostics) = zone_toml::parse(path, text, apex, ns_addresses);
            (settings.map(Content::Zone), diagnostics)
        }
        Kind::Services => {
            let (document, diagnostics) = native::parse(path, text);
            (document.map(|document| Content::Services(Arc::new(document))), diagnostics)
        }
    };
    (content.unwrap_or(Content::Refused), diagnostics)
}
