//! What the program makes of a text: of livezone.toml, zone.toml, or a registration file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use livezone::config::{Config, default_ns_addresses, livezone_toml, zone_toml};
use livezone::diagnostic::{Diagnostic, Severity};
use livezone::engine::event::Event;
use livezone::engine::settings::Settings;
use livezone::engine::turn::turn;
use livezone::engine::world::World;
use livezone::model::check::Scripts;
use livezone::model::name::Name;
use livezone::model::origin::{EntryId, Origin};
use livezone::model::time::Now;
use livezone::sources::native;
use livezone::sources::{Change, Content, Put};
use tempfile::TempDir;

use crate::support::server::ZONE;

/// Which of the three kinds of file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Livezone,
    Zone,
    Registrations,
}

/// Reads texts as the program does, in a folder with the PEM files that the page names.
pub(super) struct Program {
    folder: TempDir,
}

/// Everything that a text says, every default applied; or what is wrong with it.
pub(super) type Meaning = Result<String, Vec<Diagnostic>>;

impl Program {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["web.example.com".to_owned()];
        let certificate = rcgen::CertificateParams::new(names).unwrap().self_signed(&key).unwrap();
        for file in ["ca.pem", "client.pem"] {
            fs::write(folder.path().join(file), certificate.pem()).unwrap();
        }
        fs::write(folder.path().join("client-key.pem"), key.serialize_pem()).unwrap();
        Self { folder }
    }

    pub(super) fn meaning(&self, file: File, text: &str) -> Meaning {
        match file {
            File::Livezone => config(text).map(|config| format!("{config:?}")),
            File::Zone => zone(text),
            File::Registrations => self.services(text),
        }
    }

    /// The services with all that they and their checks inherit from the defaults.
    fn services(&self, text: &str) -> Meaning {
        let path: Arc<Path> = self.folder.path().join("web.toml").into();
        let (document, mut told) = native::parse(Arc::clone(&path), text.into());
        let zone = zone_toml::defaults(&apex(), &[]);
        let mut config = Config::default();
        config.health.scripts = Scripts::Allowed;
        let mut world = World::new(Settings::of(&config), 1, 0);
        if let Some(document) = document {
            let (zone, content) = (apex(), Content::Services(document.into()));
            let file = Put { id: EntryId::of_file(&path), zone, content, diagnostics: Vec::new() };
            let appeared = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
            let loaded = Event::Loaded(vec![appeared, Change::Put(file)]);
            told.extend(turn(&mut world, loaded, Now::default()).complaints);
        }
        let services: Vec<_> = world.catalogue().map(|(service, _)| service).collect();
        judged(told, || format!("{zone:?} {services:?}"))
    }
}

/// livezone.toml.
pub(super) fn config(text: &str) -> Result<Config, Vec<Diagnostic>> {
    let (config, told) = livezone_toml::parse(Path::new("livezone.toml").into(), text.into());
    judged(told, || config.unwrap())
}

fn zone(text: &str) -> Meaning {
    let listen = default_ns_addresses(&Config::default().dns.listen);
    let (zone, told) =
        zone_toml::parse(Path::new("zone.toml").into(), text.into(), &apex(), &listen);
    judged(told, || format!("{:?}", zone.unwrap()))
}

fn judged<T>(told: Vec<Diagnostic>, good: impl FnOnce() -> T) -> Result<T, Vec<Diagnostic>> {
    let bad = told.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if bad { Err(told) } else { Ok(good()) }
}

fn apex() -> Name {
    Name::parse(ZONE).unwrap()
}

/// The words between quotes in what a diagnostic says to write instead.
pub(super) fn advised(told: &[Diagnostic], about: &str) -> Vec<String> {
    let label = told.iter().find(|diagnostic| diagnostic.message.contains(about));
    let label = &label.unwrap_or_else(|| panic!("{about:?}: {told:?}")).label;
    label.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
