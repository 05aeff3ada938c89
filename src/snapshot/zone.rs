//! A zone as it is answered: its apex, its services, and the names that follow from them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::consul_names::ConsulNames;
use crate::model::dns::Soa;
use crate::model::name::{Label, Name};
use crate::model::service::{Tag, settled_ttl, ttl_seconds};
use crate::model::zone::ZoneSettings;
use crate::registry::statics::{StaticRecords, merge};
use crate::snapshot::changes::Changes;
use crate::snapshot::hot_entry::{HotEntry, Key};
use crate::snapshot::persistent_map::PersistentMap;
use crate::snapshot::selection::Selection;
use crate::snapshot::service::ServiceView;
use crate::snapshot::statics::StaticNames;
use crate::snapshot::target::Target;

/// Secondaries are told to come back within the hour; none can transfer yet.
const REFRESH: u32 = 3600;
/// RFC 1912 section 2.2: a fraction of the refresh.
const RETRY: u32 = 600;
/// RFC 1912 section 2.2 asks for weeks; a copy of live health is worth less than a day.
const EXPIRE: u32 = 86_400;
/// Tags of a service that have their own entries.
const MOST_TAGS: usize = 64;

/// One zone.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Whether its zone.toml was ever read; SERVFAIL until then.
    pub usable: bool,
    /// The start of authority, with the serial.
    pub soa: Soa,
    /// What stays while services change.
    pub facts: Arc<Facts>,
    /// By name.
    pub services: PersistentMap<Label, Arc<ServiceView>>,
    /// The commonest answers of services and of their tags.
    pub hot: PersistentMap<Key, HotEntry>,
    /// Of its services, for readers over HTTP.
    pub changes: Changes,
    /// Registered addresses, in any state, with the count of targets that have them. Each family
    /// alone: an entry of the shorter one is half as long.
    v4: PersistentMap<Ipv4Addr, u32>,
    v6: PersistentMap<Ipv6Addr, u32>,
    /// Carried tags, with the count of services that carry them.
    tags: PersistentMap<Tag, u32>,
}

/// What zone.toml and master files say, as it is answered.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The zone's name.
    pub apex: Name,
    /// The TTL of the SOA itself, in seconds.
    pub soa_ttl: u32,
    /// Of zone.toml, in seconds: the longest that the absence of a service may be kept.
    pub negative_ttl: u32,
    /// The TTL of `addr` names, in seconds.
    pub address_ttl: u32,
    /// Names that are no services, the apex among them.
    pub statics: StaticNames,
    /// The zone shows services of another zone, under Consul's names.
    pub consul: Option<Arc<ConsulNames>>,
    /// The primary server and the hostmaster, as the SOA of a negative answer spells them.
    pub spelled: [Spelled; 2],
}

/// A name as a message can spell it that asks for one below the apex.
#[derive(Clone, Debug)]
pub enum Spelled {
    /// In full.
    Whole(Name),
    /// The labels left of the apex; a pointer to it follows (RFC 1035 section 4.1.4).
    Below(Box<[u8]>),
}

impl Spelled {
    fn new(name: Name, apex: &Name) -> Self {
        match name.below(apex).and_then(|_| name.as_wire().strip_suffix(apex.as_wire())) {
            Some(labels) => Self::Below(labels.into()),
            None => Self::Whole(name),
        }
    }

    /// Its octets, and whether a pointer to the apex follows.
    pub fn octets(&self) -> (&[u8], bool) {
        match self {
            Self::Whole(name) => (name.as_wire(), false),
            Self::Below(labels) => (labels, true),
        }
    }
}

impl Facts {
    /// Puts together what stays until a file is changed.
    pub fn new(settings: &ZoneSettings, statics: &StaticRecords) -> Self {
        let negative_ttl = ttl_seconds(settings.negative_ttl);
        let Soa { mname, rname, .. } = soa(settings, statics, 0);
        Self {
            spelled: [mname, rname].map(|name| Spelled::new(name, &settings.apex)),
            apex: settings.apex.clone(),
            soa_ttl: statics.soa.as_ref().map_or(negative_ttl, |(ttl, _)| *ttl),
            negative_ttl,
            address_ttl: settled_ttl(settings.ttl, settings.min_ttl, std::iter::empty()),
            statics: StaticNames::build(&settings.apex, statics),
            consul: None,
        }
    }
}

