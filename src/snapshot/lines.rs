//! The SRV records of a service and the addresses behind them, in the octets that are sent.
//!
//! All of a service's stand in one piece of memory, and what leads to it is one pointer: whoever has
//! that can have all the lines fetched at once.
//!
//! | octets | what |
//! |---|---|
//! | 4 for each instance, and 4 | where its line begins, and where the last one ends; little endian |
//! | lines | see `Line` |

use std::ffi::c_void;
use std::net::IpAddr;

use triomphe::ThinArc;

use crate::model::dns::Rtype;
use crate::model::name::{Label, MAX_NAME, Name, NameError};
use crate::model::service::{Instance, Service};
use crate::snapshot::service::{Fitness, Target, is_eligible, targets_of};

/// Octets of a place.
const PLACE: usize = 4;
/// The length of an SRV record's data, and its priority, weight and port.
const BEFORE_TARGET: usize = 8;
/// What the processor fetches at once.
const CACHE_LINE: usize = 64;

/// The lines of all instances, by their places.
#[derive(Clone, Debug)]
pub struct Lines(ThinArc<(), u8>);

/// What is sent of one instance.
#[derive(Clone, Debug)]
pub struct Line<'l> {
    /// The data of its SRV record behind two octets of its length: priority, weight, port, and the
    /// target in wire form, folded. The length is 0 when there is no such record.
    data: &'l [u8],
    /// What the target's name answers: the fit addresses, or all when none is. None of a host.
    pub addresses: Sets<'l>,
}

/// Addresses in sets of one type. Each set has an octet for the length of an address, two for their
/// count, and then the addresses.
#[derive(Clone, Debug)]
pub struct Sets<'l>(&'l [u8]);

/// Addresses of one type, one at least.
#[derive(Clone, Copy, Debug)]
pub struct Set<'l> {
    /// A or AAAA.
    pub rtype: Rtype,
    /// How many there are.
    pub count: u16,
    len: usize,
    octets: &'l [u8],
}

impl Lines {
    /// The lines of `service`, whose targets stand in the order of their instances; `is_tag` tells
    /// the names that a tag takes from an instance.
    pub(super) fn build(
        service: &Service,
        targets: &[Target],
        is_tag: impl Fn(&str) -> bool,
    ) -> Self {
        let places = (service.instances.len() + 1) * PLACE;
        let mut octets = vec![0; places];
        let own = service.key.zone.child(service.key.name.as_str()).ok();
        let mut rest = targets;
        for (number, instance) in service.instances.iter().enumerate() {
            put_place(number, &mut octets);
            let end = rest.partition_point(|target| target.instance <= number);
            let (its, others) = rest.split_at(end);
            rest = others;
            let mut addresses: Vec<IpAddr> = chosen(service, its).collect();
            let label = instance.id.name().map(Label::as_str).filter(|label| !is_tag(label));
            if label.is_none() {
                // An `addr` name has the one address that it spells.
                addresses.truncate(1);
            }
            let mut target = Vec::new();
            if instance.port.is_some() {
                let names = (label, own.as_ref());
                let first = addresses.first().copied();
                put_target(instance, names, (&service.key.zone, first), &mut target);
            }
            put_data(words(service, instance, its), &target, &mut octets);
            put_sets(&addresses, &mut octets);
        }
        put_place(service.instances.len(), &mut octets);
        Self(ThinArc::from_header_and_slice((), &octets))
    }

    /// Where they stand in memory: copies stand in one place.
    pub(super) fn place(&self) -> *const c_void {
        self.0.ptr()
    }

    /// Reads the first of the lines, and gives anything of them: see `Probe::touch`. The processor
    /// does not wait for the length of the piece, but goes by what the lengths of others were.
    #[inline]
    pub fn touch(&self) -> u8 {
        let lines = self.0.slice.iter().step_by(CACHE_LINE).take(4);
        lines.fold(0, |sum, octet| sum ^ octet)
    }

