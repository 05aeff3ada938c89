//! The SRV records of a service and the addresses behind them, in the octets that are sent.
//!
//! All of a service's stand in one piece of memory, and what leads to it is one pointer: whoever has
//! that can have all the lines fetched at once. The targets of most end with the service's name,
//! which stands there once.
//!
//! | octets | what |
//! |---|---|
//! | 1 | the length of the service's name |
//! | 4 | where the lines begin |
//! | so many | the service's name in wire form, folded |
//! | all others before the lines | first parts of targets, and addresses that have no room in a line |
//! | 21 for each instance | its line |
//!
//! | octets of a line | what |
//! |---|---|
//! | 8 | the length of its SRV record's data, 0 where it has none; priority, weight, port |
//! | 1 | the length of what its target does not share with the service's name |
//! | 1 | where in the service's name the target goes on |
//! | 4 | where the first part of the target stands, in wire form, folded |
//! | 7 | its address as `Sets` has it, where that is one of IPv4; else 0, 0, 0 and where others stand |
//!
//! Others stand behind their length of 4 octets, as `Sets` has them. What takes 4 octets is little endian.

use std::ffi::c_void;
use std::net::IpAddr;

use prefetch_index::prefetch_index;
use triomphe::ThinArc;

use crate::model::dns::Rtype;
use crate::model::name::{Label, MAX_NAME, Name, NameError};
use crate::model::service::{Instance, Service};
use crate::snapshot::target::{Fitness, Target, is_eligible, targets_of};

/// Octets of a place.
const PLACE: usize = 4;
/// What stands before the service's name.
const BEFORE_NAME: usize = 1 + PLACE;
/// The length of an SRV record's data, and its priority, weight and port.
const HEAD: usize = 8;
/// The first of these.
const LENGTH: usize = 2;
/// The others, which belong to the data.
const WORDS: usize = HEAD - LENGTH;
/// A set of one IPv4 address.
const SET: usize = 7;
/// Octets of a line.
const LINE: usize = HEAD + 2 + PLACE + SET;
/// Cache lines that `fetch` has fetched: they hold the lines of some six instances.
const FETCHED: usize = 4;
/// Octets of one.
const CACHE_LINE: usize = 64;

/// The lines of all instances, by their places.
#[derive(Clone, Debug)]
pub struct SrvTable(ThinArc<(), u8>);

/// What is sent of one instance.
#[derive(Clone, Debug)]
pub struct SrvRow<'l> {
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

impl SrvTable {
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
        octets.extend(place(0));
        octets.extend_from_slice(suffix);
        let mut lines = Vec::with_capacity(service.instances.len() * LINE);
        let mut rest = targets;
        for (number, instance) in service.instances.iter().enumerate() {
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
            put_target(words(service, instance, its), target, suffix, (&mut octets, &mut lines));
            put_addresses(&addresses, (&mut octets, &mut lines));
        }
        let begin = place(octets.len());
        octets.extend(lines);
        if let Some(field) = octets.get_mut(1..).and_then(|rest| rest.first_chunk_mut()) {
            *field = begin;
        }
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
    #[inline]
    pub fn all(
        &self,
        places: impl Iterator<Item = usize> + Clone,
    ) -> impl Iterator<Item = SrvRow<'_>> + Clone {
        let piece = self.piece();
        places.filter_map(move |place| piece?.line(place).filter(SrvRow::has_record))
    }

    /// The line of the instance at this place.
    pub fn get(&self, place: usize) -> Option<SrvRow<'_>> {
        self.piece()?.line(place)
    }

    #[inline]
    fn piece(&self) -> Option<Piece<'_>> {
        let octets = &self.0.slice;
        let (&[suffix, b0, b1, b2, b3], from_name) = octets.split_first_chunk::<BEFORE_NAME>()?;
        let (lines, _) = octets.get(read_place([b0, b1, b2, b3])?..)?.as_chunks();
        Some(Piece { octets, suffix: Part { from: from_name, len: suffix.into() }, lines })
    }
}

/// Where the parts of a piece stand.
#[derive(Clone, Copy, Debug)]
struct Piece<'l> {
    octets: &'l [u8],
    /// The service's name.
    suffix: Part<'l>,
    lines: &'l [[u8; LINE]],
}

