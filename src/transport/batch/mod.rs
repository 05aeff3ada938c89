//! Datagrams by the batch: one system call brings many, one sends the answers from the same buffers.
//!
//! No crate that is kept wraps both `recvmmsg` and `sendmmsg` with a source address a message, so
//! this file has unsafe code. Three things make it sound:
//!
//! - Every pointer that the kernel is given leads into one `Memory`, which is allocated once, does
//!   not move, and is freed when the batch is dropped. The batch is not `Send`, nor is it cloned.
//! - Every length beside such a pointer is at most the size of the array that it leads to. The kernel
//!   lowers lengths when it receives; they are clamped when they are read, and set anew for the next
//!   call.
//! - The memory is reached through `&mut self` alone, and a slice handed out keeps that borrow: while
//!   the kernel writes there is no other reader.
#![expect(unsafe_code, reason = "the two system calls; see above")]

#[deny(unsafe_code)]
mod address;
#[deny(unsafe_code)]
mod segments;
#[deny(unsafe_code)]
pub mod slots;
#[cfg(test)]
#[deny(unsafe_code)]
mod tests;

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

use nix::libc;

// The benchmark's reflector has these files too: there is no `crate::` here.
use address::{ADDRESS, CONTROL, asked, hash, is_same, peer, segments, source};
use segments::SegmentGroups;
use slots::{MESSAGES, Slots};

/// So many batches leave answer by answer after a group was refused.
const CAUTION: u16 = 1024;
/// No query is longer; what is, is cut and cannot be read. A longer answer leaves by `send_alone`.
pub const ROOM: usize = 4096;

const COUNT: libc::c_uint = 64;
const ADDRESS_LEN: libc::socklen_t = 28;

/// One message's buffers. Most messages have no control octets, and then touch the lines behind
/// the first. An odd number of lines, or these of every slot would compete for the same sets of the
/// cache.
#[repr(C, align(64))]
struct Slot {
    control: [u8; CONTROL],
    address: [u8; ADDRESS],
    octets: [u8; ROOM],
    odd: [u8; 100],
}

/// All that the kernel reads and writes. Zeroes are a valid value of it.
#[repr(C)]
struct Memory {
    headers: [libc::mmsghdr; MESSAGES],
    vectors: [libc::iovec; MESSAGES],
    /// Of what is to be sent: those of the answers lie together that leave together.
    leaving: [libc::mmsghdr; MESSAGES],
    answers: [libc::iovec; MESSAGES],
    slots: [Slot; MESSAGES],
}

impl Memory {
    /// Whether the answers at two places go from the same address to the same asker.
    fn leave_alike(&self, one: usize, other: usize) -> bool {
        let of = |place: usize| Some((&self.headers.get(place)?.msg_hdr, self.slots.get(place)?));
        let (Some((header, slot)), Some((others, other))) = (of(one), of(other)) else {
            return false;
        };
        let named = usize::try_from(header.msg_namelen).unwrap_or(ADDRESS);
        let control = CONTROL.min(header.msg_controllen as _);
        header.msg_namelen == others.msg_namelen
            && header.msg_controllen == others.msg_controllen
            && is_same(&slot.address, &other.address, named)
            && slot.control.get(..control) == other.control.get(..control)
    }
}

const _: () = assert!(COUNT as usize == MESSAGES && ADDRESS_LEN as usize == ADDRESS);
const _: () = assert!(size_of::<Slot>() % 128 == 64);
const _: () = assert!(std::mem::offset_of!(Slot, address) == 64);

#[derive(Debug)]
pub struct Batch {
    memory: NonNull<Memory>,
    /// So many headers are as the last call has left them.
    used: usize,
    /// The messages at these places are there: those received and not answered.
    held: Slots,
    groups: SegmentGroups,
    sending: Sending,
    caution: u16,
}

/// How answers leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    Alone,
    /// Groups of answers as one datagram each: see `segments`.
    Segmented,
}

#[derive(Debug)]
pub struct Message<'b> {
    pub octets: &'b mut [u8; ROOM],
    /// How much of it was received.
    pub len: usize,
    /// Who sent it; `None` when that is no internet address.
    pub peer: Option<SocketAddr>,
    /// The address that it came to, where the socket listens on several.
    pub asked: Option<IpAddr>,
}

/// Whether to wait for a first message; none waits for a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    ForOne,
    Never,
}

impl Batch {
    pub fn new(sending: Sending) -> Self {
        let layout = Layout::new::<Memory>();
        #[expect(clippy::cast_ptr_alignment, reason = "the layout has the alignment")]
        // SAFETY: the layout is not empty, and all of `Memory` may be zero.
        let memory = unsafe { alloc_zeroed(layout) }.cast::<Memory>();
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let (held, groups) = (Slots::default(), SegmentGroups::new());
        let mut batch = Self { memory, used: MESSAGES, held, groups, sending, caution: 0 };
        batch.lay_out();
        batch
    }

