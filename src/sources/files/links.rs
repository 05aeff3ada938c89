//! Which names on the way to a path decide where it leads.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

const MAX_LINKS: usize = 40;

/// A name whose replacement changes where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    pub(crate) folder: PathBuf,
    pub(crate) name: OsString,
}

/// Every link met on the way to `path` (absolute) and the end itself, or the first name that is
/// missing.
pub(crate) fn anchors(path: &Path) -> Vec<Anchor> {
    anchors_from(Path::new("/"), path)
}

/// The same for a path below `folder`, a real one.
pub(crate) fn anchors_from(folder: &Path, path: impl AsRef<Path>) -> Vec<Anchor> {
    let mut anchors = Vec::new();
    let mut rest = parts(path.as_ref());
    let mut here = folder.to_owned();
    let mut links = 0;
    while let Some(part) = rest.pop() {
        if part == ".." {
            here.pop();
            continue;
        }
        let anchor = || Anchor { folder: here.clone(), name: part.clone() };
        let there = here.join(&part);
        let Ok(metadata) = fs::symlink_metadata(&there) else {
            anchors.push(anchor());
            return anchors;
        };
        if metadata.is_symlink() {
            anchors.push(anchor());
            links += 1;
            let Ok(target) = fs::read_link(&there) else { return anchors };
            if links > MAX_LINKS {
                return anchors;
            }
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            rest.extend(parts(&target));
            continue;
        }
        if rest.is_empty() {
            anchors.push(anchor());
        }
        here = there;
    }
    anchors
}

fn parts(path: &Path) -> Vec<OsString> {
    let name = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsString::from("..")),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    };
    path.components().rev().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn anchor(folder: &Path, name: &str) -> Anchor {
        Anchor { folder: folder.to_owned(), name: name.into() }
    }

    #[test]
    fn every_link_on_the_way_and_the_end_are_anchors() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        fs::create_dir_all(top.join("v1/etc/zones")).unwrap();
        symlink("v1", top.join("current")).unwrap();
        symlink("../current/etc", top.join("v1/link")).unwrap();
        let expected = [
            anchor(&top, "current"),
            anchor(&top.join("v1"), "link"),
            anchor(&top, "current"),
            anchor(&top.join("v1/etc"), "zones"),
        ];
        assert_eq!(anchors(&top.join("current/link/zones")), expected);
    }

    #[test]
    fn a_missing_name_and_a_loop_end_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        symlink("loop", top.join("loop")).unwrap();
        assert_eq!(anchors(&top.join("missing/zones")), [anchor(&top, "missing")]);
        let looping = anchors(&top.join("loop/zones"));
        assert!(looping.iter().all(|found| *found == anchor(&top, "loop")));
    }
}
