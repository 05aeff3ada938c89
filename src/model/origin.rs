//! Who registers: where an entry of the catalogue comes from, and what it is called there.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A source of registrations. The order is the precedence: of two that say different things of the
/// same, the first one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    #[default]
    Files,
    Api,
}

impl Origin {
    pub fn word(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Api => "api",
        }
    }
}

/// What a source replaces as a whole: a file, a registration. Of one source's entries the first by
/// octets of the key counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId {
    pub origin: Origin,
    pub key: Arc<str>,
}

impl EntryId {
    /// A file's entry. Each octet of the path is the character of that number: no two paths share a
    /// key, whatever their octets are, and keys are in the order of these octets.
    pub fn of_file(path: &Path) -> Self {
        let octets = path.as_os_str().as_bytes().iter();
        let key: String = octets.map(|octet| char::from(*octet)).collect();
        Self { origin: Origin::Files, key: key.into() }
    }

    /// The path of a file's entry; `None` for what is no file.
    pub fn path(&self) -> Option<PathBuf> {
        let octets = || self.key.chars().map(u8::try_from).collect::<Result<Vec<_>, _>>().ok();
        match self.origin {
            Origin::Files => Some(OsString::from_vec(octets()?).into()),
            Origin::Api => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(octets: &[u8]) -> PathBuf {
        OsString::from_vec(octets.to_vec()).into()
    }

    proptest! {
        #[test]
        fn keys_of_files_are_in_the_order_of_their_paths_octets_and_lead_back(
            one: Vec<u8>,
            other: Vec<u8>,
        ) {
            let ids = [&one, &other].map(|octets| EntryId::of_file(&path(octets)));
            prop_assert_eq!(ids[0].cmp(&ids[1]), one.cmp(&other));
            let path = ids[0].path().unwrap();
            prop_assert_eq!(path.as_os_str().as_bytes(), &*one);
        }
    }

    #[test]
    fn paths_that_are_shown_alike_have_keys_of_their_own() {
        let octets: [&[u8]; 4] = [b"\xff", b"\xfe", b"\\xff", "\u{fffd}".as_bytes()];
        let keys: std::collections::BTreeSet<_> =
            octets.iter().map(|octets| EntryId::of_file(&path(octets))).collect();
        assert_eq!(keys.len(), octets.len());
    }

    #[test]
    fn files_come_before_the_api_whatever_their_keys_are() {
        let api = EntryId { origin: Origin::Api, key: "a".into() };
        assert!(EntryId::of_file(Path::new("z")) < api);
        assert_eq!(api.path(), None);
    }
}