impl Zone {
    /// A zone without services and master files.
    pub fn new(settings: &ZoneSettings, serial: u32) -> Self {
        let statics = merge(settings, &[]);
        Self {
            usable: true,
            soa: soa(settings, &statics, serial),
            facts: Arc::new(Facts::new(settings, &statics)),
            services: PersistentMap::default(),
            hot: PersistentMap::default(),
            changes: Changes::default(),
            v4: PersistentMap::default(),
            v6: PersistentMap::default(),
            tags: PersistentMap::default(),
        }
    }

    /// A zone that shows what another has.
    pub fn of_consul(settings: &ZoneSettings, names: &Arc<ConsulNames>, serial: u32) -> Self {
        let mut zone = Self::new(settings, serial);
        Arc::make_mut(&mut zone.facts).consul = Some(Arc::clone(names));
        zone
    }

    /// Shows the services of `other` from now on; their entries are for its names and stay there.
    pub fn show(&mut self, other: &Self) {
        self.usable = other.usable;
        self.services = other.services.clone();
        (self.v4, self.v6) = (other.v4.clone(), other.v6.clone());
        self.tags = other.tags.clone();
    }

    /// Takes new settings and static names; the services and the serial stay.
    pub fn reconfigure(&mut self, soa: Soa, facts: Arc<Facts>) {
        self.soa = Soa { serial: self.soa.serial, ..soa };
        self.facts = facts;
    }

    /// How long a negative answer may be kept, in seconds: the lesser of the SOA's TTL and its
    /// minimum (RFC 2308 section 5). In a zone with services it is at most zone.toml's
    /// `negative_ttl`, or absence would outlive health. This is the TTL of the SOA that is sent;
    /// the minimum in it stays as written, since resolvers take the lesser of the two.
    pub fn negative_ttl(&self) -> u32 {
        let written = self.facts.soa_ttl.min(self.soa.minimum);
        if self.services.is_empty() { written } else { written.min(self.facts.negative_ttl) }
    }

    /// Puts `view` in the place of the service called `name`, or takes it out. The cost is in
    /// proportion to that service's registration; to its names with entries, of which there are few,
    /// when only its health changed.
    pub fn replace(&mut self, name: &Label, view: Option<Arc<ServiceView>>) {
        let new = view.clone();
        let old = match view {
            Some(view) => self.services.insert(name.clone(), view),
            None => self.services.remove(name.as_str()),
        };
        if let (Some(old), Some(new)) = (&old, &new)
            && Arc::ptr_eq(&old.service, &new.service)
        {
            self.renew_entries(old, new);
            return;
        }
        if let Some(old) = &old {
            plain_names(old).for_each(|(key, _)| self.set_entry(key, None));
        }
        let targets = [&old, &new].map(|view| view.as_ref().map_or(&[][..], |view| &view.targets));
        let [gone, come] = differing(targets);
        if let Some(new) = &new {
            self.put_entries(new);
            addresses(come).for_each(|address| self.count_address(address));
            new.tags.keys().for_each(|tag| count(&mut self.tags, tag.clone()));
        }
        if let Some(old) = &old {
            addresses(gone).for_each(|address| self.discount_address(address));
            old.tags.keys().for_each(|tag| discount(&mut self.tags, tag));
        }
    }

    fn put_entries(&mut self, view: &ServiceView) {
        for (key, selection) in plain_names(view) {
            self.set_entry(key, HotEntry::new(view, selection));
        }
    }

    /// The same where the names are those of `old`. Both entries are made: the one in the table lies
    /// in memory far away, and most need not be touched.
    fn renew_entries(&mut self, old: &ServiceView, new: &ServiceView) {
        for ((key, selection), (its, before)) in plain_names(new).zip(plain_names(old)) {
            let entry = HotEntry::new(new, selection);
            // They come in one order, as long as the one's tags are a copy of the other's.
            let stays = key == its
                && HotEntry::are_same(entry.as_ref(), HotEntry::new(old, before).as_ref());
            if !stays {
                self.set_entry(key, entry);
            }
        }
    }