impl<'l> Piece<'l> {
    #[inline]
    fn line(&self, place: usize) -> Option<SrvRow<'l>> {
        let line = self.lines.get(place)?;
        let &[l0, l1, p0, p1, w0, w1, o0, o1, len, at, f0, f1, f2, f3, ..] = line;
        let own = Part { from: self.octets.get(read_place([f0, f1, f2, f3])?..)?, len: len.into() };
        let at = usize::from(at);
        let shared =
            Part { from: self.suffix.from.get(at..)?, len: self.suffix.len.checked_sub(at)? };
        Some(SrvRow {
            head: [l0, l1, p0, p1, w0, w1, o0, o1],
            target: [own, shared],
            addresses: self.sets(line.last_chunk()?)?,
        })
    }

    #[inline]
    fn sets(&self, set: &'l [u8; SET]) -> Option<Sets<'l>> {
        let &[0, _, _, p0, p1, p2, p3] = set else { return Some(Sets(set)) };
        let rest = self.octets.get(read_place([p0, p1, p2, p3])?..)?;
        let (len, sets) = rest.split_first_chunk()?;
        sets.get(..read_place(*len)?).map(Sets)
    }
}

impl SrvRow<'_> {
    /// Whether there is an SRV record.
    pub fn has_record(&self) -> bool {
        let [len0, len1, ..] = self.head;
        len0 | len1 != 0
    }

    /// The length of the head and the target.
    pub fn size(&self) -> usize {
        let [len0, len1, ..] = self.head;
        usize::from(u16::from_be_bytes([len0, len1])) + LENGTH
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

    /// The one address of IPv6 among them; `None` where there are several or none.
    pub fn only_v6(&self) -> Option<[u8; 16]> {
        let mut sets = self.clone().filter(|set| set.rtype == Rtype::AAAA);
        let set = sets.next().filter(|set| set.count == 1)?;
        sets.next().is_none().then(|| set.octets.try_into().ok())?
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

/// A service of so many instances that this fails does not fit the memory of any machine.
fn place(place: usize) -> [u8; PLACE] {
    u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes()
}

#[inline]
fn read_place(octets: [u8; PLACE]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(octets)).ok()
}

/// The first part of the target of an SRV record, and where in the service's name it goes on.
struct Beginning {
    own: Vec<u8>,
    at: usize,
}

/// All of a line but the addresses.
fn put_target(
    words: [u8; WORDS],
    target: Option<Beginning>,
    suffix: &[u8],
    (octets, lines): (&mut Vec<u8>, &mut Vec<u8>),
) {
    let Some(Beginning { own, at }) = target else {
        lines.extend([0; HEAD + 2 + PLACE]);
        return;
    };
    let len = WORDS + own.len() + suffix.len().saturating_sub(at);
    lines.extend(u16::try_from(len).unwrap_or(0).to_be_bytes());
    lines.extend(words);
    lines.extend([own.len(), at].map(|number| u8::try_from(number).unwrap_or(0)));
    lines.extend(place(octets.len()));
    octets.extend(own);
}

fn put_addresses(addresses: &[IpAddr], (octets, lines): (&mut Vec<u8>, &mut Vec<u8>)) {
    let mut sets = Vec::new();
    let of_one_type = addresses.chunk_by(|one, next| one.is_ipv4() == next.is_ipv4());
    for set in of_one_type.flat_map(|set| set.chunks(u16::MAX.into())) {
        sets.push(if set.iter().all(IpAddr::is_ipv4) { 4 } else { 16 });
        sets.extend(u16::try_from(set.len()).unwrap_or(0).to_be_bytes());
        for address in set {
            match address {
                IpAddr::V4(address) => sets.extend(address.octets()),
                IpAddr::V6(address) => sets.extend(address.octets()),
            }
        }
    }
    if sets.len() == SET {
        lines.extend(sets);
    } else {
        lines.extend([0; SET - PLACE]);
        lines.extend(place(octets.len()));
        octets.extend(place(sets.len()));
        octets.extend(sets);
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
