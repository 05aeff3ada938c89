//! Says once that no service waits for first outcomes any more.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tracing::{error, info};

use crate::engine::task::Handle;
use crate::server::Addresses;

/// Waits for the first round to end, logs it, and writes the ready file.
pub(super) async fn announce(mut engine: Handle, file: Option<PathBuf>, addresses: Addresses) {
    if !engine.ready().await {
        return;
    }
    info!("ready");
    let Some(file) = file else { return };
    if let Err(error) = write(&file, &addresses) {
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
