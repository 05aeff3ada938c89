//! The SRV records of a service and the addresses behind them, by the places of its instances.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::model::name::{Label, Name, NameError};
use crate::model::service::{Instance, Service};
use crate::snapshot::target::{Fitness, Target, is_eligible, named, targets_of};

/// See the module. Copies share the rows.
#[derive(Clone, Debug)]
pub struct SrvTable(Arc<Box<[SrvRow]>>);

/// What is sent of one instance.
#[derive(Clone, Debug)]
pub struct SrvRow {
    /// The target of its SRV record; `None` where there is no record.
    pub target: Option<Name>,
    /// Priority, weight and port as the record has them.
    pub numbers: [u8; 6],
    addresses: Addresses,
}

/// The commonest number of addresses takes no memory of its own.
#[derive(Clone, Debug)]
enum Addresses {
    One(IpAddr),
    Several(Box<[IpAddr]>),
}

impl SrvTable {
    /// The rows of `service`, whose targets stand in the order of their instances; `is_tag` tells
    /// the names that a tag takes from an instance.
    pub(super) fn build(
        service: &Service,
        targets: &[Target],
        is_tag: impl Fn(&str) -> bool,
    ) -> Self {
        let own = service.key.zone.child(service.key.name.as_str());
        let row = |(place, instance): (usize, &Instance)| {
            let its = targets_of(targets, place);
            let label = instance.id.name().map(Label::as_str).filter(|label| !is_tag(label));
            let mut addresses: Vec<IpAddr> = chosen(service, its).collect();
            if label.is_none() {
                // An `addr` name has the one address that it spells.
                addresses.truncate(1);
            }
            let target = match (instance.location.host(), label, &*addresses) {
                (Some(host), ..) => Some(host.clone()),
                (None, Some(label), _) => own.as_ref().ok().and_then(|own| own.child(label).ok()),
                (None, None, [first, ..]) => addr_name(&service.key.zone, *first).ok(),
                (None, None, []) => None,
            };
            let is_named = named(service, its).next().is_some();
            SrvRow {
                target: target.filter(|_| instance.port.is_some() && is_named),
                numbers: numbers(service, instance, its),
                addresses: match *addresses {
                    [address] => Addresses::One(address),
                    _ => Addresses::Several(addresses.into()),
                },
            }
        };
        Self(Arc::new(service.instances.iter().enumerate().map(row).collect()))
    }

    /// Where it stands in memory: copies stand in one place.
    pub(super) fn place(&self) -> *const Box<[SrvRow]> {
        Arc::as_ptr(&self.0)
    }

    /// The rows of the instances at these places that have an SRV record.
    #[inline]
    pub fn all(
        &self,
        places: impl Iterator<Item = usize> + Clone,
    ) -> impl Iterator<Item = &SrvRow> + Clone {
        places.filter_map(|place| self.0.get(place).filter(|row| row.target.is_some()))
    }

    pub fn get(&self, place: usize) -> Option<&SrvRow> {
        self.0.get(place)
    }
}

impl SrvRow {
    /// What the target's name answers: the fit addresses, or all when none is. None of a host.
    pub fn addresses(&self) -> &[IpAddr] {
        match &self.addresses {
            Addresses::One(address) => std::slice::from_ref(address),
            Addresses::Several(addresses) => addresses,
        }
    }

    /// The address, where it is one, and of IPv4.
    pub fn only_v4(&self) -> Option<Ipv4Addr> {
        match self.addresses {
            Addresses::One(IpAddr::V4(address)) => Some(address),
            Addresses::One(IpAddr::V6(_)) | Addresses::Several(_) => None,
        }
    }

    /// The one address of IPv6; `None` where there are several or none.
    pub fn only_v6(&self) -> Option<Ipv6Addr> {
        let mut all = self.addresses().iter().filter_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(*address),
        });
        all.next().filter(|_| all.next().is_none())
    }
}

/// Whether the instance at `place` has the same row with either of these targets of its service:
/// most changes of health leave it as it is.
pub(super) fn is_one_row(service: &Service, place: usize, targets: [&[Target]; 2]) -> bool {
    let [before, now] = targets.map(|targets| targets_of(targets, place));
    service.instances.get(place).is_none_or(|instance| {
        weight(service, instance, before) == weight(service, instance, now)
            && chosen(service, before).eq(chosen(service, now))
            && named(service, before).next().is_some() == named(service, now).next().is_some()
    })
}

/// The addresses that an instance's own name answers.
fn chosen(service: &Service, its: &[Target]) -> impl Iterator<Item = IpAddr> {
    named(service, its).filter_map(|target| target.endpoint.address())
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

fn numbers(service: &Service, instance: &Instance, targets: &[Target]) -> [u8; 6] {
    let [p0, p1] = instance.priority.to_be_bytes();
    let [w0, w1] = weight(service, instance, targets).to_be_bytes();
    let [o0, o1] = instance.port.unwrap_or(0).to_be_bytes();
    [p0, p1, w0, w1, o0, o1]
}
