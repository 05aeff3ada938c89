//! The TLS side of a check: which name is expected, and the handshake.

mod certificate;
mod files;
pub(super) mod store;
mod verifier;
pub(super) mod words;

use std::io;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::health::checks::overheard::{Beginning, Overheard};
use crate::health::checks::tls::files::LoadError;
use crate::health::checks::{fault, network};
use crate::model::check::{CheckTarget, TlsOptions};
use crate::model::health::Outcome;

/// Whether what the files of `options` hold can be used. Those that cannot be read are not judged.
pub(super) fn try_files(options: &TlsOptions) -> Result<(), String> {
    match files::config(options, &files::SystemAnchors::default()) {
        Ok(_) | Err(LoadError::Read { .. } | LoadError::NoAnchors) => Ok(()),
        Err(
            why @ (LoadError::Kind { .. } | LoadError::Pem { .. } | LoadError::KeyMismatch { .. }),
        ) => Err(why.to_string()),
    }
}

pub(super) type Stream = TlsStream<Overheard<TcpStream>>;

/// All that a handshake needs besides the connection.
pub(super) struct Client {
    pub(super) config: Arc<ClientConfig>,
    pub(super) name: ServerName<'static>,
}

impl Client {
    pub(super) async fn handshake(self, stream: TcpStream) -> Result<Stream, Outcome> {
        let connector = TlsConnector::from(self.config);
        let (stream, memory) = Overheard::new(stream);
        connector.connect(self.name, stream).await.map_err(|error| {
            match (memory.beginning(), error.kind()) {
                (Beginning::Http, _) => {
                    fault::theirs("the server speaks HTTP without TLS on this port")
                }
                (_, io::ErrorKind::UnexpectedEof) => {
                    fault::theirs("connection closed during the TLS handshake")
                }
                _ => network::of_network(&error),
            }
        })
    }
}

/// The name for SNI and the certificate: `server_name`, else the URL's host without its port, else
/// the target's host or address.
pub(super) fn server_name(
    options: &TlsOptions,
    host: Option<&str>,
    target: &CheckTarget,
) -> Result<ServerName<'static>, Outcome> {
    let name = match (options.server_name.as_deref().or_else(|| host.map(without_port)), target) {
        (Some(name), _) => name.to_owned(),
        (None, CheckTarget::Host { name, .. }) => name.to_host(),
        (None, CheckTarget::Address(address)) => return Ok(ServerName::from(address.ip())),
    };
    // SNI has no final dot (RFC 6066 section 3), nor have names in certificates.
    let bare = name.strip_suffix('.').unwrap_or(&name);
    ServerName::try_from(bare.to_owned())
        .map_err(|_| fault::ours(format!("invalid TLS server name {name:?}")))
}

/// `host`, `host:port`, `[::1]` and `[::1]:port` without brackets and port.
fn without_port(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    host.split_once(':').map_or(host, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::Name;

    fn name(server_name: Option<&str>, host: Option<&str>) -> String {
        let server_name = server_name.map(str::to_owned);
        let options = TlsOptions { server_name, ..TlsOptions::default() };
        server_name_text(&options, host, &CheckTarget::Address(([192, 0, 2, 1], 443).into()))
    }

    fn server_name_text(options: &TlsOptions, host: Option<&str>, target: &CheckTarget) -> String {
        server_name(options, host, target).expect("a good name").to_str().into_owned()
    }

    #[test]
    fn server_name_wins_over_host_wins_over_address() {
        assert_eq!(name(Some("a.example"), Some("b.example:8443")), "a.example");
        assert_eq!(name(None, Some("b.example:8443")), "b.example");
        assert_eq!(name(None, Some("b.example.")), "b.example");
        assert_eq!(name(None, Some("[2001:db8::1]:8443")), "2001:db8::1");
        assert_eq!(name(None, Some("[2001:db8::1]")), "2001:db8::1");
        assert_eq!(name(None, Some("192.0.2.7:443")), "192.0.2.7");
        assert_eq!(name(None, None), "192.0.2.1");
        let external =
            CheckTarget::Host { name: Name::parse_host("c.example").unwrap(), port: 443 };
        let options = TlsOptions::default();
        assert_eq!(server_name_text(&options, None, &external), "c.example");
        assert_eq!(server_name_text(&options, Some("b.example"), &external), "b.example");
    }

    #[test]
    fn a_name_that_cannot_be_is_our_own_fault() {
        let options = TlsOptions { server_name: Some("a b".to_owned()), ..TlsOptions::default() };
        let target = CheckTarget::Address(([192, 0, 2, 1], 443).into());
        let outcome = server_name(&options, None, &target).err();
        let finding = outcome.map(|outcome| outcome.finding);
        assert_eq!(finding, Some(crate::model::health::Finding::Nothing));
    }
}
