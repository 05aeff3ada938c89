//! Certificates and keys of checks: a check whose files cannot be used would be unknown for ever.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::engine::world::World;
use crate::health::checks::files_of_tls;
use crate::model::check::{Kind, TlsOptions};
use crate::model::definition::{CheckDefinition, ServiceDefinition};

/// An error at each service that has a check whose files cannot be used. Each set of files is read
/// once.
pub(super) fn unusable(world: &World) -> Vec<Diagnostic> {
    let mut known: HashMap<Arc<TlsOptions>, Option<String>> = HashMap::new();
    let mut errors = Vec::new();
    for (_, contributions) in world.catalogue() {
        for contribution in &contributions {
            let (document, definition) = (&contribution.document, &contribution.definition);
            let mut why = None;
            for options in options(definition) {
                let read = || files_of_tls(options).err();
                let found = known.entry(Arc::clone(options)).or_insert_with(read);
                why = why.or_else(|| found.clone());
            }
            let Some(why) = why else { continue };
            let name = &definition.name;
            let message = format!("a check of service \"{}\" cannot run: {why}", name.value);
            let place = name.span.clone();
            let error = Diagnostic::error(&document.path, &document.text, place, message);
            errors.push(error.with_label("until the file is right the service is not served"));
        }
    }
    errors
}

/// Of the checks that read files.
fn options(definition: &ServiceDefinition) -> impl Iterator<Item = &Arc<TlsOptions>> {
    let own = definition.instances.iter().flat_map(|instance| &instance.checks);
    let all = definition.checks.iter().chain(own).filter_map(tls);
    all.filter(|options| options.ca_file.is_some() || options.client.is_some())
}

fn tls(check: &CheckDefinition) -> Option<&Arc<TlsOptions>> {
    match &*check.kind {
        Kind::Http(http) => http.tls.as_ref(),
        Kind::Tcp(tcp) => tcp.tls.as_ref(),
        Kind::Grpc(grpc) => grpc.tls.as_ref(),
        Kind::Script(_) | Kind::Alias(_) | Kind::Ttl(_) => None,
    }
}
