//! Addresses as the kernel hands them out and takes them, in the octets of its structures.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc;

/// A `sockaddr_in` has 16 octets, a `sockaddr_in6` 28.
pub(super) const ADDRESS: usize = 28;
/// Room for both control messages: where a message comes to or goes from, and segments.
pub(super) const CONTROL: usize = CONTROL_V6 + CONTROL_SEGMENTS;
/// Where the data of a control message begin.
const CONTROL_DATA: usize = 16;
/// With an `in_pktinfo` of 12 octets, and aligned.
const CONTROL_V4: usize = 32;
/// With an `in6_pktinfo` of 20, and aligned.
const CONTROL_V6: usize = 40;
/// With a number of two octets, and aligned.
const CONTROL_SEGMENTS: usize = 24;

const _: () = assert!(size_of::<libc::cmsghdr>() == CONTROL_DATA);
const _: () = assert!(size_of::<libc::in_pktinfo>() + CONTROL_DATA <= CONTROL_V4);
const _: () = assert!(size_of::<libc::in6_pktinfo>() + CONTROL_DATA <= CONTROL_V6);
const _: () = assert!(size_of::<u16>() + CONTROL_DATA <= CONTROL_SEGMENTS);
const _: () = assert!(size_of::<libc::sockaddr_in6>() == ADDRESS);

/// The sender in a socket address of so many octets.
pub(super) fn peer(address: &[u8; ADDRESS], len: usize) -> Option<SocketAddr> {
    let (&[f0, f1, p0, p1, rest @ ..], &[_, _, _, _, a, b, c, d, ..]) = (address, address);
    let family = libc::c_int::from(u16::from_ne_bytes([f0, f1]));
    let port = u16::from_be_bytes([p0, p1]);
    if family == libc::AF_INET && len >= size_of::<libc::sockaddr_in>() {
        return Some(SocketAddr::from((Ipv4Addr::new(a, b, c, d), port)));
    }
    // The flow information comes before the address, the scope behind it: nothing reads either, as
    // the answer goes back by the octets that came.
    let ip = rest.get(4..)?.first_chunk::<16>()?;
    (family == libc::AF_INET6 && len >= ADDRESS)
        .then(|| SocketAddr::from((Ipv6Addr::from(*ip), port)))
}

/// Whether two socket addresses of so many octets are the same.
#[inline]
pub(super) fn is_same(one: &[u8; ADDRESS], other: &[u8; ADDRESS], len: usize) -> bool {
    const V4: usize = size_of::<libc::sockaddr_in>();
    one.first_chunk::<V4>() == other.first_chunk::<V4>() && (len <= V4 || one == other)
}

/// A number below 64 that tells most answers to other askers, or of other lengths, from this one: of
/// the port, the length and, with IPv4, the address.
#[inline]
pub(super) fn hash(address: &[u8; ADDRESS], len: u16) -> usize {
    let first = address.first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    // 2^64 divided by the golden ratio: what differs anywhere moves the upper bits.
    let mixed = (first ^ u64::from(len)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 58).unwrap_or(0)
}

/// The one control message in so many octets, if it is of this kind: its data.
fn data_of(
    control: &[u8; CONTROL],
    len: usize,
    (level, kind): (libc::c_int, libc::c_int),
) -> Option<&[u8]> {
    let (header, data) = control.get(..len)?.split_at_checked(CONTROL_DATA)?;
    is_kind(header, level, kind).then_some(data)
}

fn is_kind(header: &[u8], level: libc::c_int, kind: libc::c_int) -> bool {
    let words = header.rchunks_exact(4).take(2);
    words.eq([kind.to_ne_bytes(), level.to_ne_bytes()])
}

pub(super) fn asked(control: &[u8; CONTROL], len: usize) -> Option<IpAddr> {
    if let Some(data) = data_of(control, len, (libc::IPPROTO_IP, libc::IP_PKTINFO)) {
        // Behind the interface and the address to answer from.
        return Some(Ipv4Addr::from(*data.get(8..)?.first_chunk::<4>()?).into());
    }
    let data = data_of(control, len, (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO))?;
    Some(Ipv6Addr::from(*data.first_chunk::<16>()?).into())
}

