//! Threads with a runtime of their own: one that cannot be made is an error here, and no panic.

use std::io;
use std::panic;
use std::sync::mpsc::sync_channel;
use std::thread::{self, Builder, JoinHandle};

use tokio::runtime::{self, Runtime};
use tokio_util::sync::CancellationToken;

use crate::engine::task::Engine;

/// What to say where the system has no thread for us.
pub fn missing(whose: &str) -> String {
    format!(
        "cannot start threads for {whose}: allow more processes (LimitNPROC, ulimit -u), memory \
         (LimitAS, ulimit -v) or open files (LimitNOFILE, ulimit -n)"
    )
}

/// The runtime that all share.
///
/// Where the system has no thread for one of its workers tokio panics, and on its way out waits for
/// ever for those that it has. So another thread makes it, and what that panic says is the error.
pub(super) fn runtime() -> io::Result<Runtime> {
    let (sender, made) = sync_channel(1);
    let panicked = sender.clone();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let words = info.payload().downcast_ref::<String>().cloned().unwrap_or_default();
        // Only the first is waited for.
        let _ = panicked.try_send(Err(io::Error::other(words)));
        // Unwinding takes memory, and without any it aborts the process before it can say why.
        loop {
            thread::park();
        }
    }));
    let maker = Builder::new().name("start".to_owned());
    // Who waits for it waits for its first message only.
    let maker = maker.spawn(move || drop(sender.try_send(Runtime::new())));
    let runtime = maker.and_then(|_| made.recv().unwrap_or_else(|_| Err(ended_early())));
    if runtime.is_ok() {
        // A hook that is running cannot be replaced.
        panic::set_hook(hook);
    }
    runtime
}

/// The world and the checks that only wait have a thread and a runtime to themselves: thousands of
/// times a second one hands something to the other, and no other thread need be woken for it.
pub(super) fn world(engine: Engine, stop: CancellationToken) -> io::Result<JoinHandle<()>> {
    let (sender, made) = sync_channel(1);
    let world = move || {
        // A runtime may not end within another, as it would if the caller made it in vain.
        let (runtime, said) = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => (Some(runtime), Ok(())),
            Err(error) => (None, Err(error)),
        };
        // The caller waits.
        let _ = sender.send(said);
        if let Some(runtime) = runtime {
            runtime.block_on(engine.run(stop));
            // A name that is being looked up may take half a minute more: nobody waits for it.
            runtime.shutdown_background();
        }
    };
    let thread = Builder::new().name("engine".to_owned()).spawn(world)?;
    made.recv().unwrap_or_else(|_| Err(ended_early()))?;
    Ok(thread)
}

fn ended_early() -> io::Error {
    io::Error::other("the thread exited early")
}
