//! Servers whose certificate is itself a trust anchor, and those whose certificate is none's.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SigningKey, date_time_ymd,
};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ResolvesServerCert;
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use tempfile::TempDir;
use x509_cert::der::asn1::{Any, BitString};
use x509_cert::der::{Decode, Encode, Tag};

use crate::health::checks::Runner;
use crate::health::checks::tests::tls::{Authority, answer, https, names};
use crate::health::checks::tests::{probe, server};
use crate::model::check::TlsOptions;
use crate::model::health::Finding;

/// A server's certificate, its key, and a folder for the file that trusts it.
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    folder: TempDir,
}

/// The certificate as it stands, whoever can read it.
#[derive(Debug)]
struct AsItIs(Arc<CertifiedKey>);

impl ResolvesServerCert for AsItIs {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

impl Shown {
    fn new(chain: Vec<CertificateDer<'static>>, key: KeyPair) -> Self {
        Self { chain, key, folder: TempDir::new().unwrap() }
    }

    fn self_signed(params: &CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        Self::new(vec![params.self_signed(&key).unwrap().der().clone()], key)
    }

    /// Trusts these certificates and no others.
    fn trusting(&self, certificates: &[CertificateDer<'_>]) -> TlsOptions {
        let path = self.folder.path().join("ca.pem");
        let pem = |octets: &CertificateDer<'_>| pem_of(octets);
        std::fs::write(&path, certificates.iter().map(pem).collect::<String>()).unwrap();
        TlsOptions { ca_file: Some(path), ..TlsOptions::default() }
    }

    fn serve(&self, versions: &[&'static SupportedProtocolVersion]) -> SocketAddr {
        let provider = Arc::new(ring::default_provider());
        let key = PrivateKeyDer::try_from(self.key.serialize_der()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let resolver = AsItIs(Arc::new(CertifiedKey::new(self.chain.clone(), key)));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(resolver));
        let config = Arc::new(config);
        server(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let _ = answer(StreamOwned::new(connection, stream));
        })
    }

    /// The outcome under both versions of TLS, which must be the same.
    async fn found(&self, host: &str, options: TlsOptions) -> (Finding, String) {
        let mut found = Vec::new();
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let target = self.serve(&[version]);
            let protocol = https(Some(host), options.clone());
            let outcome = Runner::new().run(&probe(protocol, target)).await;
            found.push((outcome.finding, outcome.reason.to_string()));
        }
        assert_eq!(found[0], found[1]);
        found.swap_remove(0)
    }

