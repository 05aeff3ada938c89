//! The one timer of a connection.
//!
//! Each wait has its own end, and nearly all are over before it. So the timer is not set for each:
//! one that rings too early is set again, and only an end that comes before it moves it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

const NEVER: Duration = Duration::from_secs(30 * 365 * 86_400);

#[derive(Debug)]
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// A timer, and how long its first wait is like to be.
    pub(super) fn new(likely: Duration) -> Self {
        Self(Box::pin(sleep(likely)))
    }

    /// What `future` gives, or `None` when it takes longer than `wait`. What is there at once is
    /// never too late.
    pub(super) async fn within<F: Future>(
        &mut self,
        wait: Duration,
        future: F,
    ) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut end = None;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let end = *end.get_or_insert_with(|| after(wait));
            if end < self.0.deadline() {
                self.0.as_mut().reset(end);
            }
            while self.0.as_mut().poll(context).is_ready() {
                if self.0.deadline() >= end {
                    return Poll::Ready(None);
                }
                self.0.as_mut().reset(end);
            }
            Poll::Pending
        })
        .await
    }
}

fn after(wait: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(wait).or_else(|| now.checked_add(NEVER)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_wait_ends_at_its_own_time_whatever_was_set_before() {
        let mut alarm = Alarm::new(SECOND * 10);
        for seconds in [10, 2, 30, 5, 5, 1] {
            assert_eq!(alarm.within(SECOND, sleep(SECOND / 2)).await, Some(()));
            let began = Instant::now();
            assert_eq!(alarm.within(SECOND * seconds, pending::<()>()).await, None);
            assert_eq!(began.elapsed().as_secs(), u64::from(seconds));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_at_once_is_not_late() {
        let mut alarm = Alarm::new(SECOND);
        assert_eq!(alarm.within(Duration::ZERO, ready(7)).await, Some(7));
        assert_eq!(alarm.within(Duration::ZERO, pending::<()>()).await, None);
        assert_eq!(alarm.within(Duration::MAX, sleep(SECOND * 100)).await, Some(()));
    }
}
