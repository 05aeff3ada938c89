//! Datagrams by the batch: one system call brings many, one sends the answers from the same buffers.
//!
//! No crate that is kept wraps both `recvmmsg` and `sendmmsg` with a source address a message, so
//! this file has the program's only unsafe code. Three things make it sound:
//!
//! - Every pointer that the kernel is given leads into one `Memory`, which is allocated once, does
//!   not move, and is freed when the batch is dropped. The batch is not `Send`, nor is it cloned.
//! - Every length beside such a pointer is at most the size of the array that it leads to. The kernel
//!   lowers lengths when it receives; they are clamped when they are read, and set anew for the next
//!   call.
//! - The memory is reached through `&mut self` alone, and a slice handed out keeps that borrow: while
//!   the kernel writes there is no other reader.
#![expect(unsafe_code, reason = "the two system calls; see above")]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

use nix::libc;

// The benchmark's reflector has these files too.
use super::address::{ADDRESS, CONTROL, asked, peer, source};
use super::places::Places;

/// Messages a call: more gains nothing, and the buffers of so many stay in the nearest caches.
pub const MESSAGES: usize = 64;
/// No query is longer; what is, is cut and cannot be read. No answer over UDP is longer either.
pub const ROOM: usize = 4096;

const COUNT: libc::c_uint = 64;
const ADDRESS_LEN: libc::socklen_t = 28;

/// One message's buffers. Most messages have no control octets, and then touch the lines behind
/// the first. An odd number of lines, or these of every slot would compete for the same sets of the
/// cache.
#[repr(C, align(64))]
struct Slot {
    control: [u8; CONTROL],
    line: [u8; 24],
    address: [u8; ADDRESS],
    octets: [u8; ROOM],
    odd: [u8; 100],
}

/// All that the kernel reads and writes. Zeroes are a valid value of it.
#[repr(C)]
struct Memory {
    /// Of what was received, and, from the front, of what is to be sent.
    headers: [libc::mmsghdr; MESSAGES],
    vectors: [libc::iovec; MESSAGES],
    slots: [Slot; MESSAGES],
}

const _: () = assert!(COUNT as usize == MESSAGES && ADDRESS_LEN as usize == ADDRESS);
const _: () = assert!(size_of::<Slot>() % 128 == 64);
const _: () = assert!(std::mem::offset_of!(Slot, address) == 64);

/// See the module.
#[derive(Debug)]
pub struct Batch {
    memory: NonNull<Memory>,
    /// So many headers are as the last call has left them.
    used: usize,
    /// The messages at these places are there: those received and not answered.
    held: Places,
    /// Those at these places hold their answers.
    answered: Places,
    /// A header has moved to the place of one whose message is not answered.
    has_moved: bool,
}

/// One datagram.
#[derive(Debug)]
pub struct Message<'b> {
    /// The message, and the room behind it.
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
    /// As long as the socket's timeout says.
    ForOne,
    /// Not at all.
    Never,
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

impl Batch {
    /// Room for a batch.
    pub fn new() -> Self {
        let layout = Layout::new::<Memory>();
        #[expect(clippy::cast_ptr_alignment, reason = "the layout has the alignment")]
        // SAFETY: the layout is not empty, and all of `Memory` may be zero.
        let memory = unsafe { alloc_zeroed(layout) }.cast::<Memory>();
        let Some(memory) = NonNull::new(memory) else { handle_alloc_error(layout) };
        let (held, answered) = (Places::default(), Places::default());
        let mut batch = Self { memory, used: MESSAGES, held, answered, has_moved: true };
        batch.set_out();
        batch
    }

