//! SIGHUP: everything is read again; what needs a restart is named and keeps its value.

use tracing::{error, info, warn};

use crate::config::Config;
use crate::config::cookies::Secret;
use crate::engine::task::Handle;
use crate::server::{Reread, cookies, settings};
use crate::sources::files::watch::WatchHandle;

/// The configuration in force, and how to read it again.
pub(super) struct Reloader {
    pub(super) config: Config,
    pub(super) reread: Reread,
    /// The cookies' secret while livezone.toml names none.
    pub(super) drawn: Secret,
}

impl Reloader {
    /// Reads the configuration and the zones again. A bad livezone.toml changes nothing.
    pub(super) async fn reload(&mut self, engine: &Handle, files: &WatchHandle) {
        match (self.reread)() {
            Ok(new) => {
                let config = keep_fixed(&self.config, cookies::with_secret(new, self.drawn));
                engine.configured(settings(&config)).await;
                self.config = config;
                info!("configuration read again");
            }
            Err(error) => error!(%error, "configuration refused: the old one stays"),
        }
        files.rescan();
    }
}

/// The new configuration with the old values of keys that only a restart can change.
pub fn keep_fixed(old: &Config, new: Config) -> Config {
    let mut config = new;
    let keep = |key: &str, differs: bool| {
        if differs {
            warn!(key, "this key needs a restart: the old value stays");
        }
    };
    keep("state_dir", config.state_dir != old.state_dir);
    keep("zones_dir", config.zones_dir != old.zones_dir);
    keep("dns.listen", config.dns.listen != old.dns.listen);
    keep("dns.workers", config.dns.workers != old.dns.workers);
    let segments = |config: &Config| config.dns.udp_segmentation;
    keep("dns.udp_segmentation", segments(&config) != segments(old));
    keep("http", config.http != old.http);
    keep("consul", config.consul != old.consul);
    keep("log.format", config.log.format != old.log.format);
    config.state_dir.clone_from(&old.state_dir);
    config.zones_dir.clone_from(&old.zones_dir);
    config.dns.listen.clone_from(&old.dns.listen);
    config.dns.workers = old.dns.workers;
    config.dns.udp_segmentation = old.dns.udp_segmentation;
    config.http = old.http;
    config.consul = old.consul;
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
        let kept = keep_fixed(&old, new);
        assert_eq!(kept.dns.workers, old.dns.workers);
        assert_eq!(kept.dns.udp_segmentation, old.dns.udp_segmentation);
        assert_eq!(kept.dns.udp_max_size, 1400);
    }
}
