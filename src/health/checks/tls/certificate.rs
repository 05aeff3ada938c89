//! What a certificate says of itself, whatever its version (RFC 5280 section 4.1).
//!
//! rustls reads certificates of version 3 alone, and names the issuer of none.

use rustls::CertificateError;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use x509_cert::certificate::{CertificateInner, Raw, TbsCertificateInner};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::ExtendedKeyUsage;
use x509_cert::time::Time;

use crate::health::checks::fault::printable;

/// id-ce-subjectAltName (RFC 5280 section 4.2.1.6).
const ALTERNATIVE_NAMES: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// Purposes that let a certificate be a server's: id-kp-serverAuth and anyExtendedKeyUsage (section
/// 4.2.1.12).
const SERVER_PURPOSES: [ObjectIdentifier; 2] = [
    ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"),
    ObjectIdentifier::new_unwrap("2.5.29.37.0"),
];

/// A certificate whose signature nobody has verified.
#[derive(Debug)]
pub(super) struct Certificate(CertificateInner<Raw>);

impl Certificate {
    /// `None` when it is no certificate.
    pub(super) fn read(octets: &CertificateDer<'_>) -> Option<Self> {
        CertificateInner::from_der(octets).ok().map(Self)
    }

    /// Its issuer's name as RFC 4514 writes it, fit to be shown; empty where there is none.
    pub(super) fn issuer(&self) -> String {
        printable(&self.tbs().issuer().to_string())
    }

    pub(super) fn is_self_issued(&self) -> bool {
        self.names_as_issuer(self)
    }

    pub(super) fn names_as_issuer(&self, other: &Self) -> bool {
        self.tbs().issuer() == other.tbs().subject()
    }

    pub(super) fn has_alternative_names(&self) -> bool {
        let extensions = self.tbs().extensions().map_or(&[][..], Vec::as_slice);
        extensions.iter().any(|extension| extension.extn_id == ALTERNATIVE_NAMES)
    }

    pub(super) fn check_time(&self, time: UnixTime) -> Result<(), CertificateError> {
        let unix = |time: Time| UnixTime::since_unix_epoch(time.to_unix_duration());
        let validity = self.tbs().validity();
        let (not_before, not_after) = (unix(validity.not_before), unix(validity.not_after));
        if time < not_before {
            return Err(CertificateError::NotValidYetContext { time, not_before });
        }
        if time > not_after {
            return Err(CertificateError::ExpiredContext { time, not_after });
        }
        Ok(())
    }

    /// A certificate without purposes is good for any.
    pub(super) fn check_purpose(&self) -> Result<(), CertificateError> {
        let purposes = self.tbs().get_extension::<ExtendedKeyUsage>();
        match purposes.map_err(|_| CertificateError::BadEncoding)? {
            Some((_, purposes)) if !purposes.0.iter().any(|p| SERVER_PURPOSES.contains(p)) => {
                Err(CertificateError::InvalidPurpose)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The subject's common name must be the name expected, without wildcards: what certificates
    /// had before there were alternative names.
    pub(super) fn check_common_name(&self, name: &ServerName<'_>) -> Result<(), CertificateError> {
        let common = self.tbs().subject().common_name().ok().flatten();
        let common = common.map(|common| common.value().into_owned());
        if common.as_ref().is_some_and(|common| common.eq_ignore_ascii_case(&name.to_str())) {
            return Ok(());
        }
        let presented = common.into_iter().map(|common| format!("DnsName({common:?})")).collect();
        Err(CertificateError::NotValidForNameContext { expected: name.to_owned(), presented })
    }

    pub(super) fn key(&self) -> Option<SubjectPublicKeyInfoDer<'static>> {
        self.tbs().subject_public_key_info().to_der().ok().map(SubjectPublicKeyInfoDer::from)
    }

    fn tbs(&self) -> &TbsCertificateInner<Raw> {
        self.0.tbs_certificate()
    }
}
