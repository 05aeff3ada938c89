use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::{fs, io};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

use crate::health::checks::Runner;
use crate::health::checks::tests::{
    answering, hasty, http_check, probe, read_request, server, tcp_check,
};
use crate::model::check::{ClientFiles, HttpCheck, Protocol, TlsOptions};
use crate::model::health::{Finding, Outcome};

/// An authority of our own, and a folder for what is written of it.
pub(in crate::health::checks) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pub(in crate::health::checks) folder: TempDir,
}

impl Authority {
    pub(in crate::health::checks) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, folder: TempDir::new().unwrap() };
        authority.write("ca.pem", &authority.issuer.pem());
        authority
    }

    pub(in crate::health::checks) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(in crate::health::checks) fn options(&self) -> TlsOptions {
        TlsOptions { ca_file: Some(self.folder.path().join("ca.pem")), ..TlsOptions::default() }
    }

    /// A certificate for `names`, and its key.
    pub(in crate::health::checks) fn issue(
        &self,
        params: &CertificateParams,
    ) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn client_files(&self) -> ClientFiles {
        let (cert, key) = self.issue(&names(&["client.example"]));
        ClientFiles {
            cert: self.write("client.pem", &cert.pem()),
            key: self.write("client.key", &key.serialize_pem()),
        }
    }

    pub(in crate::health::checks) fn server_config(
        &self,
        params: &CertificateParams,
        client: Client,
    ) -> ServerConfig {
        let (cert, key) = self.issue(params);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match client {
            Client::Anyone => builder.with_no_client_auth(),
            Client::Certified => {
                let mut anchors = RootCertStore::empty();
                anchors.add(self.issuer.der().clone()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(anchors.into(), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        builder.with_single_cert(vec![cert.der().clone()], key).unwrap()
    }

    /// An HTTPS server that answers 200.
    fn serve(&self, params: &CertificateParams, client: Client) -> SocketAddr {
        let config = Arc::new(self.server_config(params, client));
        server(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let _ = answer(StreamOwned::new(connection, stream));
        })
    }
}

#[derive(Clone, Copy)]
pub(in crate::health::checks) enum Client {
    Anyone,
    Certified,
}

const WANTS_CLIENT: &str =
    "the server requires a client certificate: set tls_cert_file and tls_key_file";

pub(super) fn answer(mut stream: impl Read + Write) -> io::Result<()> {
    if read_request(&mut stream).is_empty() {
        return Ok(());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
    stream.flush()
}

pub(in crate::health::checks) fn names(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.into()).collect();
    CertificateParams::new(names).unwrap()
}

pub(super) fn https(host: Option<&str>, options: TlsOptions) -> Protocol {
    let host = host.map(str::to_owned);
    Protocol::Http(Arc::new(HttpCheck { tls: Some(Arc::new(options)), host, ..http_check() }))
}

async fn run(protocol: Protocol, target: SocketAddr) -> Outcome {
    Runner::new().run(&probe(protocol, target)).await
}

async fn reason(protocol: Protocol, target: SocketAddr) -> (Finding, String) {
    let outcome = run(protocol, target).await;
    (outcome.finding, outcome.reason.to_string())
}

#[tokio::test]
async fn a_certificate_of_the_given_authority_passes() {
    let authority = Authority::new();
    let target = authority.serve(&names(&["127.0.0.1"]), Client::Anyone);
    let found = reason(https(None, authority.options()), target).await;
    assert_eq!(found, (Finding::Pass, "HTTP 200".into()));
    let found = reason(tcp_check(Some(authority.options())), target).await;
    assert_eq!(found, (Finding::Pass, "connected over TLS".into()));
}

#[tokio::test]
async fn an_authority_that_nobody_named_fails() {
    let (authority, other) = (Authority::new(), Authority::new());
    let target = authority.serve(&names(&["127.0.0.1"]), Client::Anyone);
    let found = reason(https(None, other.options()), target).await;
    assert_eq!(found.0, Finding::Fail);
    assert!(found.1.starts_with("certificate"), "{found:?}");
}

#[tokio::test]
async fn the_name_expected_is_the_option_or_the_urls_host_or_the_address() {
    let authority = Authority::new();
    let target = authority.serve(&names(&["app.example"]), Client::Anyone);
    let url = https(Some("app.example:8443"), authority.options());
    assert_eq!(run(url, target).await.finding, Finding::Pass);
    let server_name = Some("app.example".into());
    let option = TlsOptions { server_name, ..authority.options() };
    let found = run(https(Some("other.example"), option.clone()), target).await;
    assert_eq!(found.finding, Finding::Pass);
    assert_eq!(run(tcp_check(Some(option)), target).await.finding, Finding::Pass);
    let found = reason(https(None, authority.options()), target).await;
    let only = "certificate is not for 127.0.0.1, only for app.example";
    assert_eq!(found, (Finding::Fail, only.into()));
    let found = reason(https(Some("other.example"), authority.options()), target).await;
    let only = "certificate is not for other.example, only for app.example";
    assert_eq!(found, (Finding::Fail, only.into()));
}

#[tokio::test]
async fn an_expired_certificate_fails() {
    let authority = Authority::new();
    let mut params = names(&["127.0.0.1"]);
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2001, 1, 1);
    let target = authority.serve(&params, Client::Anyone);
    let found = reason(https(None, authority.options()), target).await;
    assert_eq!(found, (Finding::Fail, "certificate expired 2001-01-01T00:00:00Z".into()));
    params.not_before = date_time_ymd(3000, 1, 1);
    params.not_after = date_time_ymd(3001, 1, 1);
    let target = authority.serve(&params, Client::Anyone);
    let found = reason(tcp_check(Some(authority.options())), target).await;
    assert_eq!(
        found,
        (Finding::Fail, "certificate not valid yet, valid from 3000-01-01T00:00:00Z".into())
    );
}

#[tokio::test]
async fn any_certificate_is_good_when_verification_is_skipped() {
    let authority = Authority::new();
    let mut params = names(&["other.example"]);
    params.not_after = date_time_ymd(2001, 1, 1);
    let target = authority.serve(&params, Client::Anyone);
    let options = TlsOptions { skip_verify: true, ..TlsOptions::default() };
    assert_eq!(run(https(None, options.clone()), target).await.finding, Finding::Pass);
    assert_eq!(run(tcp_check(Some(options)), target).await.finding, Finding::Pass);
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let authority = Authority::new();
    let target = authority.serve(&names(&["127.0.0.1"]), Client::Certified);
    let client = Some(authority.client_files());
    let options = TlsOptions { client, ..authority.options() };
    assert_eq!(run(https(None, options), target).await.finding, Finding::Pass);
    let found = reason(https(None, authority.options()), target).await;
    assert_eq!(found, (Finding::Fail, WANTS_CLIENT.into()));
}

#[tokio::test]
async fn a_second_run_resumes_the_session_of_the_first() {
    let authority = Authority::new();
    let config = Arc::new(authority.server_config(&names(&["127.0.0.1"]), Client::Anyone));
    let (sender, kinds) = sync_channel(2);
    let target = server(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = StreamOwned::new(connection, stream);
        answer(&mut stream).unwrap();
        sender.send(stream.conn.handshake_kind()).unwrap();
    });
    let runner = Runner::new();
    let probe = probe(https(None, authority.options()), target);
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        assert_eq!(runner.run(&probe).await.finding, Finding::Pass);
        assert_eq!(kinds.recv().unwrap(), Some(kind));
    }
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls_fails() {
    let options = TlsOptions { skip_verify: true, ..TlsOptions::default() };
    let plain = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    let found = reason(https(None, options.clone()), plain).await;
    let words = "the server speaks HTTP without TLS on this port";
    assert_eq!(found, (Finding::Fail, words.into()));
    let other = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n");
        let _ = stream.read(&mut [0; 4096]);
    });
    let found = reason(https(None, options.clone()), other).await;
    assert_eq!(found, (Finding::Fail, "the response is not TLS".into()));
    let alert = server(|mut stream| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"\x15\x03\x03\x00\x02\x02\x46");
        let _ = stream.read(&mut [0; 4096]);
    });
    let found = reason(https(None, options.clone()), alert).await;
    let words = "no TLS version in common: livezone speaks TLS 1.2 and 1.3";
    assert_eq!(found, (Finding::Fail, words.into()));
    let silent = server(|mut stream| while stream.read(&mut [0; 64]).unwrap_or(0) > 0 {});
    let found = Runner::new().run(&hasty(https(None, options.clone()), silent)).await;
    assert_eq!((found.finding, &*found.reason), (Finding::Fail, "timed out after 200ms"));
    let closing = server(|mut stream| drop(stream.read(&mut [0; 4096])));
    let found = reason(https(None, options), closing).await;
    assert_eq!(found, (Finding::Fail, "connection closed during the TLS handshake".into()));
}

