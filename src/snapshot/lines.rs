//! The SRV records of a service and the addresses behind them, in the octets that are sent.
//!
//! All of a service's stand in one piece of memory, and what leads to it is one pointer: whoever has
//! that can have all the lines fetched at once. The targets of most end with the service's name,
//! which stands there once.
//!
//! | octets | what |
//! |---|---|
//! | 1 | the length of the service's name |
//! | so many | that name in wire form, folded |
//! | 4 for each instance, and 4 | where its line begins, and where the last one ends; little endian |
//! | lines | see below |
//! | 8 | nothing: what is short may be read by pieces of one length |
//!
//! | octets of a line | what |
//! |---|---|
//! | 8 | the length of its SRV record's data, 0 where it has none; priority, weight, port |
//! | 1 | the length of what its target does not share with the service's name |
//! | 1 | where in the service's name the target goes on |
//! | so many | the first part of the target in wire form, folded |
//! | the others | see `Sets` |

use std::ffi::c_void;
use std::net::IpAddr;

use prefetch_index::prefetch_index;
use triomphe::ThinArc;

use crate::model::dns::Rtype;
use crate::model::name::{Label, MAX_NAME, Name, NameError};
use crate::model::service::{Instance, Service};
use crate::snapshot::service::{Fitness, Target, is_eligible, targets_of};

/// Octets of a place.
const PLACE: usize = 4;
/// The length of an SRV record's data, and its priority, weight and port.
const HEAD: usize = 8;
/// Of those, what belongs to the data.
const WORDS: usize = 6;
/// Of a line, what stands before its target.
const BEFORE_TARGET: usize = HEAD + 2;
/// What may be read behind a line.
const BEHIND: usize = 8;
/// Cache lines that `fetch` has fetched: they hold the lines of some six instances.
const FETCHED: usize = 4;
/// Octets of one.
const CACHE_LINE: usize = 64;

/// The lines of all instances, by their places.
#[derive(Clone, Debug)]
pub struct Lines(ThinArc<(), u8>);

/// What is sent of one instance.
#[derive(Clone, Debug)]
pub struct Line<'l> {
    /// The length of the data of its SRV record in two octets, and of the data what stands before the
    /// target: priority, weight and port. The length is 0 where there is no such record.
    pub head: [u8; HEAD],
    /// The target in two parts, folded.
    pub target: [Part<'l>; 2],
    /// What the target's name answers: the fit addresses, or all when none is. None of a host.
    pub addresses: Sets<'l>,
}

/// Octets that may be copied with some of those behind them.
#[derive(Clone, Copy, Debug)]
pub struct Part<'l> {
    /// They, and what happens to stand there.
    pub from: &'l [u8],
    /// How many they are.
    pub len: usize,
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
        let own = service.key.zone.child(service.key.name.as_str()).ok();
        let suffix = own.as_ref().map_or(&[][..], Name::as_wire);
        let mut octets = vec![u8::try_from(suffix.len()).unwrap_or(0)];
        octets.extend_from_slice(suffix);
        let table = octets.len();
        octets.resize(table + (service.instances.len() + 1) * PLACE, 0);
        let mut rest = targets;
        for (number, instance) in service.instances.iter().enumerate() {
            put_place(table + number * PLACE, &mut octets);
            let end = rest.partition_point(|target| target.instance <= number);
            let (its, others) = rest.split_at(end);
            rest = others;
            let mut addresses: Vec<IpAddr> = chosen(service, its).collect();
            let label = instance.id.name().map(Label::as_str).filter(|label| !is_tag(label));
            if label.is_none() {
                // An `addr` name has the one address that it spells.
                addresses.truncate(1);
            }
            let first = addresses.first().copied();
            let target =
                instance.port.and_then(|_| target(service, instance, suffix, (label, first)));
            put_target(words(service, instance, its), target, suffix, &mut octets);
            put_sets(&addresses, &mut octets);
        }
        put_place(table + service.instances.len() * PLACE, &mut octets);
        octets.extend([0; BEHIND]);
        Self(ThinArc::from_header_and_slice((), &octets))
    }

    /// Where they stand in memory: copies stand in one place.
    pub(super) fn place(&self) -> *const c_void {
        self.0.ptr()
    }

    /// Has the first of the lines fetched, from the length of the piece on, and waits neither for
    /// them nor for that: to fetch what lies behind a piece does no harm.
    #[inline]
    pub fn fetch(&self) {
        let header = std::slice::from_ref(&self.0.header);
        for line in 0..FETCHED {
            prefetch_index(header, line * CACHE_LINE / size_of_val(header));
        }
    }

    /// The lines of the instances at these places that have an SRV record.
    pub fn all(
        &self,
        places: impl Iterator<Item = usize> + Clone,
    ) -> impl Iterator<Item = Line<'_>> + Clone {
        places.filter_map(|place| self.get(place).filter(Line::has_record))
    }

    /// The line of the instance at this place.
    #[inline]
    pub fn get(&self, place: usize) -> Option<Line<'_>> {
        let (&suffix, rest) = self.0.slice.split_first()?;
        let suffix = usize::from(suffix);
        let table = rest.get(suffix..)?;
        let &[s0, s1, s2, s3, e0, e1, e2, e3] =
            table.get(place.checked_mul(PLACE)?..)?.first_chunk()?;
        let start = usize::try_from(u32::from_le_bytes([s0, s1, s2, s3])).ok()?;
        let end = usize::try_from(u32::from_le_bytes([e0, e1, e2, e3])).ok()?;
        let (&[l0, l1, p0, p1, w0, w1, o0, o1, len, at], own) =
            self.0.slice.get(start..)?.split_first_chunk::<BEFORE_TARGET>()?;
        let (len, at) = (usize::from(len), usize::from(at));
        let sets = start.checked_add(BEFORE_TARGET)?.checked_add(len)?..end;
        let shared = Part { from: rest.get(at..)?, len: suffix.checked_sub(at)? };
        Some(Line {
            head: [l0, l1, p0, p1, w0, w1, o0, o1],
            target: [Part { from: own, len }, shared],
            addresses: Sets(self.0.slice.get(sets)?),
        })
    }
}

