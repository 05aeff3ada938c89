//! The demo's files: a folder below the system's temporary one, gone when the demo ends.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::Context;

use crate::cli::demo::backends::Backends;

pub(super) const ZONE: &str = "service.internal";

/// Folders that demos of the same process id may have left behind.
const ATTEMPTS: u32 = 16;

#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Writes the zone with one service of all the backends.
    pub(super) fn make(backends: &Backends) -> anyhow::Result<Self> {
        let folder = Self::claim().context("cannot create a temporary directory for the demo")?;
        let zone = folder.zones().join(ZONE);
        let path = zone.join("web.toml");
        fs::create_dir_all(&zone)
            .and_then(|()| fs::write(&path, registration(backends)))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(folder)
    }

    /// A folder that nobody else has, or may look into.
    fn claim() -> io::Result<Self> {
        let base = std::env::temp_dir();
        let mut attempt = 0;
        loop {
            let path = base.join(format!("livezone-demo-{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    pub(super) fn zones(&self) -> PathBuf {
        self.0.join("zones")
    }

    pub(super) fn state(&self) -> PathBuf {
        self.0.join("state")
    }

    pub(super) fn remove(self) -> anyhow::Result<()> {
        fs::remove_dir_all(&self.0)
            .with_context(|| format!("cannot remove the demo's directory {}", self.0.display()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Removed already, but where the demo failed on its way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn registration(backends: &Backends) -> String {
    let port = backends.addresses[0].port();
    let mut text = format!(
        "[[service]]\nname = \"web\"\nport = {port}\n\n\
         [[service.check]]\nhttp = \"/health\"\ninterval = \"1s\"\ntimeout = \"1s\"\n"
    );
    for (number, address) in (1..).zip(backends.addresses) {
        let instance = format!(
            "\n[[service.instance]]\nid = \"web-{number}\"\naddress = \"{}\"\n",
            address.ip()
        );
        text.push_str(&instance);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::zones;
    use crate::config::Config;
    use crate::sources::files::parse::Host;
    use crate::sources::{Change, Content};

    #[test]
    fn the_folder_holds_a_good_zone_and_is_gone_afterwards() {
        let backends = Backends::start().unwrap();
        let folder = Folder::make(&backends).unwrap();
        backends.stop();
        let read = zones::read_all(&folder.zones(), &Host::new(&Config::default()));
        assert_eq!(read.diagnostics, []);
        let [Change::Zone(..), Change::Put(file)] = &read.changes[..] else { panic!("{read:?}") };
        assert_eq!(file.diagnostics, []);
        let Content::Services(document) = &file.content else { panic!("{file:?}") };
        assert_eq!(document.services[0].instances.len(), 3);
        let path = folder.0.clone();
        folder.remove().unwrap();
        assert!(!path.exists());
    }
}
