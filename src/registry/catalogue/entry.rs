//! One entry of the catalogue: what a source's file or registration says, and what is wrong with it.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::check::Scripts;
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::{Label, Name};
use crate::model::records::MasterFile;
use crate::model::service::ServiceKey;
use crate::registry::script_policy::is_permitted;

/// See the module.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) zone: Name,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// An error for each service that the configuration does not let in.
    pub(super) refused: Vec<Diagnostic>,
    pub(super) facts: Facts,
}

/// What an entry says, as far as it was ever taken.
#[derive(Debug)]
pub(super) enum Facts {
    Nothing,
    /// The zone's settings, which the zone keeps.
    Settings,
    /// Those of its services count that this rule lets in.
    Services(Arc<Document>, Scripts),
    Records(Arc<MasterFile>),
}

impl Entry {
    /// One that has said nothing yet.
    pub(super) fn new(zone: Name) -> Self {
        Self { zone, diagnostics: Vec::new(), refused: Vec::new(), facts: Facts::Nothing }
    }

    pub(super) fn document(&self) -> Option<&Arc<Document>> {
        match &self.facts {
            Facts::Services(document, _) => Some(document),
            Facts::Nothing | Facts::Settings | Facts::Records(_) => None,
        }
    }

    pub(super) fn records(&self) -> Option<&Arc<MasterFile>> {
        match &self.facts {
            Facts::Records(records) => Some(records),
            Facts::Nothing | Facts::Settings | Facts::Services(..) => None,
        }
    }

    /// Of a service by this name, as far as they are let in, each with the document that it
    /// stands in.
    pub(super) fn definitions(
        &self,
        name: &Label,
    ) -> impl Iterator<Item = (&Arc<Document>, &Arc<ServiceDefinition>)> {
        let services = match &self.facts {
            Facts::Services(document, scripts) => Some((document, *scripts)),
            Facts::Nothing | Facts::Settings | Facts::Records(_) => None,
        };
        services.into_iter().flat_map(move |(document, scripts)| {
            let let_in = document.of(name).iter().filter(move |d| is_permitted(d, scripts));
            let_in.map(move |definition| (document, definition))
        })
    }

    /// The services of which it defines external instances.
    pub(super) fn with_hosts(&self) -> impl Iterator<Item = ServiceKey> {
        let services = self.document().into_iter().flat_map(|document| &document.services);
        let external = services.filter(|definition| {
            definition.instances.iter().any(|instance| instance.location.host().is_some())
        });
        external.map(|d| ServiceKey { zone: self.zone.clone(), name: d.name.value.clone() })
    }
}
