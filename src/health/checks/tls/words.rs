//! What went wrong in TLS, in words for people: none of the library's own reaches them.

use std::time::{Duration, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
    PeerMisbehaved,
};

use crate::health::checks::fault::{ours, printable, theirs};
use crate::health::checks::tls::verifier::Distrust;
use crate::model::health::Outcome;

/// A certificate may have thousands of names.
const NAMES_SHOWN: usize = 3;

const NO_VERSION: &str = "no TLS version in common: livezone speaks TLS 1.2 and 1.3";
const NO_HTTP_2: &str = "the server does not speak HTTP/2 over TLS";
const NO_CERTIFICATE: &str =
    "the server requires a client certificate: set tls_cert_file and tls_key_file";
const BROKE_OFF: &str = "the server aborted the TLS handshake";
const BROKEN: &str = "the server violated the TLS protocol";

/// Whose fault an error of TLS is, and what is said of it.
pub(in crate::health::checks) fn of_tls(error: &Error) -> Outcome {
    use Error as E;
    match error {
        E::FailedToGetCurrentTime => ours("cannot read the system time"),
        E::FailedToGetRandomBytes => ours("cannot get random bytes from the system"),
        E::EncryptError => ours("TLS encryption failed"),
        E::InconsistentKeys(_) => ours("tls_key_file does not match tls_cert_file"),
        E::InvalidCertificate(why) => theirs(of_certificate(why)),
        E::AlertReceived(alert) => theirs(of_alert(*alert)),
        E::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => theirs("the response is not TLS"),
        E::PeerIncompatible(why) => theirs(of_incompatible(why)),
        E::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol)
        | E::NoApplicationProtocol => theirs(NO_HTTP_2),
        E::NoCertificatesPresented => theirs("the server sent no certificate"),
        E::HandshakeNotComplete => theirs("the TLS handshake was not completed"),
        E::DecryptError => theirs(format!("{BROKEN}: cannot decrypt its message")),
        E::InvalidMessage(_) | E::PeerSentOversizedRecord => {
            theirs(format!("{BROKEN}: cannot decode its message"))
        }
        E::InappropriateMessage { .. } | E::InappropriateHandshakeMessage { .. } => {
            theirs(format!("{BROKEN}: unexpected message"))
        }
        E::PeerMisbehaved(_) => theirs(BROKEN),
        // What is left has to do with what we do not use, or is yet unknown.
        _ => theirs("the TLS handshake failed"),
    }
}

fn of_certificate(why: &CertificateError) -> String {
    use CertificateError as E;
    let fixed = match why {
        E::ExpiredContext { not_after, .. } => {
            return format!("certificate expired{}", date(*not_after));
        }
        E::NotValidYetContext { not_before, .. } => {
            let since = date(*not_before);
            let label = if since.is_empty() { "" } else { ", valid from" };
            return format!("certificate not valid yet{label}{since}");
        }
        E::NotValidForNameContext { expected, presented } => {
            return of_names(&expected.to_str(), presented);
        }
        E::Other(other) => return of_other(other),
        E::Expired => "expired",
        E::NotValidYet => "not valid yet",
        E::Revoked => "revoked",
        E::UnknownIssuer => "from an unknown issuer",
        E::NotValidForName => "is for another name",
        E::BadEncoding => "is malformed",
        E::BadSignature => {
            "has an invalid signature: its issuer did not sign it, or the server does not have its \
             key"
        }
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "has a signature algorithm that livezone does not support"
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "is not valid for servers",
        E::UnhandledCriticalExtension => "has a critical extension that livezone does not support",
        E::UnknownRevocationStatus
        | E::ExpiredRevocationList
        | E::ExpiredRevocationListContext { .. }
        | E::InvalidOcspResponse => "may have been revoked",
        // What is deprecated, and what is yet unknown.
        _ => "is not accepted",
    };
    format!("certificate {fixed}")
}

/// Our own words, or those for an error of the library that verifies chains.
fn of_other(other: &OtherError) -> String {
    use webpki::Error as E;
    if let Some(ours) = other.0.downcast_ref::<Distrust>() {
        return ours.to_string();
    }
    let fixed = match other.0.downcast_ref::<E>() {
        Some(E::CaUsedAsEndEntity) => "is a CA certificate (CA:TRUE), not a server certificate",
        Some(E::EndEntityUsedAsCa) => "was issued by a certificate that is not a CA (no CA:TRUE)",
        Some(E::PathLenConstraintViolated | E::MaximumPathDepthExceeded) => {
            "has a longer chain than its CA certificates allow"
        }
        Some(E::NameConstraintViolation) => "has a name that its CA may not certify",
        Some(E::UnsupportedCertVersion) => {
            "is not X.509 version 3: to trust it, name its file in tls_ca_file"
        }
        Some(E::UnsupportedCriticalExtension) => {
            "has a critical extension that livezone does not support"
        }
        Some(E::EmptyEkuExtension) => "has an empty list of purposes (extended key usage)",
        Some(
            E::MaximumPathBuildCallsExceeded
            | E::MaximumSignatureChecksExceeded
            | E::MaximumNameConstraintComparisonsExceeded,
        ) => "has a chain that takes too long to verify",
        Some(
            E::ExtensionValueInvalid
            | E::InvalidSerialNumber
            | E::InvalidNetworkMaskConstraint
            | E::MalformedDnsIdentifier
            | E::MalformedExtensions
            | E::MalformedNameConstraint
            | E::SignatureAlgorithmMismatch,
        ) => "is malformed",
        Some(_) | None => "is not accepted",
    };
    format!("certificate {fixed}")
}

