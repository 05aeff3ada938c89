//! The SRV records of a service and the addresses behind them, in the octets that are sent.
//!
//! One array of each for a whole service: a record is a copy of some of it.

use std::net::IpAddr;

use crate::model::name::{Label, MAX_NAME, Name, NameError};
use crate::model::service::{Instance, Service};
use crate::snapshot::service::{Fitness, Target, is_eligible};

/// The lines of all instances.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// By the instances' places.
    places: Box<[Place]>,
    names: Box<[u8]>,
    addresses: Box<[IpAddr]>,
}

/// Where an instance's line stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    words: [u8; 6],
    name_len: u8,
    name: u32,
    address: u32,
    addresses: u32,
}

/// What is sent of one instance.
#[derive(Clone, Copy, Debug)]
pub struct Line<'l> {
    /// Priority, weight and port, where it has a port.
    pub words: [u8; 6],
    /// The SRV record's target in wire form, folded; empty when there is no such record.
    pub target: &'l [u8],
    /// What the target's name answers: the fit addresses, or all when none is. None of a host.
    pub addresses: &'l [IpAddr],
}

impl Lines {
    /// The lines of `service`, whose targets stand in the order of their instances; `is_tag` tells
    /// the names that a tag takes from an instance.
    pub(super) fn build(
        service: &Service,
        targets: &[Target],
        is_tag: impl Fn(&str) -> bool,
    ) -> Self {
        let (mut places, mut names, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        let own = service.key.zone.child(service.key.name.as_str()).ok();
        let mut rest = targets;
        for (number, instance) in service.instances.iter().enumerate() {
            let end = rest.partition_point(|target| target.instance <= number);
            let (its, others) = rest.split_at(end);
            rest = others;
            let (name, address) = (names.len(), addresses.len());
            let any = its.iter().any(|t| is_eligible(service, t));
            let chosen = its.iter().filter(|t| !any || is_eligible(service, t));
            addresses.extend(chosen.filter_map(|t| t.endpoint.address()));
            let label = instance.id.name().map(Label::as_str).filter(|label| !is_tag(label));
            if label.is_none() {
                // An `addr` name has the one address that it spells.
                addresses.truncate(address + 1);
            }
            if instance.port.is_some() {
                let first = addresses.get(address).copied();
                put_target(instance, (label, own.as_ref()), (&service.key.zone, first), &mut names);
            }
            places.push(Place {
                words: words(service, instance, its),
                name_len: u8::try_from(names.len() - name).unwrap_or(0),
                name: offset(name),
                address: offset(address),
                addresses: offset(addresses.len() - address),
            });
        }
        Self { places: places.into(), names: names.into(), addresses: addresses.into() }
    }

    /// Reads where the lines stand, and gives anything of it: see `Probe::touch`.
    pub fn touch(&self) -> usize {
        self.places.len()
    }

    /// Reads where they begin, likewise.
    pub fn touch_all(&self) -> u8 {
        let name = self.names.first().copied().unwrap_or(0);
        let place = self.places.first().map_or(0, |place| place.name_len);
        let address = self.addresses.first().is_some_and(IpAddr::is_ipv4);
        name ^ place ^ u8::from(address)
    }

    /// The lines of the instances at these places that have an SRV record.
    pub fn all(
        &self,
        places: impl Iterator<Item = usize> + Clone,
    ) -> impl Iterator<Item = Line<'_>> + Clone {
        places.filter_map(|place| self.get(place).filter(|line| !line.target.is_empty()))
    }

    /// The line of the instance at this place.
    pub fn get(&self, place: usize) -> Option<Line<'_>> {
        let place = self.places.get(place)?;
        let name = usize::try_from(place.name).ok()?;
        let address = usize::try_from(place.address).ok()?;
        let addresses = usize::try_from(place.addresses).ok()?;
        Some(Line {
            words: place.words,
            target: self.names.get(name..)?.get(..usize::from(place.name_len))?,
            addresses: self.addresses.get(address..)?.get(..addresses)?,
        })
    }
}

/// Appends the target of an instance's SRV record: the host of an external instance; else the
/// instance's name, or the `addr` name of its first address where it has none.
fn put_target(
    instance: &Instance,
    (label, service): (Option<&str>, Option<&Name>),
    (apex, first): (&Name, Option<IpAddr>),
    names: &mut Vec<u8>,
) {
    if let Some(host) = instance.location.host() {
        names.extend_from_slice(host.as_wire());
    } else if let Some(label) = label {
        let Some(service) = service.map(Name::as_wire) else { return };
        // A longer name cannot be registered: `sources` measures it.
        if let Ok(len) = u8::try_from(label.len())
            && service.len() + label.len() < MAX_NAME
        {
            names.push(len);
            names.extend_from_slice(label.as_bytes());
            names.extend_from_slice(service);
        }
    } else if let Some(Ok(name)) = first.map(|address| addr_name(apex, address)) {
        names.extend_from_slice(name.as_wire());
    }
}

/// The name that spells an address.
pub fn addr_name(apex: &Name, address: IpAddr) -> Result<Name, NameError> {
    let hex = match address {
        IpAddr::V4(v4) => format!("{:08x}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:032x}", v6.to_bits()),
    };
    apex.child("addr")?.child(&hex)
}

/// The weight for an instance's state: warning when each of its fit addresses is.
pub fn weight(service: &Service, instance: &Instance, targets: &[Target]) -> u16 {
    let mut fit = targets.iter().filter(|t| is_eligible(service, t)).peekable();
    let any = fit.peek().is_some();
    let warning =
        any && fit.all(|t| matches!(t.standing.fitness, Fitness::Fit { warning: true, .. }));
    if warning { instance.weights.warning } else { instance.weights.passing }
}

fn words(service: &Service, instance: &Instance, targets: &[Target]) -> [u8; 6] {
    let [p0, p1] = instance.priority.to_be_bytes();
    let [w0, w1] = weight(service, instance, targets).to_be_bytes();
    let [o0, o1] = instance.port.unwrap_or(0).to_be_bytes();
    [p0, p1, w0, w1, o0, o1]
}

/// A service of so many instances that this fails does not fit the memory of any machine.
fn offset(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}
