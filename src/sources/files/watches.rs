//! Which real folders the kernel watches for us, and what each of them is to us.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::mem::ManuallyDrop;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode};
use notify::{EventKind, INotifyWatcher, RecursiveMode, Watcher};
use tracing::warn;

use crate::model::name::Name;
use crate::sources::files::disk::{LinkTarget, RootSurvey, ZoneSurvey};
use crate::sources::files::file::Identity;
use crate::sources::files::kind::FileKey;
use crate::sources::files::links::Anchor;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Closed,
    Created,
    MovedIn,
    Modified,
    Permitted,
    Vanished,
}

/// The kernel's word, as it came. A watch keeps its path when its folder is renamed away: the era tells
/// what was told of the folder before from what is told of the one that is there now.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) what: What,
    pub(crate) path: PathBuf,
    pub(crate) era: u64,
}

#[derive(Clone, Debug)]
pub(crate) enum Notice {
    Path(Told),
    Nudge,
}

/// Set beside a queue that may be full: neither an order nor a loss can get lost itself.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    pub(crate) overflow: AtomicBool,
    pub(crate) rescan: AtomicBool,
    pub(crate) stop: AtomicBool,
    era: AtomicU64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Owner {
    Root,
    Zone(Name),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// It holds a name that decides where `zones_dir`, or the zone's folder, is.
    Anchor(OsString),
    /// It holds a name that decides where a link in a zone's folder leads.
    Link(OsString),
    /// It is `zones_dir`.
    Root,
    /// It is a zone's. Where no name in it is a link, only files of ours matter.
    Zone { has_links: bool },
    /// It holds, under this name, what a link in a zone's folder leads to.
    LinkTarget(OsString, FileKey),
}

#[derive(Debug)]
pub(crate) struct Watches {
    watcher: Option<INotifyWatcher>,
    folders: BTreeMap<PathBuf, Folder>,
    owned: HashMap<Owner, HashSet<PathBuf>>,
    filter: Arc<ArcSwap<Filter>>,
    flags: Arc<Flags>,
    /// A folder could not be watched, and the log has been told.
    polling: bool,
}

#[derive(Debug, Default)]
struct Folder {
    /// What was there when the watch was placed; `None`: to be placed again.
    identity: Option<Identity>,
    since: u64,
    roles: Vec<(Owner, Role)>,
}

/// So many names of one folder are told apart; where there are more, all that happens there is passed on.
const MOST_NAMES: usize = 64;

/// Folders of which single names matter only: /tmp may be one, and should not fill the queue.
type Filter = HashMap<PathBuf, HashSet<OsString>>;

impl Watches {
    /// Watches nothing yet. Without inotify, nothing ever: then re-scans do the work.
    pub(crate) fn new(notices: SyncSender<Notice>, flags: Arc<Flags>) -> Self {
        let filter = Arc::new(ArcSwap::from_pointee(Filter::new()));
        let seen = Arc::clone(&filter);
        let told = Arc::clone(&flags);
        let handler = move |event| forward(event, &seen.load(), &notices, &told);
        let mut watches = Self {
            watcher: None,
            flags,
            folders: BTreeMap::new(),
            owned: HashMap::new(),
            filter,
            polling: false,
        };
        match INotifyWatcher::new(handler, notify::Config::default()) {
            // The library does not look whether its thread, which has the handler, could be made;
            // without that it panics when it is used, and when it is dropped.
            Ok(watcher) if Arc::strong_count(&watches.filter) == 1 => {
                let _kept = ManuallyDrop::new(watcher);
                let error = notify::Error::generic("cannot start a thread for it");
                watches.fall_back(Path::new(""), &error);
            }
            Ok(watcher) => watches.watcher = Some(watcher),
            Err(error) => watches.fall_back(Path::new(""), &error),
        }
        watches
    }