/// Makes the control message that names the address asked into one that names the answer's source,
/// and says how many octets of it are to be sent. Sockets of one address have none.
pub(super) fn source(control: &mut [u8; CONTROL], len: usize) -> usize {
    if len < CONTROL_DATA {
        return 0;
    }
    let (header, data) = control.split_at_mut(CONTROL_DATA);
    if len >= CONTROL_V4 && is_kind(header, libc::IPPROTO_IP, libc::IP_PKTINFO) {
        // The kernel names the address to answer from; which way out is for its routes to say.
        data.iter_mut().take(4).for_each(|octet| *octet = 0);
        return CONTROL_V4;
    }
    if len >= CONTROL_V6 && is_kind(header, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) {
        // Only link-local addresses mean nothing without their interface.
        if !matches!(data, [0xfe, second, ..] if *second & 0xc0 == 0x80) {
            data.iter_mut().skip(16).take(4).for_each(|octet| *octet = 0);
        }
        return CONTROL_V6;
    }
    0
}

/// Adds to `len` octets of control messages that the datagram is many, of so many octets each
/// (`UDP_SEGMENT`), and says how many octets of them there are now.
pub(super) fn segments(control: &mut [u8; CONTROL], len: usize, octets: u16) -> usize {
    let room = control.get_mut(len..).and_then(<[u8]>::first_chunk_mut::<CONTROL_SEGMENTS>);
    let Some(message) = room else { return len };
    let size = CONTROL_DATA.saturating_add(size_of::<u16>()).to_ne_bytes();
    let kind = [libc::SOL_UDP, libc::UDP_SEGMENT].map(libc::c_int::to_ne_bytes);
    let said = size.into_iter().chain(kind.into_iter().flatten()).chain(octets.to_ne_bytes());
    message.iter_mut().zip(said).for_each(|(to, octet)| *to = octet);
    len.saturating_add(CONTROL_SEGMENTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn askers_are_the_same_where_every_octet_of_their_address_is() {
        let one: [u8; ADDRESS] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for len in [size_of::<libc::sockaddr_in>(), ADDRESS] {
            for at in 0..ADDRESS {
                let mut other = one;
                other[at] ^= 0x80;
                assert_eq!(is_same(&one, &other, len), at >= len, "{at} of {len}");
            }
            assert!(is_same(&one, &one, len));
        }
    }

    #[test]
    fn hashes_are_numbers_of_six_bits_that_differ_by_port_address_and_length() {
        let asker = |port: u8, host: u8| {
            let mut address = [0; ADDRESS];
            (address[3], address[7]) = (port, host);
            address
        };
        let hashes = |of: &dyn Fn(u8) -> usize| {
            let mut all: Vec<usize> = (0..64).map(of).collect();
            assert!(all.iter().all(|&hash| hash < 64));
            all.sort_unstable();
            all.dedup();
            all.len()
        };
        for differ in [
            hashes(&|port| hash(&asker(port, 1), 90)),
            hashes(&|host| hash(&asker(1, host), 90)),
            hashes(&|len| hash(&asker(1, 1), 90 + u16::from(len))),
        ] {
            assert!(differ > 30, "{differ} hashes of 64");
        }
    }

    #[test]
    fn what_says_segments_stands_behind_what_says_where_from() {
        let mut control = [7; CONTROL];
        assert_eq!(segments(&mut control, CONTROL_V4, 300), 56);
        assert_eq!(control[..CONTROL_V4], [7; CONTROL_V4]);
        assert!(is_kind(&control[32..48], libc::SOL_UDP, libc::UDP_SEGMENT));
        assert_eq!(control[32..40], 18_usize.to_ne_bytes());
        assert_eq!(control[48..50], 300_u16.to_ne_bytes());
        assert_eq!(segments(&mut control, CONTROL, 300), CONTROL, "there is no room");
    }
}
