//! Reads the files of TLS options into a client configuration. Blocks: not for async threads.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::health::checks::fault;
use crate::health::checks::tls::verifier::{Anchored, Anchors, AnyCertificate};
use crate::model::check::{ClientFiles, TlsOptions};

/// The system's trust anchors, read once: they are the same for all options.
pub(super) type SystemAnchors = OnceLock<Arc<Anchors>>;

/// The whole of the web's trust anchors is a quarter of this.
const FILE_LIMIT: u64 = 1024 * 1024;

/// Why options do not become a configuration, in one line: it is shown as an outcome's reason.
#[derive(Debug, Error)]
pub(super) enum LoadError {
    #[error("cannot read {}: {}", path.display(), fault::words(error))]
    Read { path: PathBuf, error: io::Error },
    #[error("{} must be a regular file of {FILE_LIMIT} bytes or less", path.display())]
    Kind { path: PathBuf },
    #[error("{} contains no PEM {what}", path.display())]
    Pem { path: PathBuf, what: &'static str },
    #[error(
        "private key {} does not match certificate {}, or is not an RSA, P-256, P-384 or Ed25519 \
         key",
        key.display(), cert.display()
    )]
    KeyMismatch { cert: PathBuf, key: PathBuf, source: rustls::Error },
    #[error("this system has no CA certificates; set tls_ca_file")]
    NoAnchors,
}

/// What the files said, and which files those were.
#[derive(Clone, Debug)]
pub(super) struct Loaded {
    /// The configuration, or why there is none.
    pub(super) config: Result<Arc<ClientConfig>, Arc<str>>,
    stamps: Vec<Option<Stamp>>,
}

impl Loaded {
    pub(super) fn read(options: &TlsOptions, system: &SystemAnchors) -> Self {
        // Stamps before contents: a change in between is seen at the next look.
        let stamps = stamps(options);
        let config =
            config(options, system).map(Arc::new).map_err(|error| error.to_string().into());
        Self { config, stamps }
    }

    /// Whether reading again would say the same. What failed may have been the moment's fault.
    pub(super) fn is_current(&self, options: &TlsOptions) -> bool {
        self.config.is_ok() && self.stamps == stamps(options)
    }
}

/// Changes whenever a file is written, replaced, or a link to it swapped.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    file: (u64, u64),
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl From<Metadata> for Stamp {
    fn from(metadata: Metadata) -> Self {
        Self {
            file: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

fn stamps(options: &TlsOptions) -> Vec<Option<Stamp>> {
    let client = options.client.iter().flat_map(|files| [&files.cert, &files.key]);
    let paths = options.ca_file.iter().chain(client);
    paths.map(|path| fs::metadata(path).ok().map(Stamp::from)).collect()
}

pub(super) fn config(
    options: &TlsOptions,
    system: &SystemAnchors,
) -> Result<ClientConfig, LoadError> {
    // The provider is named here: a process-wide default could be another's.
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if options.skip_verify {
        Arc::new(AnyCertificate(provider.signature_verification_algorithms))
    } else {
        let anchors = anchors(options, system)?;
        Arc::new(Anchored::new(anchors, &provider).map_err(|_| LoadError::NoAnchors)?)
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let Some(ClientFiles { cert, key }) = &options.client else {
        return Ok(builder.with_no_client_auth());
    };
    let (chain, private) = (certificates(cert)?, private_key(key)?);
    builder.with_client_auth_cert(chain, private).map_err(|source| LoadError::KeyMismatch {
        cert: cert.clone(),
        key: key.clone(),
        source,
    })
}

fn anchors(options: &TlsOptions, system: &SystemAnchors) -> Result<Arc<Anchors>, LoadError> {
    let Some(path) = &options.ca_file else { return system_anchors(system) };
    let anchors = Anchors::new(certificates(path)?);
    let none = || LoadError::Pem { path: path.clone(), what: "certificate" };
    anchors.map(Arc::new).ok_or_else(none)
}

/// None found is not remembered: they may be installed while we run.
fn system_anchors(system: &SystemAnchors) -> Result<Arc<Anchors>, LoadError> {
    if let Some(anchors) = system.get() {
        return Ok(Arc::clone(anchors));
    }
    let anchors = Anchors::new(rustls_native_certs::load_native_certs().certs);
    let anchors = anchors.ok_or(LoadError::NoAnchors)?;
    Ok(Arc::clone(system.get_or_init(|| Arc::new(anchors))))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, LoadError> {
    let error = || LoadError::Pem { path: path.to_owned(), what: "certificate" };
    let text = contents(path)?;
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| error())?;
    if chain.is_empty() { Err(error()) } else { Ok(chain) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, LoadError> {
    PrivateKeyDer::from_pem_slice(&contents(path)?)
        .map_err(|_| LoadError::Pem { path: path.to_owned(), what: "private key" })
}

fn contents(path: &Path) -> Result<Vec<u8>, LoadError> {
    let error = |error| LoadError::Read { path: path.to_owned(), error };
    let refuse = || LoadError::Kind { path: path.to_owned() };
    // Asked before the file is opened: opening a pipe may wait for ever.
    if !fs::metadata(path).map_err(error)?.is_file() {
        return Err(refuse());
    }
    let mut text = Vec::new();
    let file = File::open(path).map_err(error)?;
    let read = file.take(FILE_LIMIT + 1).read_to_end(&mut text).map_err(error)?;
    if read as u64 > FILE_LIMIT { Err(refuse()) } else { Ok(text) }
}
