//! Addresses as the kernel hands them out and takes them, in the octets of its structures.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc;

/// A `sockaddr_in` has 16 octets, a `sockaddr_in6` 28.
pub(super) const ADDRESS: usize = 28;
/// A header of 16 octets and an `in6_pktinfo` of 20, and what aligns them.
pub(super) const CONTROL: usize = 40;
/// Where the data of the one control message begin.
const CONTROL_DATA: usize = 16;
/// With an `in_pktinfo` of 12 octets, and aligned.
const CONTROL_V4: usize = 32;
/// With an `in6_pktinfo`, and aligned.
const CONTROL_V6: usize = 40;

const _: () = assert!(size_of::<libc::cmsghdr>() == CONTROL_DATA);
const _: () = assert!(size_of::<libc::in_pktinfo>() + CONTROL_DATA <= CONTROL_V4);
const _: () = assert!(size_of::<libc::in6_pktinfo>() + CONTROL_DATA <= CONTROL_V6);
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

/// The address that a message came to.
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
