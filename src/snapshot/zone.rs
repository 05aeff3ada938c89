//! A zone as it is answered: its apex, its services, and the names that follow from them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::model::dns::Soa;
use crate::model::name::{Label, Name};
use crate::model::service::{Tag, settled_ttl, ttl_seconds};
use crate::model::zone::ZoneSettings;
use crate::snapshot::service::ServiceView;
use crate::snapshot::shards::Shards;

/// Secondaries are told to come back within the hour; none can transfer yet.
const REFRESH: u32 = 3600;
/// RFC 1912 section 2.2: a fraction of the refresh.
const RETRY: u32 = 600;
/// RFC 1912 section 2.2 asks for weeks; a copy of live health is worth less than a day.
const EXPIRE: u32 = 86_400;
/// Name servers and static addresses change by hand: resolvers may keep them for a minute.
pub const STATIC_TTL: u32 = 60;

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
    pub services: Shards<Label, Arc<ServiceView>>,
    /// Registered addresses, in any state, with the count of targets that have them.
    addresses: Shards<IpAddr, usize>,
    /// Carried tags, with the count of services that carry them.
    tags: Shards<Tag, usize>,
}

/// What zone.toml says, as it is answered.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The zone's name.
    pub apex: Name,
    /// The NS records' targets.
    pub nameservers: Vec<Name>,
    /// The TTL of `addr` names, in seconds.
    pub address_ttl: u32,
    /// Addresses of names that are no services.
    pub statics: BTreeMap<Name, Vec<IpAddr>>,
    /// Names without records between the apex and static names.
    pub empty: BTreeSet<Name>,
}

impl Zone {
    /// A zone without services.
    pub fn new(settings: &ZoneSettings, serial: u32) -> Self {
        Self {
            usable: true,
            soa: soa(settings, serial),
            facts: Arc::new(facts(settings)),
            services: Shards::default(),
            addresses: Shards::default(),
            tags: Shards::default(),
        }
    }

    /// Takes new settings; the services stay until they are replaced.
    pub fn reconfigure(&mut self, settings: &ZoneSettings) {
        self.soa = soa(settings, self.soa.serial);
        self.facts = Arc::new(facts(settings));
    }

    /// Puts `view` in the place of the service called `name`, or takes it out. The cost is in
    /// proportion to that service's registration, and to nothing when only its health changed.
    pub fn replace(&mut self, name: &Label, view: Option<Arc<ServiceView>>) {
        let new = view.clone();
        let old = match view {
            Some(view) => self.services.insert(name.clone(), view),
            None => self.services.remove(name.as_str()),
        };
        if let (Some(old), Some(new)) = (&old, &new)
            && Arc::ptr_eq(&old.service, &new.service)
        {
            return;
        }
        if let Some(new) = &new {
            addresses(new).for_each(|address| count(&mut self.addresses, address));
            new.tags.keys().for_each(|tag| count(&mut self.tags, tag.clone()));
        }
        if let Some(old) = &old {
            addresses(old).for_each(|address| discount(&mut self.addresses, &address));
            old.tags.keys().for_each(|tag| discount(&mut self.tags, tag));
        }
    }

    /// Whether any target of the zone has `address`.
    pub fn has_address(&self, address: IpAddr) -> bool {
        self.addresses.get(&address).is_some()
    }

    /// Whether any service of the zone carries `tag` (folded).
    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.get(tag).is_some()
    }
}

fn addresses(view: &ServiceView) -> impl Iterator<Item = IpAddr> {
    view.targets.iter().filter_map(|target| target.endpoint.address())
}

fn count<K: std::hash::Hash + Eq + Clone>(counts: &mut Shards<K, usize>, key: K) {
    let so_far = counts.get(&key).copied().unwrap_or(0);
    counts.insert(key, so_far + 1);
}

fn discount<K: std::hash::Hash + Eq + Clone>(counts: &mut Shards<K, usize>, key: &K) {
    match counts.get(key).copied() {
        Some(many) if many > 1 => drop(counts.insert(key.clone(), many - 1)),
        _ => drop(counts.remove(key)),
    }
}

fn soa(settings: &ZoneSettings, serial: u32) -> Soa {
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

fn facts(settings: &ZoneSettings) -> Facts {
    let apex = settings.apex.clone();
    let statics: BTreeMap<_, _> = settings.static_addresses.iter().cloned().collect();
    let mut empty = BTreeSet::new();
    for name in statics.keys() {
        let mut above = name.parent();
        while let Some(name) = above.filter(|name| *name != apex) {
            above = name.parent();
            if !statics.contains_key(&name) {
                empty.insert(name);
            }
        }
    }
    let address_ttl = settled_ttl(settings.ttl, settings.min_ttl, std::iter::empty());
    Facts { apex, nameservers: settings.nameservers.clone(), address_ttl, statics, empty }
}
