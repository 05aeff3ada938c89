//! Panics go to the log, at most one line a second.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tracing::error;

use crate::model::time::Clock;
use crate::transport::throttle::Throttle;

/// A message may hold what somebody sent.
const MAX_REASON: usize = 1000;

/// From now on panics of every thread are logged.
pub(super) fn to_the_log(clock: Clock) {
    panic::set_hook(Box::new(hook(clock)));
}

fn hook(clock: Clock) -> impl Fn(&PanicHookInfo<'_>) + Send + Sync {
    // A packet that makes a worker panic may come again at once, as often as the line carries it.
    let throttle = Mutex::new(Throttle::default());
    move |info| {
        // Held for this line only, which does not panic: another panic never waits for long.
        let due = throttle.lock().unwrap_or_else(PoisonError::into_inner).due(clock().mono);
        if let Some(suppressed) = due {
            report(info, suppressed);
        }
    }
}

fn report(info: &PanicHookInfo<'_>, suppressed: u64) {
    let thread = thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let reason = reason(info.payload());
    // Only where RUST_BACKTRACE asks for it.
    let trace = Some(Backtrace::capture()).filter(|t| t.status() == BacktraceStatus::Captured);
    let trace = trace.map(|trace| trace.to_string());
    error!(thread, place, reason, suppressed, trace, "panicked");
}

/// The message that a panic carries, if it carries one.
fn reason(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no panic message").chars().take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::model::time::{Instant, Now};

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Page {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(octets);
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Page {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn a_storm_of_panics_is_one_line_a_second_with_thread_place_and_reason() {
        let (page, millis) = (Page::default(), Arc::new(AtomicU64::new(0)));
        let (time, tester) = (Arc::clone(&millis), thread::current().id());
        let ours = hook(Arc::new(move || {
            let mono = Instant(Duration::from_millis(time.load(Ordering::Relaxed)));
            Now { mono, ..Now::default() }
        }));
        // The other tests of this process panic as they did.
        let before = Arc::new(panic::take_hook());
        let others = Arc::clone(&before);
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == tester { ours(info) } else { others(info) }
        }));
        let log = tracing_subscriber::fmt().with_writer(page.clone()).with_ansi(false).finish();
        tracing::subscriber::with_default(log, || {
            for at in [0, 1, 500, 999, 1000] {
                millis.store(at, Ordering::Relaxed);
                panic::catch_unwind(|| panic!("at {}\nof the first", "noon")).unwrap_err();
            }
        });
        panic::set_hook(Box::new(move |info| before(info)));

        let page = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = page.lines().collect();
        let [first, second] = lines[..] else { panic!("not two lines: {page}") };
        for word in ["ERROR", "panicked", "panics.rs:", "at noon\\nof the first", "suppressed=0"] {
            assert!(first.contains(word), "{word} in {first}");
        }
        assert!(first.contains(thread::current().name().unwrap()), "{first}");
        assert!(second.contains("suppressed=3"), "{second}");
    }

    #[test]
    fn the_reason_is_bounded_and_need_not_be_there() {
        assert_eq!(reason(&"é".repeat(2 * MAX_REASON)), "é".repeat(MAX_REASON));
        assert_eq!(reason(&"so"), "so");
        assert_eq!(reason(&7), "no panic message");
    }
}
