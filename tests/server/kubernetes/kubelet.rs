//! Writes a ConfigMap volume as kubelet's `AtomicWriter` does, step by step.
//!
//! What the container sees is `web.toml -> ..data/web.toml` and `..data -> ..2026_01_02_15_04_05.7`;
//! an update makes a new folder beside the old one and renames a link over `..data`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// When links of new keys are made: older kubelets point them at nothing for a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NewLinks {
    BeforeTheSwap,
    AfterTheSwap,
}

/// A mounted volume.
pub(crate) struct Volume {
    folder: PathBuf,
    new_links: NewLinks,
    versions: u32,
}

impl Volume {
    /// The mount point, still empty.
    pub(crate) fn mount(folder: PathBuf, new_links: NewLinks) -> Self {
        fs::create_dir_all(&folder).unwrap();
        Self { folder, new_links, versions: 0 }
    }

    /// Makes the volume hold these keys and no others.
    pub(crate) fn write(&mut self, keys: &[(&str, String)]) {
        let old = fs::read_link(self.folder.join(DATA)).ok();
        let gone = old.as_ref().map(|old| self.gone(old, keys)).unwrap_or_default();

        self.versions += 1;
        let new = PathBuf::from(format!("..2026_01_02_15_04_05.{}", self.versions));
        let new_folder = self.folder.join(&new);
        fs::create_dir(&new_folder).unwrap();
        mode(&new_folder, 0o755);
        for (key, text) in keys {
            fs::write(new_folder.join(key), text).unwrap();
            mode(&new_folder.join(key), 0o644);
        }

        if matches!(self.new_links, NewLinks::BeforeTheSwap) {
            self.link(keys);
        }
        symlink(&new, self.folder.join(NEW_DATA)).unwrap();
        fs::rename(self.folder.join(NEW_DATA), self.folder.join(DATA)).unwrap();
        if matches!(self.new_links, NewLinks::AfterTheSwap) {
            self.link(keys);
        }

        for key in gone {
            fs::remove_file(self.folder.join(key)).unwrap();
        }
        if let Some(old) = old {
            fs::remove_dir_all(self.folder.join(old)).unwrap();
        }
    }

    /// Keys of the old version that the new one has not.
    fn gone(&self, old: &Path, keys: &[(&str, String)]) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.join(old)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| keys.iter().all(|(key, _)| key != name)).collect()
    }

    fn link(&self, keys: &[(&str, String)]) {
        for (key, _) in keys {
            let visible = self.folder.join(key);
            if fs::read_link(&visible).is_err() {
                symlink(Path::new(DATA).join(key), visible).unwrap();
            }
        }
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
