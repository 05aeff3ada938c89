//! SIGHUP: everything is read again; what needs a restart is named and keeps its value.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::{error, info, warn};

use crate::config::Config;
use crate::config::cookies::Secret;
use crate::config::http::Http;
use crate::engine::settings::Settings;
use crate::engine::task::Handle;
use crate::server::limits::{self, Shares};
use crate::server::{Reread, cookies, workers};
use crate::sources::files::watch::WatchHandle;

/// The configuration in force, and how to read it again.
pub(super) struct Reloader {
    pub(super) config: Config,
    pub(super) reread: Reread,
    /// The cookies' secret while livezone.toml names none.
    pub(super) drawn: Secret,
    /// What the log knows of the limit of open files.
    pub(super) shares: Shares,
    /// What `[http]` says now.
    pub(super) http: Arc<ArcSwap<Http>>,
}

impl Reloader {
    /// Reads the configuration and the zones again. A bad livezone.toml changes nothing.
    pub(super) async fn reload(&mut self, engine: &Handle, files: &WatchHandle) {
        match self.read() {
            Ok((config, shares)) => {
                self.http.store(Arc::new(config.http.clone()));
                engine.configured(Settings::of(&config)).await;
                (self.config, self.shares) = (config, shares);
                info!("configuration reloaded");
            }
            Err(error) => error!(%error, "configuration rejected, the old one stays in force"),
        }
        files.rescan();
    }

    fn read(&self) -> Result<(Config, Shares), String> {
        let new = cookies::with_secret((self.reread)()?, self.drawn);
        let config = keep_fixed(&self.config, new);
        let workers = workers(&config);
        limits::fit(config, workers, Some(self.shares)).map_err(|error| error.to_string())
    }
}

/// The new configuration with the old values of keys that only a restart can change.
pub fn keep_fixed(old: &Config, new: Config) -> Config {
    let mut config = new;
    let keep = |key: &str, differs: bool| {
        if differs {
            warn!(key, "key needs a restart, the old value stays in force");
        }
    };
    keep("state_dir", config.state_dir != old.state_dir);
    keep("zones_dir", config.zones_dir != old.zones_dir);
    keep("dns.listen", config.dns.listen != old.dns.listen);
    keep("dns.workers", config.dns.workers != old.dns.workers);
    let segments = |config: &Config| config.dns.udp_segmentation;
    keep("dns.udp_segmentation", segments(&config) != segments(old));
    keep("http.listen", config.http.listen != old.http.listen);
    keep("http.insecure", config.http.insecure != old.http.insecure);
    keep("http.observe", config.http.observe != old.http.observe);
    keep("consul", config.consul != old.consul);
    keep("log.format", config.log.format != old.log.format);
    config.state_dir.clone_from(&old.state_dir);
    config.zones_dir.clone_from(&old.zones_dir);
    config.dns.listen.clone_from(&old.dns.listen);
    config.dns.workers = old.dns.workers;
    config.dns.udp_segmentation = old.dns.udp_segmentation;
    config.http.listen = old.http.listen;
    config.http.insecure = old.http.insecure;
    config.http.observe = old.http.observe;
    config.consul.clone_from(&old.consul);
    config.log.format = old.log.format;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_restart_keeps_its_value_and_the_rest_is_taken() {
        let old = Config::default();
        let mut new = Config::default();
        new.dns.workers = old.dns.workers + 1;
        new.dns.udp_segmentation = !old.dns.udp_segmentation;
        new.dns.udp_max_size = 1400;
        new.http.listen = None;
        new.http.connections.max = 7;
        let kept = keep_fixed(&old, new);
        assert_eq!(kept.dns.workers, old.dns.workers);
        assert_eq!(kept.dns.udp_segmentation, old.dns.udp_segmentation);
        assert_eq!(kept.dns.udp_max_size, 1400);
        assert_eq!((kept.http.listen, kept.http.connections.max), (old.http.listen, 7));
    }
}
