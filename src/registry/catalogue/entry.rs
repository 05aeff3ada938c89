//! One entry of the catalogue: what a source's file or registration says, and what is wrong with it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::model::definition::{Document, ServiceDefinition};
use crate::model::name::{Label, Name};
use crate::model::records::MasterFile;
use crate::model::service::ServiceKey;

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
    Services {
        document: Arc<Document>,
        /// The definitions of each service, as far as they are let in.
        services: HashMap<Label, Vec<Arc<ServiceDefinition>>>,
    },
    Records(Arc<MasterFile>),
}

impl Entry {
    /// One that has said nothing yet.
    pub(super) fn new(zone: Name) -> Self {
        Self { zone, diagnostics: Vec::new(), refused: Vec::new(), facts: Facts::Nothing }
    }

    pub(super) fn document(&self) -> Option<&Arc<Document>> {
        match &self.facts {
            Facts::Services { document, .. } => Some(document),
            Facts::Nothing | Facts::Settings | Facts::Records(_) => None,
        }
    }

    pub(super) fn records(&self) -> Option<&Arc<MasterFile>> {
        match &self.facts {
            Facts::Records(records) => Some(records),
            Facts::Nothing | Facts::Settings | Facts::Services { .. } => None,
        }
    }

    /// Of a service by this name, with the document that they stand in.
    pub(super) fn definitions(
        &self,
        name: &Label,
    ) -> Option<(&Arc<Document>, &[Arc<ServiceDefinition>])> {
        match &self.facts {
            Facts::Services { document, services } => Some((document, services.get(name)?)),
            Facts::Nothing | Facts::Settings | Facts::Records(_) => None,
        }
    }

    /// Whether it defines services with external instances, by service.
    pub(super) fn with_hosts(&self) -> impl Iterator<Item = ServiceKey> {
        let services = match &self.facts {
            Facts::Services { services, .. } => Some(services),
            Facts::Nothing | Facts::Settings | Facts::Records(_) => None,
        };
        let external = |definition: &Arc<ServiceDefinition>| {
            definition.instances.iter().any(|instance| instance.location.host().is_some())
        };
        services
            .into_iter()
            .flatten()
            .filter(move |(_, definitions)| definitions.iter().any(external))
            .map(|(name, _)| ServiceKey { zone: self.zone.clone(), name: name.clone() })
    }
}

impl Facts {
    /// A document's definitions, as far as they are let in.
    pub(super) fn services(
        document: Arc<Document>,
        definitions: Vec<Arc<ServiceDefinition>>,
    ) -> Self {
        let mut services: HashMap<_, Vec<_>> = HashMap::new();
        for definition in definitions {
            // Most services stand in one file, and there once.
            let all = services.entry(definition.name.value.clone());
            all.or_insert_with(|| Vec::with_capacity(1)).push(definition);
        }
        Self::Services { document, services }
    }

    /// The names of the services that it defines.
    pub(super) fn names(&self) -> impl Iterator<Item = &Label> {
        let services = match self {
            Self::Services { services, .. } => Some(services),
            Self::Nothing | Self::Settings | Self::Records(_) => None,
        };
        services.into_iter().flat_map(HashMap::keys)
    }
}