    /// Has every header lead to its buffers.
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
                (*header).msg_hdr.msg_name = (&raw mut (*slot).address).cast();
                (*header).msg_hdr.msg_iov = vector;
                (*header).msg_hdr.msg_iovlen = 1;
                (*header).msg_hdr.msg_control = (&raw mut (*slot).control).cast();
            }
        }
    }

    /// Gives what the last batch has changed back to the headers.
    fn set_out(&mut self) {
        if self.has_moved {
            self.lay_out();
        }
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let memory = unsafe { self.memory.as_mut() };
        let headers = memory.headers.iter_mut().zip(&mut memory.vectors);
        for (header, vector) in headers.take(self.used) {
            vector.iov_len = ROOM;
            header.msg_hdr.msg_namelen = ADDRESS_LEN;
            header.msg_hdr.msg_controllen = CONTROL as _;
        }
        (self.used, self.has_moved) = (0, false);
        (self.held, self.answered) = (Places::default(), Places::default());
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
        self.held = Places::first(self.used);
        Ok(self.used)
    }

    /// The octets of the message received at `place`, and how many they are.
    pub fn octets(&self, place: usize) -> Option<(&[u8; ROOM], usize)> {
        // SAFETY: the kernel is not writing, and no message is borrowed to be written.
        let memory = unsafe { self.memory.as_ref() };
        let header = memory.headers.get(place).filter(|_| self.held.contains(place))?;
        let slot = memory.slots.get(place)?;
        Some((&slot.octets, usize::try_from(header.msg_len).map_or(ROOM, |len| len.min(ROOM))))
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
        // SAFETY: the kernel is not writing, and no message is borrowed.
        let memory = unsafe { self.memory.as_mut() };
        let buffers = (memory.slots.get_mut(place), memory.vectors.get_mut(place));
        let (Some(slot), Some(vector)) = buffers else { return };
        let Some(header) = memory.headers.get_mut(place) else { return };
        let header = &mut header.msg_hdr;
        header.msg_namelen = header.msg_namelen.min(ADDRESS_LEN);
        header.msg_flags = 0;
        let control = CONTROL.min(header.msg_controllen as _);
        header.msg_controllen = source(&mut slot.control, control) as _;
        vector.iov_len = len;
        self.held = self.held.without(place);
        self.answered = self.answered.with(place);
    }

    /// Has the headers of the messages that are answered stand before all others, and says how many
    /// they are.
    fn gather(&mut self) -> usize {
        let answers = self.answered.count();
        if self.answered != Places::first(answers) {
            self.has_moved = true;
            // SAFETY: the kernel is not writing, and no message is borrowed.
            let memory = unsafe { self.memory.as_mut() };
            let places = (0..MESSAGES).filter(|&place| self.answered.contains(place));
            for (to, place) in places.enumerate() {
                memory.headers.copy_within(place..=place, to);
            }
        }
        answers
    }

    /// Sends the answers without waiting, and says how many the system did not take: the askers
    /// ask again.
    pub fn send(&mut self, socket: BorrowedFd<'_>) -> usize {
        let answers = self.gather();
        let (mut done, mut failed) = (0, 0_usize);
        while let Some(left) = answers.checked_sub(done).filter(|&left| left > 0) {
            let memory = self.memory.as_ptr();
            // SAFETY: `done + left` is `answers`, at most `MESSAGES`, and `answer` has made each of
            // these headers lead into `memory` with lengths that fit; nothing else borrows it now.
            let count = unsafe {
                let headers = (&raw mut (*memory).headers).cast::<libc::mmsghdr>().add(done);
                let left = libc::c_uint::try_from(left).unwrap_or(0);
                libc::sendmmsg(socket.as_raw_fd(), headers, left, libc::MSG_DONTWAIT as _)
            };
            match usize::try_from(count) {
                Ok(sent) if sent > 0 => done = done.saturating_add(sent),
                _ if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                // The error is the first message's: the others may do better.
                _ => (done, failed) = (done.saturating_add(1), failed.saturating_add(1)),
            }
        }
        (self.held, self.answered) = (Places::default(), Places::default());
        failed
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // SAFETY: it was allocated in `new` with this layout, and nothing is borrowed from it.
        unsafe { dealloc(self.memory.as_ptr().cast(), Layout::new::<Memory>()) }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_was_received_is_sent_back_where_it_came_from_and_what_cannot_be_is_skipped() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let askers: Vec<UdpSocket> =
            (0..3).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        for asker in &askers {
            asker.send_to(b"asked", server.local_addr().unwrap()).unwrap();
        }
        let mut batch = Batch::new();
        assert_eq!(batch.receive(server.as_fd(), Wait::ForOne).unwrap(), 3);
        for (place, asker) in askers.iter().enumerate() {
            let message = batch.message(place).unwrap();
            assert_eq!(message.peer, Some(asker.local_addr().unwrap()));
            assert_eq!(message.octets[..message.len], *b"asked");
            message.octets[..4].copy_from_slice(b"said");
            batch.answer(place, 4);
        }
        assert!(batch.message(3).is_none());
        // A header whose control message the system refuses, as it would a source that is gone.
        // SAFETY: the kernel is not writing; the control octets lie in the slot.
        let memory = unsafe { batch.memory.as_mut() };
        memory.slots[1].control = [0xff; CONTROL];
        memory.headers[1].msg_hdr.msg_controllen = CONTROL as _;
        assert_eq!(batch.send(server.as_fd()), 1);
        for place in [0, 2] {
            let mut said = [0; 9];
            assert_eq!(askers[place].recv(&mut said).unwrap(), 4);
            assert_eq!(said[..4], *b"said");
        }
        assert!(batch.receive(server.as_fd(), Wait::Never).is_err());
        assert!(batch.message(0).is_none(), "no message is seen twice");
    }

    #[test]
    fn answers_come_in_any_order_once_and_a_message_without_one_leaves_no_trace() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let askers: Vec<UdpSocket> =
            (0..5).map(|_| UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
        let mut batch = Batch::new();
        for silent in [vec![0, 3], vec![], vec![1, 2], vec![0, 1, 2, 3, 4], vec![4]] {
            for (asker, octet) in askers.iter().zip(0..) {
                asker.send_to(&[octet; 7], server.local_addr().unwrap()).unwrap();
            }
            assert_eq!(batch.receive(server.as_fd(), Wait::ForOne).unwrap(), 5);
            let answered: Vec<usize> = (0..5).filter(|place| !silent.contains(place)).collect();
            for &place in answered.iter().rev() {
                let message = batch.message(place).unwrap();
                assert_eq!(message.octets[..message.len], [u8::try_from(place).unwrap(); 7]);
                batch.answer(place, place + 1);
                assert!(batch.message(place).is_none() && batch.octets(place).is_none());
                batch.answer(place, 9);
            }
            assert_eq!(batch.send(server.as_fd()), 0);
            for (place, asker) in askers.iter().enumerate() {
                asker.set_nonblocking(true).unwrap();
                let mut said = [0; 9];
                let length = asker.recv(&mut said).ok();
                assert_eq!(length, answered.contains(&place).then_some(place + 1));
                assert!(said[..length.unwrap_or(0)].iter().all(|&o| usize::from(o) == place));
                assert!(asker.recv(&mut said).is_err());
            }
        }
    }
}