    /// The lines of the instances at these places that have an SRV record.
    pub fn all(
        &self,
        places: impl Iterator<Item = usize> + Clone,
    ) -> impl Iterator<Item = Line<'_>> + Clone {
        places.filter_map(|place| self.get(place).filter(Line::has_record))
    }

    /// The line of the instance at this place.
    pub fn get(&self, place: usize) -> Option<Line<'_>> {
        let octets = &self.0.slice;
        let places = octets.get(place.checked_mul(PLACE)?..)?;
        let &[s0, s1, s2, s3, e0, e1, e2, e3] = places.first_chunk()?;
        let start = usize::try_from(u32::from_le_bytes([s0, s1, s2, s3])).ok()?;
        let end = usize::try_from(u32::from_le_bytes([e0, e1, e2, e3])).ok()?;
        let line = octets.get(start..end)?;
        let len = usize::from(u16::from_be_bytes(*line.first_chunk()?));
        let (data, sets) = line.split_at_checked(len.checked_add(2)?)?;
        Some(Line { data, addresses: Sets(sets) })
    }
}

impl<'l> Line<'l> {
    /// Whether there is an SRV record.
    pub fn has_record(&self) -> bool {
        self.data.len() > BEFORE_TARGET
    }

    /// The length and the data of the SRV record.
    pub fn data(&self) -> &'l [u8] {
        self.data
    }

    /// Where the target begins in `data`.
    pub const TARGET: usize = BEFORE_TARGET;
}

impl<'l> Iterator for Sets<'l> {
    type Item = Set<'l>;

    fn next(&mut self) -> Option<Set<'l>> {
        let (&[len, count0, count1], rest) = self.0.split_first_chunk()?;
        let rtype = if len == 4 { Rtype::A } else { Rtype::AAAA };
        let len = usize::from(len);
        let count = u16::from_be_bytes([count0, count1]);
        let all = usize::from(count).checked_mul(len)?;
        let (octets, others) = rest.split_at_checked(all)?;
        self.0 = others;
        Some(Set { rtype, count, len, octets })
    }
}

impl<'l> Set<'l> {
    /// The octets of each address.
    pub fn addresses(&self) -> impl Iterator<Item = &'l [u8]> + use<'l> {
        let (len, mut rest) = (self.len, self.octets);
        // `chunks_exact` divides, which takes as long as to write one.
        (0..self.count).map_while(move |_| {
            let (address, others) = rest.split_at_checked(len)?;
            rest = others;
            Some(address)
        })
    }

    /// The octets of one.
    pub fn len_of_each(&self) -> usize {
        self.len
    }
}

/// Whether the instance at `place` has the same line with either of these targets of its service:
/// most changes of health leave it as it is.
pub(super) fn is_one_line(service: &Service, place: usize, targets: [&[Target]; 2]) -> bool {
    let [before, now] = targets.map(|targets| targets_of(targets, place));
    service.instances.get(place).is_none_or(|instance| {
        weight(service, instance, before) == weight(service, instance, now)
            && chosen(service, before).eq(chosen(service, now))
    })
}

/// The fit addresses of an instance, or all where none is.
fn chosen(service: &Service, its: &[Target]) -> impl Iterator<Item = IpAddr> {
    let any = its.iter().any(|t| is_eligible(service, t));
    let chosen = its.iter().filter(move |t| !any || is_eligible(service, t));
    chosen.filter_map(|t| t.endpoint.address())
}

/// The line at this place begins here, or the one before it ends.
fn put_place(place: usize, octets: &mut [u8]) {
    // A service of so many instances that this fails does not fit the memory of any machine.
    let here = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_le_bytes();
    let field = octets.get_mut(place * PLACE..).and_then(|rest| rest.first_chunk_mut());
    if let Some(field) = field {
        *field = here;
    }
}

fn put_data(words: [u8; 6], target: &[u8], octets: &mut Vec<u8>) {
    let data = if target.is_empty() { Vec::new() } else { [&words, target].concat() };
    octets.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
    octets.extend(data);
}

fn put_sets(addresses: &[IpAddr], octets: &mut Vec<u8>) {
    let of_one_type = addresses.chunk_by(|one, next| one.is_ipv4() == next.is_ipv4());
    for set in of_one_type.flat_map(|set| set.chunks(u16::MAX.into())) {
        octets.push(if set.iter().all(IpAddr::is_ipv4) { 4 } else { 16 });
        octets.extend(u16::try_from(set.len()).unwrap_or(0).to_be_bytes());
        for address in set {
            match address {
                IpAddr::V4(address) => octets.extend(address.octets()),
                IpAddr::V6(address) => octets.extend(address.octets()),
            }
        }
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
