//! The commonest answer of a service in one cache line: its name and its IPv4 addresses.
//!
//! With thousands of services most of what a question needs is in no near cache. What counts then
//! is how many lines it touches; for most services this one is all that is read of them.

use std::net::Ipv4Addr;

use crate::model::service::Service;
use crate::snapshot::selection::Selection;

const LABEL: usize = 23;
const ADDRESSES: usize = 8;

/// See the module. It is laid out so that it fills its line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Front {
    addresses: [Ipv4Addr; ADDRESSES],
    ttl: u32,
    /// 0 where the answer takes more than what stands here.
    count: u8,
    /// 0 where the name is longer.
    label_len: u8,
    label: [u8; LABEL],
}

const _: () = assert!(size_of::<Front>() == 64);

impl Front {
    /// Of a service that answers `all`.
    pub(super) fn new(service: &Service, all: &Selection, waiting: bool) -> Self {
        let mut front = Self {
            addresses: [Ipv4Addr::UNSPECIFIED; ADDRESSES],
            ttl: all.ttl,
            count: 0,
            label_len: 0,
            label: [0; LABEL],
        };
        let name = service.key.name.as_str().as_bytes();
        if let Some(label) = front.label.get_mut(..name.len()) {
            label.copy_from_slice(name);
            front.label_len = u8::try_from(name.len()).unwrap_or(0);
        }
        let items = &all.a.items;
        let whole = all.a.wanted(service.max_answers) == items.len();
        let plain = !waiting && !all.stale && all.cname.items.is_empty() && all.a.is_equal();
        if let Some(addresses) = front.addresses.get_mut(..items.len()).filter(|_| whole && plain) {
            addresses.copy_from_slice(items);
            front.count = u8::try_from(items.len()).unwrap_or(0);
        }
        front
    }

    /// Whether the service is called so; `None` when it is not known here.
    pub fn is_called(&self, label: &str) -> Option<bool> {
        let own = self.label.get(..usize::from(self.label_len))?;
        (self.label_len > 0).then(|| own == label.as_bytes())
    }

    /// All addresses, to be rotated, and their TTL; `None` where that is not all of the answer.
    pub fn addresses(&self) -> Option<(&[Ipv4Addr], u32)> {
        let addresses = self.addresses.get(..usize::from(self.count))?;
        (self.count > 0).then_some((addresses, self.ttl))
    }
}