    /// Has every header of what is received lead to its buffers, for good.
    fn lay_out(&mut self) {
        let memory = self.memory.as_ptr();
        for place in 0..MESSAGES {
            // SAFETY: `place` is within each of the arrays. The pointers are derived from the
            // allocation's own, so that no `&mut` made later takes their right from them.
            unsafe {
                let slot = (&raw mut (*memory).slots).cast::<Slot>().add(place);
                let vector = (&raw mut (*memory).vectors).cast::<libc::iovec>().add(place);
                let header = (&raw mut (*memory).headers).cast::<libc::mmsghdr>().add(place);
                (*vector).iov_base = (&raw mut (*slot).octets).cast();
                (*vector).iov_len = ROOM;
                (*header).msg_hdr.msg_name = (&raw mut (*slot).address).cast();
                (*header).msg_hdr.msg_iov = vector;
                (*header).msg_hdr.msg_iovlen = 1;
                (*header).msg_hdr.msg_control = (&raw mut (*slot).control).cast();
            }
        }
    }

    /// Gives the headers the lengths again that the last batch has changed.
    fn set_out(&mut self) {
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let memory = unsafe { self.memory.as_mut() };
        for header in memory.headers.iter_mut().take(self.used) {
            header.msg_hdr.msg_namelen = ADDRESS_LEN;
            header.msg_hdr.msg_controllen = CONTROL as _;
        }
        (self.used, self.held) = (0, Slots::default());
        self.groups.clear();
    }

    /// Receives what there is, once there is something.
    pub fn receive(&mut self, socket: BorrowedFd<'_>, wait: Wait) -> io::Result<usize> {
        self.set_out();
        let flags = match wait {
            Wait::ForOne => libc::MSG_WAITFORONE,
            Wait::Never => libc::MSG_DONTWAIT,
        };
        let memory = self.memory.as_ptr();
        // SAFETY: `headers` are `MESSAGES` that `set_out` has made lead into `memory`, with
        // the lengths of what they lead to; nothing else borrows it now.
        let count = unsafe {
            let headers = (&raw mut (*memory).headers).cast::<libc::mmsghdr>();
            libc::recvmmsg(socket.as_raw_fd(), headers, COUNT, flags as _, ptr::null_mut())
        };
        self.used = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        self.held = Slots::first(self.used);
        Ok(self.used)
    }