    /// With its own certificate in `tls_ca_file`.
    async fn found_by_itself(&self, host: &str) -> (Finding, String) {
        self.found(host, self.trusting(&self.chain)).await
    }
}

fn pem_of(octets: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|l| str::from_utf8(l).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

fn authority(mut params: CertificateParams) -> CertificateParams {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// From the first day of one year to the first of another.
fn lasting(mut params: CertificateParams, from: i32, to: i32) -> CertificateParams {
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    params
}

fn meant_for(mut params: CertificateParams, p: ExtendedKeyUsagePurpose) -> CertificateParams {
    params.extended_key_usages = vec![p];
    params
}

fn called(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// Version 1, as tools of old make it: without extensions, and so without names.
fn version_1(common_name: &str) -> Shown {
    type Certificate = x509_cert::certificate::CertificateInner;
    let key = KeyPair::generate().unwrap();
    let params = called(CertificateParams::default(), common_name);
    let made = params.self_signed(&key).unwrap();
    let read = Certificate::from_der(made.der()).unwrap();
    let tbs = read.tbs_certificate();
    // Version 1 is the default and so not written (RFC 5280 section 4.1).
    let fields = [
        tbs.serial_number().to_der(),
        tbs.signature().to_der(),
        tbs.issuer().to_der(),
        tbs.validity().to_der(),
        tbs.subject().to_der(),
        tbs.subject_public_key_info().to_der(),
    ];
    let tbs = sequence(&fields.map(Result::unwrap).concat());
    let signature = BitString::from_bytes(&key.sign(&tbs).unwrap()).unwrap().to_der().unwrap();
    let algorithm = read.signature_algorithm().to_der().unwrap();
    let whole = sequence(&[tbs, algorithm, signature].concat());
    assert_eq!(
        Certificate::from_der(&whole).unwrap().tbs_certificate().version(),
        x509_cert::Version::V1
    );
    Shown::new(vec![whole.into()], key)
}

fn sequence(content: &[u8]) -> Vec<u8> {
    Any::new(Tag::Sequence, content).unwrap().to_der().unwrap()
}

fn pass() -> (Finding, String) {
    (Finding::Pass, "HTTP 200".into())
}

#[tokio::test]
async fn a_certificate_that_is_its_own_authority_is_trusted() {
    // `openssl req -x509 -addext subjectAltName=…`: CA:TRUE is its default.
    let shown = Shown::self_signed(&authority(names(&["app.example"])));
    assert_eq!(shown.found_by_itself("app.example").await, pass());
}

#[tokio::test]
async fn a_certificate_without_ca_true_is_trusted_by_itself() {
    let shown = Shown::self_signed(&names(&["app.example"]));
    assert_eq!(shown.found_by_itself("app.example").await, pass());
    // One that somebody else issued, who is not trusted.
    let issuer = Authority::new();
    let (certificate, key) = issuer.issue(&names(&["app.example"]));
    let shown = Shown::new(vec![certificate.der().clone()], key);
    assert_eq!(shown.found_by_itself("app.example").await, pass());
}

#[tokio::test]
async fn a_certificate_of_version_1_is_trusted_by_itself_and_its_common_name() {
    let shown = version_1("app.example");
    assert_eq!(shown.found_by_itself("APP.example").await, pass());
    let wrong = "certificate is not for other.example, only for app.example";
    assert_eq!(shown.found_by_itself("other.example").await, (Finding::Fail, wrong.into()));
    let any = TlsOptions { skip_verify: true, ..TlsOptions::default() };
    assert_eq!(shown.found("other.example", any).await, pass());
    let other = version_1("app.example");
    let found = shown.found("app.example", shown.trusting(&other.chain)).await;
    let words = "certificate is not X.509 version 3: to trust it, name its file in tls_ca_file";
    assert_eq!(found, (Finding::Fail, words.into()));
}

#[tokio::test]
async fn a_server_without_the_key_of_its_certificate_is_not_believed() {
    for mut shown in
        [version_1("app.example"), Shown::self_signed(&authority(names(&["app.example"])))]
    {
        shown.key = KeyPair::generate().unwrap();
        let found = shown.found_by_itself("app.example").await;
        let words = "certificate has an invalid signature: its issuer did not sign it, or the server does not have its key";
        assert_eq!(found, (Finding::Fail, words.into()));
    }
}

#[tokio::test]
async fn a_common_name_counts_only_where_there_are_no_other_names() {
    let unnamed =
        Shown::self_signed(&authority(called(CertificateParams::default(), "app.example")));
    assert_eq!(unnamed.found_by_itself("app.example").await, pass());
    let named = Shown::self_signed(&authority(called(names(&["a.example"]), "app.example")));
    let wrong = "certificate is not for app.example, only for a.example";
    assert_eq!(named.found_by_itself("app.example").await, (Finding::Fail, wrong.into()));
    // Nor where an authority vouches for it.
    let issuer = Authority::new();
    let (certificate, key) = issuer.issue(&called(CertificateParams::default(), "app.example"));
    let shown = Shown::new(vec![certificate.der().clone()], key);
    let found = shown.found("app.example", issuer.options()).await;
    let wrong = "certificate is not for app.example (it has no names)";
    assert_eq!(found, (Finding::Fail, wrong.into()));
}

#[tokio::test]
async fn an_anchor_too_must_be_valid_now_and_for_servers() {
    let base = || authority(names(&["app.example"]));
    let expired = lasting(base(), 2000, 2001);
    let later = lasting(base(), 3000, 3001);
    let for_clients = meant_for(base(), ExtendedKeyUsagePurpose::ClientAuth);
    for (params, words) in [
        (expired, "certificate expired 2001-01-01T00:00:00Z"),
        (later, "certificate not valid yet, valid from 3000-01-01T00:00:00Z"),
        (for_clients, "certificate is not valid for servers"),
    ] {
        let found = Shown::self_signed(&params).found_by_itself("app.example").await;
        assert_eq!(found, (Finding::Fail, words.into()));
    }
    for purpose in [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::Any] {
        let found =
            Shown::self_signed(&meant_for(base(), purpose)).found_by_itself("app.example").await;
        assert_eq!(found, pass());
    }
}

#[tokio::test]
async fn a_certificate_like_an_anchor_is_none() {
    // The same name and key, and other octets.
    let key = KeyPair::generate().unwrap();
    let certificate = |not_after: i32| {
        let params = lasting(authority(names(&["app.example"])), 2000, not_after);
        params.self_signed(&key).unwrap().der().clone()
    };
    let (trusted, other) = (certificate(3000), certificate(3001));
    let shown = Shown::new(vec![other], key);
    let found = shown.found("app.example", shown.trusting(&[trusted])).await;
    let words = "certificate is self-signed: to trust it, name its file in tls_ca_file";
    assert_eq!(found, (Finding::Fail, words.into()));
}

#[tokio::test]
async fn an_authority_is_no_server_of_another_anchor() {
    let issuer = Authority::new();
    let params = authority(called(names(&["app.example"]), "sub"));
    let (certificate, key) = issuer.issue(&params);
    let shown = Shown::new(vec![certificate.der().clone()], key);
    let found = shown.found("app.example", issuer.options()).await;
    let words = "certificate is a CA certificate (CA:TRUE), not a server certificate: to trust it, name its file in tls_ca_file";
    assert_eq!(found, (Finding::Fail, words.into()));
    assert_eq!(shown.found_by_itself("app.example").await, pass());
}

#[tokio::test]
async fn an_issuer_that_is_not_known_is_named() {
    let root_key = KeyPair::generate().unwrap();
    let root = authority(called(CertificateParams::default(), "The Root"));
    let root = CertifiedIssuer::self_signed(root, root_key).unwrap();
    let middle = authority(called(CertificateParams::default(), "Mid\u{202e}\u{2028}dle"));
    let middle = CertifiedIssuer::signed_by(middle, KeyPair::generate().unwrap(), &root).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = names(&["app.example"]).signed_by(&key, &middle).unwrap();
    let (leaf, middle) = (leaf.der().clone(), middle.der().clone());
    let other = Authority::new();
    let mut shown = Shown::new(vec![leaf.clone()], key);
    let named = |name: &str| {
        let words = "name the issuer's file in tls_ca_file";
        (Finding::Fail, format!("certificate from an unknown issuer, {name}: {words}"))
    };
    let found = shown.found("app.example", other.options()).await;
    assert!(found.1.contains("CN=Mid??dle"), "{found:?}");
    shown.chain = vec![leaf.clone(), middle.clone()];
    assert_eq!(shown.found("app.example", other.options()).await, named("CN=The Root"));
    let root: CertificateDer<'static> = root.der().clone();
    shown.chain = vec![leaf, middle, root.clone()];
    assert_eq!(shown.found("app.example", other.options()).await, named("CN=The Root"));
    assert_eq!(shown.found("app.example", shown.trusting(&[root])).await, pass());
}

#[tokio::test]
async fn a_self_signed_certificate_is_called_so() {
    let other = Authority::new();
    for params in [names(&["app.example"]), authority(names(&["app.example"]))] {
        let shown = Shown::self_signed(&called(params, "web"));
        let found = shown.found("app.example", other.options());
        let words = "certificate is self-signed: to trust it, name its file in tls_ca_file";
        assert_eq!(found.await, (Finding::Fail, words.into()));
    }
}
