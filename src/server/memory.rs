//! Under a limit of address space (`RLIMIT_AS`) the start takes its memory before all else. An allocation
//! that fails ends the process by a signal; here it is an error still. And when much is registered no
//! more, its memory goes back to the system.

use std::collections::TryReserveError;
use std::env;
use std::ffi::OsString;
use std::hint::black_box;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Less than what the allocator maps by itself: its heap is what must grow.
const BLOCK: usize = 96 * 1024;
/// 12 MiB: what all stages allocate before they answer, beside the stacks of their threads.
const BLOCKS: usize = 128;
/// What a server must be able to get once it has started.
const ROOM: usize = 16 << 20;

/// Without it the GNU C library looks for 64 MiB of address space for every thread, and a thread that
/// gets none looks again with each allocation: until it gives up, others find nothing.
const ARENAS: &str = "MALLOC_ARENA_MAX";

#[derive(Debug, thiserror::Error)]
#[error("cannot allocate memory: raise or remove the address space limit (LimitAS, ulimit -v)")]
pub struct MemoryError(#[from] TryReserveError);

/// Lies above memory that is free, and so keeps the allocator from giving that back.
#[derive(Debug)]
pub struct Reserve(#[expect(dead_code, reason = "it is there to be there")] Vec<u8>);

/// Lets the heap grow by what the start needs. Nothing where there is no limit; where there is one, the
/// program of this process begins anew with `args`, once, with one heap for all threads.
pub fn reserve(args: &[OsString]) -> Result<Option<Reserve>, MemoryError> {
    if !is_limited() {
        return Ok(None);
    }
    if let (None, Some((name, args))) = (env::var_os(ARENAS), args.split_first()) {
        // It returns only if it cannot, and then many heaps must do.
        let _ = Command::new("/proc/self/exe").arg0(name).args(args).env(ARENAS, "1").exec();
    }
    let mut blocks = Vec::new();
    blocks.try_reserve_exact(BLOCKS)?;
    for _ in 0..BLOCKS {
        blocks.push(block(BLOCK)?);
    }
    Ok(blocks.pop().map(Reserve))
}

pub(super) fn check_room() -> Result<(), MemoryError> {
    if is_limited() { block(ROOM).map(drop).map_err(MemoryError) } else { Ok(()) }
}

/// Fewer instances are not worth the work.
const WORTH_IT: i64 = 10_000;
/// Readers may hold what was served before for so many looks.
const LOOKS_OF_READERS: u8 = 3;

/// The most instances that were registered since memory was given back.
#[derive(Debug, Default)]
pub(super) struct Peak {
    most: i64,
    looks_to_second: u8,
}

impl Peak {
    /// Whether memory is to be given back, now that so many instances are registered: when they
    /// fall below three quarters of the peak, and once more three looks later.
    pub(super) fn falls_to(&mut self, instances: i64) -> bool {
        if self.most > WORTH_IT && instances < self.most / 4 * 3 {
            *self = Self { most: instances, looks_to_second: LOOKS_OF_READERS };
            return true;
        }
        self.most = self.most.max(instances);
        let is_second = self.looks_to_second == 1;
        self.looks_to_second = self.looks_to_second.saturating_sub(1);
        is_second
    }
}

/// Gives free memory back to the system. Waits for the kernel, and other threads that allocate may
/// wait for it.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "no crate that we have wraps malloc_trim")]
pub(super) fn give_back() {
    // SAFETY: it has no precondition, takes the allocator's own locks, and touches only memory that
    // is free.
    unsafe { nix::libc::malloc_trim(0) };
}

/// Other C libraries have no such call.
#[cfg(not(target_env = "gnu"))]
pub(super) fn give_back() {}

fn is_limited() -> bool {
    getrlimit(Resource::RLIMIT_AS).is_ok_and(|(soft, _)| soft != RLIM_INFINITY)
}

fn block(octets: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut block = Vec::new();
    block.try_reserve_exact(octets)?;
    Ok(black_box(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(instances: &[i64]) -> Vec<bool> {
        let mut peak = Peak::default();
        instances.iter().map(|&instances| peak.falls_to(instances)).collect()
    }

    #[test]
    fn memory_is_given_back_when_a_quarter_of_many_instances_is_gone_and_once_more_for_readers() {
        let seen = [200_000, 150_000, 149_999, 149_999, 149_999, 149_999, 149_999];
        assert_eq!(looks(&seen), [false, false, true, false, false, true, false]);
    }

    #[test]
    fn few_instances_or_as_many_as_before_are_no_reason() {
        assert_eq!(looks(&[10_000, 0, 10_000, 0]), [false; 4]);
        assert_eq!(looks(&[200_000, 160_000, 200_000, 160_000]), [false; 4]);
    }

    #[test]
    fn each_further_fall_is_measured_from_the_last() {
        assert_eq!(looks(&[40_000, 20_000, 14_000, 9_000, 0]), [false, true, true, true, false]);
    }
}