impl Line<'_> {
    /// Whether there is an SRV record.
    pub fn has_record(&self) -> bool {
        let [len0, len1, ..] = self.head;
        len0 | len1 != 0
    }

    /// The length of the head and the target.
    pub fn size(&self) -> usize {
        let [own, shared] = &self.target;
        HEAD + own.len + shared.len
    }

    /// Where the target begins behind an SRV record's owner, type, class and TTL.
    pub const TARGET: usize = HEAD;
}

impl Sets<'_> {
    /// The address, where it is one, and of IPv4.
    pub fn only_v4(&self) -> Option<[u8; 4]> {
        let &[4, 0, 1, a, b, c, d] = self.0 else { return None };
        Some([a, b, c, d])
    }
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

/// Writes into the table, at `field`, that a line begins here, or the one before it ends.
fn put_place(field: usize, octets: &mut [u8]) {
    // A service of so many instances that this fails does not fit the memory of any machine.
    let here = u32::try_from(octets.len()).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(field) = octets.get_mut(field..).and_then(|rest| rest.first_chunk_mut()) {
        *field = here;
    }
}

/// The first part of the target of an SRV record, and where in the service's name it goes on.
struct Beginning {
    own: Vec<u8>,
    at: usize,
}

/// All of a line but the addresses.
fn put_target(words: [u8; WORDS], target: Option<Beginning>, suffix: &[u8], octets: &mut Vec<u8>) {
    let Some(Beginning { own, at }) = target else {
        octets.extend([0; BEFORE_TARGET]);
        return;
    };
    let len = WORDS + own.len() + suffix.len().saturating_sub(at);
    octets.extend(u16::try_from(len).unwrap_or(0).to_be_bytes());
    octets.extend(words);
    octets.extend([own.len(), at].map(|number| u8::try_from(number).unwrap_or(0)));
    octets.extend(own);
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

/// The target of an instance's SRV record: the host of an external instance; else the instance's
/// name, or the `addr` name of its first address where it has none.
fn target(
    service: &Service,
    instance: &Instance,
    suffix: &[u8],
    (label, first): (Option<&str>, Option<IpAddr>),
) -> Option<Beginning> {
    if let Some(host) = instance.location.host() {
        return Some(Beginning { own: host.as_wire().to_vec(), at: suffix.len() });
    }
    let apex = service.key.zone.as_wire();
    let at = suffix.len().checked_sub(apex.len())?;
    if let Some(label) = label {
        let len = u8::try_from(label.len()).ok()?;
        // A longer name cannot be registered: `sources` measures it.
        let fits = suffix.len() + label.len() < MAX_NAME;
        return fits.then(|| Beginning { own: [&[len], label.as_bytes()].concat(), at: 0 });
    }
    let name = addr_name(&service.key.zone, first?).ok()?;
    Some(Beginning { own: name.as_wire().strip_suffix(apex)?.to_vec(), at })
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