    /// The message received at `place`.
    #[inline]
    pub fn message(&mut self, place: usize) -> Option<Message<'_>> {
        if !self.held.contains(place) {
            return None;
        }
        // SAFETY: the kernel is not writing, and the borrow of `self` ends with the message's.
        let memory = unsafe { self.memory.as_mut() };
        let header = memory.headers.get(place)?;
        let slot = memory.slots.get_mut(place)?;
        let len = usize::try_from(header.msg_len).map_or(ROOM, |len| len.min(ROOM));
        let named = usize::try_from(header.msg_hdr.msg_namelen).unwrap_or(0);
        let control = CONTROL.min(header.msg_hdr.msg_controllen as _);
        let asked = asked(&slot.control, control);
        Some(Message { octets: &mut slot.octets, len, peer: peer(&slot.address, named), asked })
    }

    /// The message at `place` holds its answer, of `len` octets: it goes back where it came from.
    #[inline]
    pub fn answer(&mut self, place: usize, len: usize) {
        if !self.held.contains(place) || len > ROOM {
            return;
        }
        let Ok(len) = u16::try_from(len) else { return };
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let memory = unsafe { self.memory.as_mut() };
        let buffers = (memory.headers.get_mut(place), memory.slots.get_mut(place));
        let (Some(header), Some(slot)) = buffers else { return };
        turn_round(&mut header.msg_hdr, slot);
        let hash = hash(&slot.address, len);
        let goes_together = self.sending == Sending::Segmented && self.caution == 0;
        let is_like = |other| goes_together && memory.leave_alike(place, other);
        self.groups.add(place, len, hash, is_like);
        self.held = self.held.without(place);
    }

    /// Sends the answer to the message at `place` at once and without waiting, for one that has no
    /// room over it. Says whether the system took it.
    pub fn send_alone(&mut self, socket: BorrowedFd<'_>, place: usize, octets: &[u8]) -> bool {
        if !self.held.contains(place) {
            return false;
        }
        self.held = self.held.without(place);
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let memory = unsafe { self.memory.as_mut() };
        let buffers = (memory.headers.get(place), memory.slots.get_mut(place));
        let (Some(header), Some(slot)) = buffers else { return false };
        let mut header = header.msg_hdr;
        turn_round(&mut header, slot);
        let mut vector =
            libc::iovec { iov_base: octets.as_ptr().cast_mut().cast(), iov_len: octets.len() };
        (header.msg_iov, header.msg_iovlen) = (&raw mut vector, 1);
        loop {
            // SAFETY: the address and the control octets lie in `memory`, with lengths that fit; the
            // only vector leads to `octets`, which the kernel reads and does not write.
            let sent =
                unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT) };
            if sent >= 0 {
                return true;
            }
            if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
                return false;
            }
        }
    }

    /// Points headers at the answers of all groups but the first so many; gives the number of headers.
    fn couple(&mut self, but: usize, sending: Sending) -> usize {
        // SAFETY: only the place is taken; it has the allocation's right, as those in `lay_out`.
        let first = unsafe { &raw mut (*self.memory.as_ptr()).answers }.cast::<libc::iovec>();
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let Memory { headers, vectors, leaving, answers, slots } = unsafe { self.memory.as_mut() };
        let (mut leaving, mut led) = (leaving.iter_mut(), 0_usize);
        for group in self.groups.iter().skip(but) {
            let count = group.places.count();
            let room = answers.get_mut(led..).and_then(|answers| answers.get_mut(..count));
            let Some(room) = room else { break };
            let goes_together = sending == Sending::Segmented && count > 1;
            for ((behind, answer), place) in room.iter_mut().enumerate().zip(group.places.iter()) {
                let received = (headers.get(place), vectors.get(place), slots.get_mut(place));
                let (Some(header), Some(vector), Some(slot)) = received else { continue };
                (answer.iov_base, answer.iov_len) = (vector.iov_base, group.len.into());
                if behind > 0 && goes_together {
                    continue;
                }
                let Some(leaving) = leaving.next() else { break };
                leaving.msg_hdr = header.msg_hdr;
                leaving.msg_hdr.msg_iov = first.wrapping_add(led.saturating_add(behind));
                if goes_together {
                    let control = CONTROL.min(header.msg_hdr.msg_controllen as _);
                    let control = segments(&mut slot.control, control, group.len);
                    leaving.msg_hdr.msg_controllen = control as _;
                    leaving.msg_hdr.msg_iovlen = count as _;
                }
            }
            led = led.saturating_add(count);
        }
        MESSAGES.saturating_sub(leaving.len())
    }

    /// How many answers the header at this place leads to.
    fn led_to(&self, place: usize) -> usize {
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let memory = unsafe { self.memory.as_ref() };
        memory.leaving.get(place).map_or(0, |header| header.msg_hdr.msg_iovlen as _)
    }

    /// Sends the answers without waiting, and says how many the system did not take: the askers
    /// ask again.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        self.caution = self.caution.saturating_sub(1);
        let mut leaving = self.couple(0, Sending::Segmented);
        let (mut done, mut failed) = (0, 0_usize);
        while let Some(left) = leaving.checked_sub(done).filter(|&left| left > 0) {
            let memory = self.memory.as_ptr();
            // SAFETY: `done + left` is `leaving`, at most `MESSAGES`, and `couple` has made each of
            // these headers lead into `memory` with lengths that fit; nothing else borrows it now.
            let count = unsafe {
                let headers = (&raw mut (*memory).leaving).cast::<libc::mmsghdr>().add(done);
                let left = libc::c_uint::try_from(left).unwrap_or(0);
                libc::sendmmsg(socket.as_raw_fd(), headers, left, libc::MSG_DONTWAIT as _)
            };
            if let Ok(sent @ 1..) = usize::try_from(count) {
                done = done.saturating_add(sent);
                continue;
            }
            // The error is the first header's: others may do better, its own answers alone too.
            let error = io::Error::last_os_error();
            if error.kind() == io::ErrorKind::Interrupted {
                continue;
            }
            if self.led_to(done) > 1 {
                self.caution = if refuses_segments(&error) { CAUTION } else { 0 };
                (leaving, done) = (self.couple(done, Sending::Alone), 0);
            } else {
                (done, failed) = (done.saturating_add(1), failed.saturating_add(1));
            }
        }
        self.held = Slots::default();
        self.groups.clear();
        failed
    }
}

/// Makes the header of a message that was received the header of its answer.
fn turn_round(header: &mut libc::msghdr, slot: &mut Slot) {
    header.msg_namelen = header.msg_namelen.min(ADDRESS_LEN);
    header.msg_flags = 0;
    let control = CONTROL.min(header.msg_controllen as _);
    header.msg_controllen = source(&mut slot.control, control) as _;
}

/// Whether it is the group that was refused: a link too small for its answers, an interface that
/// makes no sums, encryption on the way. Other errors are about the asker.
fn refuses_segments(error: &io::Error) -> bool {
    [libc::EINVAL, libc::EIO, libc::EMSGSIZE].map(Some).contains(&error.raw_os_error())
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: it was allocated in `new` with this layout, and nothing is borrowed from it.
        unsafe { dealloc(self.memory.as_ptr().cast(), Layout::new::<Memory>()) }
    }
}

#[cfg(test)]
impl Batch {
    /// Has the system refuse the answer at `place`, as it would one whose source is gone.
    fn spoil(&mut self, place: usize) {
        // SAFETY: the kernel is not writing, and no message is borrowed; the octets lie in the slot.
        let memory = unsafe { self.memory.as_mut() };
        memory.slots[place].control = [0xff; CONTROL];
        memory.headers[place].msg_hdr.msg_controllen = CONTROL as _;
    }
}
