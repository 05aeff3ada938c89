//! What a file is for, told by its name alone.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use crate::sources::Content;

/// What a file of a zone's folder is for; in the order a batch tells of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `zone.toml`: the settings of the zone.
    ZoneToml,
    Services,
    Master,
    Included,
    Consul,
}

/// The endings that are read; everything else in a zone's folder is left alone.
const ENDINGS: &[(&str, Kind)] = &[
    (".toml", Kind::Services),
    (".json", Kind::Consul),
    (".hcl", Kind::Consul),
    (".zone", Kind::Master),
    (".inc", Kind::Included),
];

impl Kind {
    /// `None` for a file that is none of ours.
    pub fn of(name: &OsStr) -> Option<Self> {
        if is_ignored(name) {
            return None;
        }
        if name == "zone.toml" {
            return Some(Self::ZoneToml);
        }
        let ends = |ending: &str| name.as_bytes().ends_with(ending.as_bytes());
        ENDINGS.iter().find(|(ending, _)| ends(ending)).map(|&(_, kind)| kind)
    }

    pub fn refused(self) -> Content {
        match self {
            Self::ZoneToml => Content::RefusedSettings,
            Self::Services | Self::Master | Self::Included | Self::Consul => Content::Refused,
        }
    }
}

pub(crate) fn is_ignored(name: &OsStr) -> bool {
    name.as_bytes().starts_with(b".") || name.as_bytes().ends_with(b"~")
}

/// A file of one zone's folder. Its order is the order within a batch: zone.toml, then by octets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FileKey {
    pub(crate) kind: Kind,
    pub(crate) name: OsString,
}

impl FileKey {
    pub(crate) fn of(name: &OsStr) -> Option<Self> {
        Some(Self { kind: Kind::of(name)?, name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_backups_and_other_endings_are_none_of_ours() {
        for name in [".web.toml", "web.toml~", "web.toml.bak", "web", "..data", "4913"] {
            assert_eq!(Kind::of(OsStr::new(name)), None, "{name}");
        }
        assert_eq!(Kind::of(OsStr::new("zone.toml")), Some(Kind::ZoneToml));
        assert_eq!(Kind::of(OsStr::new("web.toml")), Some(Kind::Services));
        assert_eq!(Kind::of(OsStr::new("a.zone")), Some(Kind::Master));
        assert_eq!(Kind::of(OsStr::new("a.inc")), Some(Kind::Included));
        assert_eq!(Kind::of(OsStr::new("web.json")), Some(Kind::Consul));
        assert_eq!(Kind::of(OsStr::new("web.hcl")), Some(Kind::Consul));
    }

    #[test]
    fn zone_toml_comes_before_every_other_file() {
        let key = |name| FileKey::of(OsStr::new(name)).unwrap();
        assert!(key("zone.toml") < key("a.toml"));
        assert!(key("B.toml") < key("a.toml"));
    }
}
