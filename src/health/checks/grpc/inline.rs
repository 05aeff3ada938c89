//! hyper's tasks of one connection, moved by whoever waits for the connection and by nobody else.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use hyper::rt::Executor;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Owns the tasks: they end when it is dropped. A connection has three at most.
#[derive(Default)]
pub(super) struct Inline(Arc<Mutex<Vec<Task>>>);

/// What hyper has of it. Tasks hold it too, so it must not hold them.
#[derive(Clone)]
pub(super) struct Handle(Weak<Mutex<Vec<Task>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Handle {
    fn execute(&self, task: F) {
        // Of a run that is over nothing goes on.
        if let Some(tasks) = self.0.upgrade() {
            tasks.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(task));
        }
    }
}

impl Inline {
    pub(super) fn executor(&self) -> Handle {
        Handle(Arc::downgrade(&self.0))
    }

    /// Moves the connection and its tasks for as long as it is polled. How the connection ends is
    /// known to those who wait for the answer, so it is not looked at here.
    pub(super) async fn drive(&self, connection: impl Future) -> Infallible {
        let mut connection = pin!(connection);
        let (mut open, mut running) = (true, Vec::new());
        poll_fn(|context| {
            open = open && connection.as_mut().poll(context).is_pending();
            self.advance(&mut running, context);
            Poll::Pending
        })
        .await
    }

    /// Polls every task, those too that begin meanwhile.
    fn advance(&self, running: &mut Vec<Task>, context: &mut Context<'_>) {
        running.retain_mut(|task| task.as_mut().poll(context).is_pending());
        loop {
            let new = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
            if new.is_empty() {
                return;
            }
            running.extend(
                new.into_iter().filter_map(|mut task| {
                    task.as_mut().poll(context).is_pending().then_some(task)
                }),
            );
        }
    }
}
