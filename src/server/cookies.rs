//! The secret of a server that is told none: drawn at its start, kept as long as it runs.

use std::io;

use crate::config::Config;
use crate::config::cookies::Secret;

pub(super) fn draw() -> io::Result<Secret> {
    let mut octets = [0; 16];
    let provider = rustls::crypto::ring::default_provider();
    let filled = provider.secure_random.fill(&mut octets);
    filled.map_err(|_| io::Error::other("cannot get random bytes from the system"))?;
    Ok(Secret(octets))
}

/// The configuration with `drawn` where it names no secret.
pub(super) fn with_secret(config: Config, drawn: Secret) -> Config {
    let mut config = config;
    config.cookies.secret.get_or_insert(drawn);
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_drawn_once_and_gives_way_to_one_that_is_written() {
        let (one, two) = (draw().unwrap(), draw().unwrap());
        assert!(one != two && one != Secret([0; 16]));
        let config = with_secret(Config::default(), one);
        assert_eq!(config.cookies.secret, Some(one));
        assert_eq!(with_secret(config, two).cookies.secret, Some(one));
    }
}