/// The names come as the library formats them: `DnsName("a.example")`, `IpAddress(192.0.2.1)`.
fn of_names(expected: &str, presented: &[String]) -> String {
    let name = |text: &String| {
        let kinds = ["DnsName(", "IpAddress("];
        let inner = kinds.iter().find_map(|kind| text.strip_prefix(kind))?.strip_suffix(')')?;
        Some(printable(inner.trim_matches('"')))
    };
    let names: Vec<String> = presented.iter().filter_map(name).collect();
    let expected = printable(expected);
    let shown = names.get(..NAMES_SHOWN).unwrap_or(&names).join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        _ if names.is_empty() => format!("certificate is not for {expected} (it has no names)"),
        0 => format!("certificate is not for {expected}, only for {shown}"),
        more => format!("certificate is not for {expected}, only for {shown} and {more} more"),
    }
}

/// `" 2026-01-31T00:00:00Z"`; nothing where it is beyond the calendar.
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let last = humantime::parse_rfc3339("9999-12-31T23:59:59Z");
    match UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) {
        Some(time) if last.is_ok_and(|last| time <= last) => {
            format!(" {}", humantime::format_rfc3339_seconds(time))
        }
        Some(_) | None => String::new(),
    }
}

fn of_incompatible(why: &PeerIncompatible) -> &'static str {
    use PeerIncompatible as P;
    match why {
        P::ServerDoesNotSupportTls12Or13
        | P::ServerTlsVersionIsDisabledByOurConfig
        | P::SupportedVersionsExtensionRequired
        | P::Tls12NotOffered
        | P::Tls12NotOfferedOrEnabled => NO_VERSION,
        P::NoCipherSuitesInCommon
        | P::NoKxGroupsInCommon
        | P::NoEcPointFormatsInCommon
        | P::UncompressedEcPointsRequired => "no TLS cipher in common",
        P::NoSignatureSchemesInCommon => {
            "no signature algorithm in common: livezone does not support this type of key"
        }
        P::NoCertificateRequestSignatureSchemesInCommon => {
            "the server does not accept the key type of the client certificate (tls_cert_file)"
        }
        _ => "the server does not support a TLS feature that livezone needs",
    }
}

/// What the server says before it breaks off (RFC 8446 section 6.2).
fn of_alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let fixed = match alert {
        A::CloseNotify => "connection closed during the TLS handshake",
        A::ProtocolVersion => NO_VERSION,
        A::HandshakeFailure | A::InsufficientSecurity => {
            "the server refused the TLS handshake: no cipher or key type in common (RSA, P-256, \
             P-384 and Ed25519 keys are supported), or it requires a client certificate \
             (tls_cert_file)"
        }
        A::CertificateRequired | A::NoCertificate => NO_CERTIFICATE,
        A::BadCertificate | A::UnsupportedCertificate => {
            "the server rejected the client certificate as invalid or unsupported: check \
             tls_cert_file"
        }
        A::CertificateRevoked => "the server rejected the client certificate: it is revoked",
        A::CertificateExpired => "the server rejected the client certificate: it has expired",
        A::CertificateUnknown => "the server rejected the client certificate",
        A::UnknownCA => "the server rejected the client certificate: unknown issuer",
        A::AccessDenied => "the server rejected the client certificate: access denied",
        A::UnrecognisedName => "the server does not know the requested name: set tls_server_name",
        A::NoApplicationProtocol => NO_HTTP_2,
        A::InternalError => "the server had an internal error in the TLS handshake",
        A::UserCanceled | A::NoRenegotiation | A::InappropriateFallback => BROKE_OFF,
        A::UnexpectedMessage
        | A::BadRecordMac
        | A::DecryptionFailed
        | A::RecordOverflow
        | A::DecompressionFailure
        | A::IllegalParameter
        | A::DecodeError
        | A::DecryptError
        | A::MissingExtension
        | A::UnsupportedExtension => "the server could not process the TLS handshake",
        other => return format!("{BROKE_OFF} (alert {})", u8::from(other)),
    };
    fixed.to_owned()
}
