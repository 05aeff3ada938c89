//! Who is believed to be the server: one with a certificate of a trust anchor, or with an anchor's
//! own certificate; with `tls_skip_verify` anybody.

use std::collections::HashSet;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use webpki::RawPublicKeyEntity;

use crate::health::checks::tls::certificate::Certificate;

#[derive(Debug)]
pub(super) struct Anchors {
    /// Whom they may have issued certificates for.
    issuers: Arc<RootCertStore>,
    /// They themselves: a server may show one as its own.
    own: HashSet<CertificateDer<'static>>,
}

impl Anchors {
    /// `None` when none of `certificates` can be read.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut issuers = RootCertStore::empty();
        let (added, _) = issuers.add_parsable_certificates(certificates.iter().cloned());
        let own = certificates.into_iter().collect();
        (added > 0).then(|| Self { issuers: Arc::new(issuers), own })
    }
}

/// Why a certificate is not trusted, where the library's word says too little.
#[derive(Debug, thiserror::Error)]
pub(super) enum Distrust {
    #[error("certificate is self-signed: to trust it, name its file in tls_ca_file")]
    SelfSigned,
    #[error("certificate from an unknown issuer, {0}: name the issuer's file in tls_ca_file")]
    Issuer(String),
    #[error("certificate from an unknown issuer: name the issuer's file in tls_ca_file")]
    NamelessIssuer,
    #[error(
        "certificate is a CA certificate (CA:TRUE), not a server certificate: to trust it, name \
         its file in tls_ca_file"
    )]
    Authority,
}

/// The verifier of everything but `tls_skip_verify`.
#[derive(Debug)]
pub(super) struct Anchored {
    anchors: Arc<Anchors>,
    issued: Arc<WebPkiServerVerifier>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Anchored {
    pub(super) fn new(
        anchors: Arc<Anchors>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, VerifierBuilderError> {
        let (issuers, algorithms) =
            (Arc::clone(&anchors.issuers), provider.signature_verification_algorithms);
        let issued =
            WebPkiServerVerifier::builder_with_provider(issuers, Arc::clone(provider)).build()?;
        Ok(Self { anchors, issued, algorithms })
    }
}

impl ServerCertVerifier for Anchored {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.anchors.own.contains(end_entity) {
            return verify_anchor(end_entity, server_name, now);
        }
        self.issued
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| explained(error, end_entity, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature_of_tls_1_2(message, cert, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature_of_tls_1_3(message, cert, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// A certificate that is trusted by its octets needs nobody's signature. It must still be valid now,
/// for this name and for servers. Without alternative names (version 1 has none) its common name
/// counts, as with curl: whoever is trusted by its octets cannot be another.
fn verify_anchor(
    octets: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    let certificate = Certificate::read(octets).ok_or(CertificateError::BadEncoding)?;
    certificate.check_time(now)?;
    certificate.check_purpose()?;
    if certificate.has_alternative_names() {
        verify_server_name(&ParsedCertificate::try_from(octets)?, name)?;
    } else {
        certificate.check_common_name(name)?;
    }
    Ok(ServerCertVerified::assertion())
}

/// Adds to the library's error who it is about, where it does not say so.
fn explained(
    error: Error,
    octets: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
) -> Error {
    let is_authority = |other: &OtherError| {
        matches!(other.0.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
    };
    let certificate = Certificate::read(octets);
    let is_self_issued = certificate.as_ref().is_some_and(Certificate::is_self_issued);
    let why = match &error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if is_self_issued => {
            Distrust::SelfSigned
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            match certificate.map(|first| missing_issuer(first, intermediates)) {
                Some(issuer) if !issuer.is_empty() => Distrust::Issuer(issuer),
                Some(_) | None => Distrust::NamelessIssuer,
            }
        }
        Error::InvalidCertificate(CertificateError::Other(other)) if is_authority(other) => {
            if is_self_issued {
                Distrust::SelfSigned
            } else {
                Distrust::Authority
            }
        }
        _ => return error,
    };
    CertificateError::Other(OtherError(Arc::new(why))).into()
}

/// The issuer at which the chain that the server shows ends.
fn missing_issuer(first: Certificate, intermediates: &[CertificateDer<'_>]) -> String {
    let mut shown: Vec<_> = intermediates.iter().filter_map(Certificate::read).collect();
    let mut last = first;
    while !last.is_self_issued()
        && let Some(next) = shown.iter().position(|other| last.names_as_issuer(other))
    {
        last = shown.swap_remove(next);
    }
    last.issuer()
}

/// The verifier of `tls_skip_verify`. It asks no certificate who issued it, for whom and until when.
/// The server must still hold its key: the handshake's signatures are verified.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub(super) WebPkiSupportedAlgorithms);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature_of_tls_1_2(message, cert, signature, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_signature_of_tls_1_3(message, cert, signature, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// The key of a certificate that rustls does not read, above all one of version 1.
fn unread_key(
    cert: &CertificateDer<'_>,
) -> Result<Option<SubjectPublicKeyInfoDer<'static>>, Error> {
    if ParsedCertificate::try_from(cert).is_ok() {
        return Ok(None);
    }
    let key = Certificate::read(cert).and_then(|certificate| certificate.key());
    key.map(Some).ok_or(CertificateError::BadEncoding.into())
}

fn verify_signature_of_tls_1_2(
    message: &[u8],
    cert: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let Some(key) = unread_key(cert)? else {
        return verify_tls12_signature(message, cert, signature, algorithms);
    };
    let key = RawPublicKeyEntity::try_from(&key).map_err(|_| CertificateError::BadEncoding)?;
    let mut candidates = algorithms.mapping.iter().filter(|(name, _)| *name == signature.scheme);
    let is_valid = candidates.any(|(_, algorithms)| {
        let by = |algorithm| key.verify_signature(algorithm, message, signature.signature());
        algorithms.iter().any(|algorithm| by(*algorithm).is_ok())
    });
    if !is_valid {
        return Err(CertificateError::BadSignature.into());
    }
    Ok(HandshakeSignatureValid::assertion())
}

fn verify_signature_of_tls_1_3(
    message: &[u8],
    cert: &CertificateDer<'_>,
    signature: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    match unread_key(cert)? {
        None => verify_tls13_signature(message, cert, signature, algorithms),
        Some(key) => verify_tls13_signature_with_raw_key(message, &key, signature, algorithms),
    }
}