    /// Watches `zones_dir` and every name on the way that decides where it is. Whether any of that
    /// is new: something may have happened between the listing and the watch.
    pub(crate) fn place_root(&mut self, survey: &RootSurvey) -> bool {
        let mut is_new = false;
        let mut roles = Vec::new();
        for (Anchor { folder, name }, identity) in &survey.anchors {
            is_new |= self.ensure(folder, *identity);
            roles.push((folder.clone(), Role::Anchor(name.clone())));
        }
        if let Some((real, identity)) = &survey.real {
            is_new |= self.ensure(real, *identity);
            roles.push((real.clone(), Role::Root));
        }
        self.assign(&Owner::Root, roles);
        is_new
    }

    /// Watches a zone's real folder and what its links lead to; whether any of that is new.
    pub(crate) fn place_zone(&mut self, name: &Name, survey: &ZoneSurvey) -> bool {
        let ZoneSurvey { real, listing, has_links, targets, anchors, links } = survey;
        let mut is_new = self.ensure(real, listing.identity);
        let mut roles = vec![(real.clone(), Role::Zone { has_links: *has_links })];
        for LinkTarget { folder, identity, name, key } in targets {
            is_new |= self.ensure(folder, *identity);
            roles.push((folder.clone(), Role::LinkTarget(name.clone(), key.clone())));
        }
        for (Anchor { folder, name }, identity) in anchors {
            is_new |= self.ensure(folder, *identity);
            roles.push((folder.clone(), Role::Anchor(name.clone())));
        }
        for (Anchor { folder, name }, identity) in links {
            is_new |= self.ensure(folder, *identity);
            roles.push((folder.clone(), Role::Link(name.clone())));
        }
        self.assign(&Owner::Zone(name.clone()), roles);
        is_new
    }

    pub(crate) fn release_zone(&mut self, name: &Name) {
        self.assign(&Owner::Zone(name.clone()), Vec::new());
    }

