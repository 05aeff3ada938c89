//! One large body for all who read it: made once for each published state, kept for as long as
//! somebody reads it, and few of them at a time.

use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Mutex;

use crate::model::time::Instant;

/// While so many bodies are being read, each of another state, a new asker may be given the newest
/// of them although something has changed since.
const MANY: usize = 4;
/// How old that may be: who reads slowly is ended after half a minute, so there are at most twenty
/// bodies.
const SHARED_FOR: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub struct Bodies<V>(Mutex<Vec<Body<V>>>);

/// One that is being read, or was.
#[derive(Debug)]
struct Body<V> {
    version: V,
    made: Instant,
    octets: Weak<Vec<u8>>,
}

/// One reader's share.
struct Share(Arc<Vec<u8>>);

impl AsRef<[u8]> for Share {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<V> Default for Bodies<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V: PartialEq> Bodies<V> {
    /// The body of what is published now: one that is being read, or a new one. One is made at a
    /// time, and who comes meanwhile waits for it.
    pub(super) async fn get(
        &self,
        published: impl Fn() -> V,
        now: Instant,
        make: impl AsyncFnOnce() -> Vec<u8>,
    ) -> Bytes {
        let mut bodies = self.0.lock().await;
        bodies.retain(|body| body.octets.strong_count() > 0);
        // Before it is made: what changes meanwhile is another version.
        let version = published();
        let many = bodies.len() >= MANY;
        let will_do = |body: &&Body<V>| {
            body.version == version || (many && now.since(body.made) < SHARED_FOR)
        };
        let newest = bodies.last().filter(will_do).and_then(|body| body.octets.upgrade());
        if let Some(octets) = newest {
            return Bytes::from_owner(Share(octets));
        }
        let octets = Arc::new(make().await);
        bodies.push(Body { version, made: now, octets: Arc::downgrade(&octets) });
        Bytes::from_owner(Share(octets))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn at(millis: u64) -> Instant {
        Instant(Duration::from_millis(millis))
    }

    /// The body of `version`, which says so.
    async fn get(bodies: &Bodies<u8>, version: u8, millis: u64) -> Bytes {
        bodies.get(|| version, at(millis), async || vec![version; 100]).await
    }

    #[tokio::test]
    async fn who_reads_the_same_state_reads_the_same_octets() {
        let bodies = Bodies::default();
        let (one, two) = (get(&bodies, 1, 0).await, get(&bodies, 1, 60_000).await);
        assert_eq!((one.as_ptr(), &one[..2]), (two.as_ptr(), &[1, 1][..]));
        assert_eq!(get(&bodies, 2, 60_000).await[..], [2; 100]);
    }

    #[tokio::test]
    async fn what_nobody_reads_is_gone() {
        let bodies = Bodies::default();
        let kept = get(&bodies, 1, 0).await;
        let octets = Weak::clone(&bodies.0.lock().await[0].octets);
        assert!(octets.upgrade().is_some());
        drop(kept);
        assert!(octets.upgrade().is_none());
        assert_eq!(get(&bodies, 1, 0).await[..], [1; 100]);
        assert_eq!(bodies.0.lock().await.len(), 1);
    }

    #[tokio::test]
    async fn those_who_ask_at_once_wait_for_one_body() {
        let (bodies, made) = (Bodies::default(), Cell::new(0));
        let make = async || {
            made.set(made.get() + 1);
            tokio::task::yield_now().await;
            vec![7]
        };
        let one = || bodies.get(|| 1, at(0), make);
        let (a, b, c) = tokio::join!(one(), one(), one());
        assert_eq!((made.get(), a.as_ptr()), (1, b.as_ptr()));
        assert_eq!(c[..], [7]);
    }

    #[tokio::test]
    async fn whoever_goes_away_while_it_is_made_holds_nobody_up() {
        let bodies = Bodies::default();
        let never = bodies.get(|| 1, at(0), std::future::pending);
        tokio::select! {
            biased;
            _ = never => unreachable!("it is never made"),
            () = tokio::task::yield_now() => {}
        }
        assert_eq!(get(&bodies, 1, 0).await[..], [1; 100]);
    }

    #[tokio::test]
    async fn slow_readers_of_a_state_that_changes_all_the_time_hold_few_bodies() {
        let bodies = Bodies::default();
        let mut readers = Vec::new();
        // Each of 250 reads for half a minute, and every 100 ms one comes.
        for n in 0..250 {
            let millis = u64::from(n) * 100;
            readers.push(get(&bodies, n, millis).await);
            assert!(readers.last().is_some_and(|body| n - body[0] < 20), "2 s old at most");
        }
        let count = bodies.0.lock().await.len();
        assert!((MANY..=20).contains(&count), "{count} bodies");
        drop(readers);
        assert_eq!(get(&bodies, 250, 25_000).await[0], 250, "few again: nothing old is shown");
    }
}
