//! Under a limit of address space (`RLIMIT_AS`) the start takes its memory before all else. An allocation
//! that fails ends the process by a signal; here it is an error still.

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

fn is_limited() -> bool {
    getrlimit(Resource::RLIMIT_AS).is_ok_and(|(soft, _)| soft != RLIM_INFINITY)
}

fn block(octets: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut block = Vec::new();
    block.try_reserve_exact(octets)?;
    Ok(black_box(block))
}
