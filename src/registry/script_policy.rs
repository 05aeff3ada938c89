//! Decides which of a file's definitions the configuration lets in.

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::check::Scripts;
use crate::model::definition::{Document, ServiceDefinition};

/// Whether a definition is taken. A service whose command is not to be run is refused as a whole:
/// without that check it would be served unchecked.
pub fn is_permitted(definition: &ServiceDefinition, scripts: Scripts) -> bool {
    scripts == Scripts::Allowed || definition.script.is_none()
}

/// An error at the place of each definition that is not taken.
pub fn refused(document: &Document, scripts: Scripts) -> Vec<Diagnostic> {
    let mut refused = Complaints::default();
    for definition in document.services.iter().filter(|d| !is_permitted(d, scripts)) {
        let Some(place) = definition.script.clone() else { continue };
        let name = &definition.name.value;
        refused.push_with(&document.path, Severity::Error, || {
            let message = format!("service \"{name}\" is refused: script checks are turned off");
            let label = "set script_checks = true under [health] in livezone.toml to allow them";
            Diagnostic::error(&document.path, &document.text, place, message).with_label(label)
        });
    }
    refused.into_vec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sources::native;

    const TEXT: &str = "\
[[service]]
name = 'web'
[[service.instance]]
address = '10.0.0.1'
[[service.instance.check]]
args = ['/bin/true']
[[service]]
name = 'db'
instance = [{ address = '10.0.0.2' }]
";

    fn taken(document: &Document, scripts: Scripts) -> Vec<&str> {
        let taken = document.services.iter().filter(|d| is_permitted(d, scripts));
        taken.map(|definition| definition.name.value.as_str()).collect()
    }

    #[test]
    fn a_service_with_a_command_is_refused_at_its_place_and_its_neighbours_are_not() {
        let (document, told) = native::parse(Path::new("web.toml").into(), TEXT.into());
        assert_eq!(told, []);
        let document = document.unwrap();
        let refused = refused(&document, Scripts::Refused);
        assert_eq!(taken(&document, Scripts::Refused), ["db"]);
        let [error] = &refused[..] else { panic!("{refused:?}") };
        assert_eq!(error.line_column(), Some((6, 8)));
        assert!(error.label.contains("script_checks = true"), "{error:?}");
    }

    #[test]
    fn where_scripts_are_allowed_all_are_taken() {
        let (document, _) = native::parse(Path::new("web.toml").into(), TEXT.into());
        let document = document.unwrap();
        assert_eq!(taken(&document, Scripts::Allowed), ["db", "web"]);
        assert_eq!(refused(&document, Scripts::Allowed), []);
    }
}