    /// Watches `folder`, which was this when it was looked at; whether that is new.
    fn ensure(&mut self, folder: &Path, identity: Identity) -> bool {
        let entry = self.folders.entry(folder.to_owned()).or_default();
        if entry.identity == Some(identity) {
            return false;
        }
        entry.identity = None;
        let Some(watcher) = &mut self.watcher else { return false };
        // What is watched under this path may have been moved away or be gone already.
        let _ = watcher.unwatch(folder);
        // What was told until now was told of that.
        entry.since = self.flags.era.fetch_add(1, Ordering::SeqCst) + 1;
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                entry.identity = Some(identity);
                return true;
            }
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => (),
            Err(error) => self.fall_back(folder, &error),
        }
        false
    }

    /// Makes `roles` all that `owner` wants; folders that nobody wants any more are let go.
    fn assign(&mut self, owner: &Owner, roles: Vec<(PathBuf, Role)>) {
        let old = self.owned.remove(owner).unwrap_or_default();
        for folder in &old {
            if let Some(entry) = self.folders.get_mut(folder) {
                entry.roles.retain(|(held, _)| held != owner);
            }
        }
        let mut new = HashSet::new();
        for (folder, role) in roles {
            let entry = self.folders.entry(folder.clone()).or_default();
            entry.roles.push((owner.clone(), role));
            new.insert(folder);
        }
        let changed = old.union(&new).cloned().collect();
        for folder in old {
            self.release(&folder);
        }
        if !new.is_empty() {
            self.owned.insert(owner.clone(), new);
        }
        self.publish_filter(changed);
    }

    /// Of folders that only hold names on the way to others, lets only these names through. What was
    /// kept back until now is seen by the listing that follows every assignment.
    fn publish_filter(&self, changed: HashSet<PathBuf>) {
        let before = self.filter.load();
        let mut filter = Cow::Borrowed(&**before);
        for folder in changed {
            let names = self.names_that_matter(&folder);
            if filter.get(&folder) == names.as_ref() {
                continue;
            }
            match names {
                Some(names) => drop(filter.to_mut().insert(folder, names)),
                None => drop(filter.to_mut().remove(&folder)),
            }
        }
        if let Cow::Owned(filter) = filter {
            self.filter.store(Arc::new(filter));
        }
    }

    /// `None` where every name may.
    fn names_that_matter(&self, folder: &Path) -> Option<HashSet<OsString>> {
        let roles = self.roles(folder);
        let name = |(_, role): &(Owner, Role)| match role {
            Role::Anchor(name) | Role::Link(name) => Some(name.clone()),
            Role::Root | Role::Zone { .. } | Role::LinkTarget(_, _) => None,
        };
        if roles.is_empty() || roles.len() > MOST_NAMES {
            return None;
        }
        roles.iter().map(name).collect()
    }

    /// What `folder` is, and to whom.
    pub(crate) fn roles(&self, folder: &Path) -> &[(Owner, Role)] {
        self.folders.get(folder).map_or(&[], |entry| &entry.roles)
    }

    /// The same for what was told; nothing where it was told of what was there before.
    pub(crate) fn roles_when(&self, folder: &Path, told: &Told) -> &[(Owner, Role)] {
        let entry = self.folders.get(folder).filter(|entry| entry.since <= told.era);
        entry.map_or(&[], |entry| &entry.roles)
    }

    /// A path vanished, and with it the watches at and below it. Whose they were.
    pub(crate) fn forget_below(&mut self, told: &Told) -> Vec<Owner> {
        let (path, mut owners) = (&*told.path, Vec::new());
        // Paths are ordered by their parts: what is below one follows it.
        let below = self.folders.range_mut::<Path, _>((Bound::Included(path), Bound::Unbounded));
        let below = below.take_while(|(folder, _)| folder.starts_with(path));
        for (_, entry) in below.filter(|(_, entry)| entry.since <= told.era) {
            entry.identity = None;
            owners.extend(entry.roles.iter().map(|(owner, _)| owner.clone()));
        }
        owners
    }

    /// Notices were lost, perhaps that of a watch that ended.
    pub(crate) fn forget_all(&mut self) {
        self.folders.values_mut().for_each(|entry| entry.identity = None);
    }

    fn release(&mut self, folder: &Path) {
        if !self.folders.get(folder).is_some_and(|entry| entry.roles.is_empty()) {
            return;
        }
        self.folders.remove(folder);
        if let Some(watcher) = &mut self.watcher {
            // It may be gone already.
            let _ = watcher.unwatch(folder);
        }
    }

    fn fall_back(&mut self, folder: &Path, error: &notify::Error) {
        if !self.polling {
            self.polling = true;
            warn!(folder = %folder.display(), %error, "cannot watch a directory, polling instead");
        }
    }
}

/// Passes an event of the kernel on; called on notify's own thread.
fn forward(
    event: notify::Result<notify::Event>,
    filter: &Filter,
    notices: &SyncSender<Notice>,
    flags: &Flags,
) {
    let Ok(event) = event else { return overflow(notices, flags) };
    if event.need_rescan() {
        return overflow(notices, flags);
    }
    let Some(what) = what(event.kind) else { return };
    for path in event.paths {
        if let (Some(folder), Some(name)) = (path.parent(), path.file_name())
            && filter.get(folder).is_some_and(|names| !names.contains(name))
        {
            continue;
        }
        let told = Told { what, path, era: flags.era.load(Ordering::SeqCst) };
        if let Err(TrySendError::Full(_)) = notices.try_send(Notice::Path(told)) {
            flags.overflow.store(true, Ordering::SeqCst);
        }
    }
}

fn overflow(notices: &SyncSender<Notice>, flags: &Flags) {
    flags.overflow.store(true, Ordering::SeqCst);
    // A full queue will be looked at anyway.
    let _ = notices.try_send(Notice::Nudge);
}

fn what(kind: EventKind) -> Option<What> {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(What::Closed),
        EventKind::Create(CreateKind::File | CreateKind::Folder) => Some(What::Created),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Some(What::MovedIn),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Some(What::Vanished),
        EventKind::Modify(ModifyKind::Data(_)) => Some(What::Modified),
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(What::Permitted),
        EventKind::Remove(_) => Some(What::Vanished),
        _ => None,
    }
}

pub(crate) fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    Some((path.parent()?, path.file_name()?))
}