#[tokio::test]
async fn a_file_that_is_not_good_is_no_evidence_and_is_named() {
    let authority = Authority::new();
    let (target, requests) = answering("");
    let path = |name: &str| authority.folder.path().join(name);
    let empty = authority.write("empty.pem", "nothing\n");
    let client = authority.client_files();
    let with_ca =
        |path: &Path| TlsOptions { ca_file: Some(path.to_owned()), ..TlsOptions::default() };
    let with_client = |cert: &Path, key: &Path| {
        let client = Some(ClientFiles { cert: cert.to_owned(), key: key.to_owned() });
        TlsOptions { client, ..authority.options() }
    };
    for (options, bad) in [
        (with_ca(&path("gone.pem")), "gone.pem"),
        (with_ca(&empty), "empty.pem"),
        (with_ca(authority.folder.path()), "must be a regular file"),
        (with_client(&empty, &client.key), "empty.pem"),
        (with_client(&client.cert, &empty), "empty.pem"),
        (with_client(&path("ca.pem"), &client.key), "client.key does not match certificate"),
    ] {
        let found = run(https(None, options), target).await;
        assert_eq!(found.finding, Finding::Nothing, "{found:?}");
        assert!(found.reason.contains(bad), "{found:?}");
    }
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn the_systems_anchors_do_not_know_our_authority() {
    let authority = Authority::new();
    let target = authority.serve(&names(&["127.0.0.1"]), Client::Anyone);
    let found = reason(https(None, TlsOptions::default()), target).await;
    // A machine without anchors says so, and blames itself.
    let expected = [
        (
            Finding::Fail,
            "certificate from an unknown issuer, CN=an authority: \
             name the issuer's file in tls_ca_file",
        ),
        (Finding::Nothing, "this system has no CA certificates; set tls_ca_file (local error)"),
    ];
    assert!(expected.contains(&(found.0, &*found.1)), "{found:?}");
}
