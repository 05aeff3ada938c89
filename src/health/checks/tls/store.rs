//! Shares client configurations among checks, and reads their files again when they change.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task;
use tokio::time::Instant;

use crate::health::checks::fault;
use crate::health::checks::tls::files::{Loaded, SystemAnchors};
use crate::model::check::TlsOptions;
use crate::model::health::Outcome;

/// More different options than any registry has reason to hold; beyond it the longest unused goes.
const MAX_ENTRIES: usize = 1024;

const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// How soon files are tried again that could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// One configuration for all checks whose options read the same files the same way. Sessions are
/// resumed within it.
#[derive(Debug, Default)]
pub(in crate::health::checks) struct Store {
    /// Held for look-ups only, never while a file is read or a run waits.
    entries: Mutex<HashMap<TlsOptions, Entry>>,
    system: Arc<SystemAnchors>,
}

#[derive(Debug)]
struct Entry {
    /// `None` while the first reading, or a look whether the files have changed, is under way.
    current: watch::Receiver<Option<Loaded>>,
    looked: Instant,
    used: Instant,
}

impl Store {
    /// The configuration for `options`. Of many that ask at once one has the files read, and all
    /// wait for it.
    pub(in crate::health::checks) async fn config(
        &self,
        options: &TlsOptions,
    ) -> Result<Arc<ClientConfig>, Outcome> {
        // The name belongs to a handshake, not to its configuration.
        let key = TlsOptions { server_name: None, ..options.clone() };
        let mut current = self.current(key, Instant::now());
        let loaded = current.wait_for(Option::is_some).await.map(|loaded| loaded.clone());
        match loaded.ok().flatten().map(|loaded| loaded.config) {
            Some(Ok(config)) => Ok(config),
            Some(Err(why)) => Err(fault::ours(&*why)),
            None => Err(fault::ours("cannot read the certificate files (internal error)")),
        }
    }

    fn current(&self, key: TlsOptions, now: Instant) -> watch::Receiver<Option<Loaded>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&key) {
            entry.used = now;
            if entry.is_due(now) {
                let previous = entry.current.borrow().clone();
                entry.current = self.look(key, previous);
                entry.looked = now;
            }
            return entry.current.clone();
        }
        if entries.len() >= MAX_ENTRIES {
            drop_longest_unused(&mut entries);
        }
        let current = self.look(key.clone(), None);
        entries.insert(key, Entry { current: current.clone(), looked: now, used: now });
        current
    }

    /// Reads what has changed since `previous` on a thread that may block. It reports to whoever
    /// waits then: a run that is dropped meanwhile takes nothing with it.
    fn look(
        &self,
        options: TlsOptions,
        previous: Option<Loaded>,
    ) -> watch::Receiver<Option<Loaded>> {
        let (sender, receiver) = watch::channel(None);
        let system = Arc::clone(&self.system);
        task::spawn_blocking(move || {
            let loaded = previous
                .filter(|previous| previous.is_current(&options))
                .unwrap_or_else(|| Loaded::read(&options, &system));
            sender.send_replace(Some(loaded));
        });
        receiver
    }
}

impl Entry {
    fn is_due(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.looked);
        match &*self.current.borrow() {
            Some(loaded) if loaded.config.is_ok() => age >= LOOK_AGAIN,
            Some(_) => age >= RETRY,
            // Under way, unless the reader is gone without a word.
            None => self.current.has_changed().is_err() && age >= RETRY,
        }
    }
}

fn drop_longest_unused(entries: &mut HashMap<TlsOptions, Entry>) {
    let oldest = entries.iter().min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        entries.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time;

    use super::*;
    use crate::health::checks::tests::tls::Authority;
    use crate::model::health::Finding;

    fn of(authority: &Authority) -> TlsOptions {
        TlsOptions {
            ca_file: Some(authority.folder.path().join("ca.pem")),
            ..TlsOptions::default()
        }
    }

    fn replace(authority: &Authority, other: &Authority) {
        let new = authority.folder.path().join("ca.pem.new");
        fs::copy(other.folder.path().join("ca.pem"), &new).unwrap();
        fs::rename(new, authority.folder.path().join("ca.pem")).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn options_that_read_the_same_files_share_a_configuration() {
        let (store, authority) = (Store::default(), Authority::new());
        let named = TlsOptions { server_name: Some("a.example".into()), ..of(&authority) };
        let plain = of(&authority);
        let (first, second) = tokio::join!(store.config(&plain), store.config(&named));
        assert!(Arc::ptr_eq(&first.unwrap(), &second.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_changed_is_read_again_within_ten_seconds() {
        let (store, authority) = (Store::default(), Authority::new());
        let first = store.config(&of(&authority)).await.unwrap();
        replace(&authority, &Authority::new());
        time::advance(Duration::from_secs(9)).await;
        assert!(Arc::ptr_eq(&first, &store.config(&of(&authority)).await.unwrap()));
        time::advance(Duration::from_secs(1)).await;
        assert!(!Arc::ptr_eq(&first, &store.config(&of(&authority)).await.unwrap()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_kept_still_keeps_its_configuration_and_sessions() {
        let (store, authority) = (Store::default(), Authority::new());
        let first = store.config(&of(&authority)).await.unwrap();
        for _ in 0..5 {
            time::advance(Duration::from_secs(11)).await;
            assert!(Arc::ptr_eq(&first, &store.config(&of(&authority)).await.unwrap()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_file_that_was_missing_is_tried_again_after_a_second() {
        let (store, authority) = (Store::default(), Authority::new());
        let path = authority.folder.path().join("ca.pem");
        let text = fs::read_to_string(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let outcome = store.config(&of(&authority)).await.unwrap_err();
        assert_eq!(outcome.finding, Finding::Nothing);
        authority.write("ca.pem", &text);
        assert!(store.config(&of(&authority)).await.is_err());
        time::advance(Duration::from_secs(1)).await;
        assert!(store.config(&of(&authority)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_unused_goes_when_there_are_too_many() {
        let (store, authority) = (Store::default(), Authority::new());
        let missing = |number: u32| TlsOptions {
            ca_file: Some(format!("/nowhere/{number}").into()),
            ..TlsOptions::default()
        };
        let first = store.config(&of(&authority)).await.unwrap();
        for number in 0..1023 {
            time::advance(Duration::from_millis(1)).await;
            assert!(store.config(&missing(number)).await.is_err());
        }
        assert!(Arc::ptr_eq(&first, &store.config(&of(&authority)).await.unwrap()));
        time::advance(Duration::from_millis(1)).await;
        assert!(store.config(&missing(1023)).await.is_err());
        assert!(Arc::ptr_eq(&first, &store.config(&of(&authority)).await.unwrap()));
        assert_eq!(store.entries.lock().unwrap().len(), 1024);
    }
}
