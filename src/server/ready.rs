//! Says once that no service waits for first outcomes any more.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{error, info};

use crate::engine::task::Handle;
use crate::metrics::Metrics;
use crate::server::Addresses;
use crate::server::notify::{Supervisor, status};

pub(super) struct Announcement {
    pub(super) file: Option<PathBuf>,
    pub(super) addresses: Addresses,
}

/// Waits for the first round to end, logs it, writes the ready file and tells the supervisor.
pub(super) async fn announce(
    mut engine: Handle,
    metrics: Metrics,
    announcement: Announcement,
    supervisor: Arc<Supervisor>,
) {
    if !engine.ready().await {
        return;
    }
    info!("ready");
    let Announcement { file, addresses } = announcement;
    if let Some(file) = file {
        put(&file, &addresses);
    }
    supervisor.ready(&status(&metrics));
}

fn put(file: &Path, addresses: &Addresses) {
    if let Err(error) = write(file, addresses) {
        error!(path = %file.display(), %error, "cannot write the ready file");
    }
}

/// One `key=value` line an address, there at once and whole.
fn write(path: &Path, addresses: &Addresses) -> io::Result<()> {
    let dns = addresses.dns.iter().map(|address| ("dns", address));
    let http = addresses.http.iter().map(|address| ("http", address));
    let observe = addresses.observe.iter().map(|address| ("observe", address));
    let mut text = String::new();
    for (key, address) in dns.chain(http).chain(observe) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key}={address}");
    }
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, text)?;
    fs::rename(&new, path)
}
