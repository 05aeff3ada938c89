//! Decides which of a file's definitions the configuration lets in.

use std::sync::Arc;

use crate::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Severity};
use crate::model::check::Scripts;
use crate::model::definition::{Document, ServiceDefinition};

/// The definitions that are taken, and an error at the place of each that is not. A service whose
/// command is not to be run is refused as a whole: without that check it would be served unchecked.
pub fn permitted(
    document: &Document,
    scripts: Scripts,
) -> (Vec<Arc<ServiceDefinition>>, Vec<Diagnostic>) {
    let (mut taken, mut refused) = (Vec::new(), Complaints::default());
    for definition in &document.services {
        let script = definition.script.clone().filter(|_| scripts == Scripts::Refused);
        let Some(place) = script else {
            taken.push(Arc::clone(definition));
            continue;
        };
        let name = &definition.name.value;
        refused.push_with(&document.path, Severity::Error, || {
            let message = format!("service \"{name}\" is refused: script checks are turned off");
            let label = "set script_checks = true under [health] in livezone.toml to allow them";
            Diagnostic::error(&document.path, &document.text, place, message).with_label(label)
        });
    }
    (taken, refused.into_vec())
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

    fn names(definitions: &[Arc<ServiceDefinition>]) -> Vec<&str> {
        definitions.iter().map(|definition| definition.name.value.as_str()).collect()
    }

    #[test]
    fn a_service_with_a_command_is_refused_at_its_place_and_its_neighbours_are_not() {
        let (document, told) = native::parse(Path::new("web.toml").into(), TEXT.into());
        assert_eq!(told, []);
        let document = document.unwrap();
        let (taken, refused) = permitted(&document, Scripts::Refused);
        assert_eq!(names(&taken), ["db"]);
        let [error] = &refused[..] else { panic!("{refused:?}") };
        assert_eq!(error.line_column(), Some((6, 8)));
        assert!(error.label.contains("script_checks = true"), "{error:?}");
    }

    #[test]
    fn where_scripts_are_allowed_all_are_taken() {
        let (document, _) = native::parse(Path::new("web.toml").into(), TEXT.into());
        let (taken, refused) = permitted(&document.unwrap(), Scripts::Allowed);
        assert_eq!((names(&taken), refused), (vec!["web", "db"], Vec::new()));
    }
}