    /// An entry that is set to what it is copies nothing.
    fn set_entry(&mut self, key: Key, entry: Option<HotEntry>) {
        if HotEntry::are_same(self.hot.get(&key), entry.as_ref()) {
            return;
        }
        match entry {
            Some(entry) => drop(self.hot.insert(key, entry)),
            None => drop(self.hot.remove(&key)),
        }
    }

    /// The service of this name (folded).
    pub fn service(&self, name: &str) -> Option<&Arc<ServiceView>> {
        self.services.get(name)
    }

    /// Whether any target of the zone has `address`.
    pub fn has_address(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.v4.get(&address).is_some(),
            IpAddr::V6(address) => self.v6.get(&address).is_some(),
        }
    }

    fn count_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => count(&mut self.v4, address),
            IpAddr::V6(address) => count(&mut self.v6, address),
        }
    }

    fn discount_address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => discount(&mut self.v4, &address),
            IpAddr::V6(address) => discount(&mut self.v6, &address),
        }
    }

    /// Whether any service of the zone carries `tag` (folded).
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.get(tag).is_some()
    }
}

/// A service's name and those of its tags that have an entry, and what is answered there. With too
/// many tags a change would be dear, and only the service's own has one.
fn plain_names(view: &ServiceView) -> impl Iterator<Item = (Key, &Selection)> {
    let service = view.service.key.name.as_str();
    let tags = view
        .tags
        .iter()
        .filter(|(tag, _)| view.tags.len() <= MOST_TAGS && !tag.as_str().contains('.'));
    let tags =
        tags.map(move |(tag, selection)| (Key::of_labels([tag.as_str(), service]), selection));
    let names = [(Key::of_labels([service]), &view.all)].into_iter().chain(tags);
    // Addresses stand below that name.
    let names = names.filter(move |_| service != "addr");
    names.filter_map(|(key, selection)| Some((key?, &**selection)))
}

fn addresses(targets: &[Target]) -> impl Iterator<Item = IpAddr> {
    targets.iter().filter_map(|target| target.endpoint.address())
}

/// Both lists without the endpoints that they share at the beginning and at the end: of a long one
/// that changes in one place little is left.
fn differing([one, other]: [&[Target]; 2]) -> [&[Target]; 2] {
    let same = |(a, b): &(&Target, &Target)| a.endpoint == b.endpoint;
    let start = one.iter().zip(other).take_while(same).count();
    let [one, other] = [one, other].map(|list| list.split_at(start).1);
    let end = one.iter().rev().zip(other.iter().rev()).take_while(same).count();
    [one, other].map(|list| list.split_at(list.len() - end).0)
}

fn count<K: std::hash::Hash + Eq + Clone>(counts: &mut PersistentMap<K, u32>, key: K) {
    let so_far = counts.get(&key).copied().unwrap_or(0);
    counts.insert(key, so_far + 1);
}

fn discount<K: std::hash::Hash + Eq + Clone>(counts: &mut PersistentMap<K, u32>, key: &K) {
    match counts.get(key).copied() {
        Some(many) if many > 1 => drop(counts.insert(key.clone(), many - 1)),
        _ => drop(counts.remove(key)),
    }
}

/// The start of authority: a master file's, else what zone.toml says; the serial is ours.
pub fn soa(settings: &ZoneSettings, statics: &StaticRecords, serial: u32) -> Soa {
    if let Some((_, soa)) = &statics.soa {
        return Soa { serial, ..soa.clone() };
    }
    let mname = settings.nameservers.first().unwrap_or(&settings.apex).clone();
    Soa {
        mname,
        rname: settings.hostmaster.clone(),
        serial,
        refresh: REFRESH,
        retry: RETRY,
        expire: EXPIRE,
        minimum: ttl_seconds(settings.negative_ttl),
    }
}
