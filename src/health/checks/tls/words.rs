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
    "the server wants a client certificate: set tls_cert_file and tls_key_file";
const BROKE_OFF: &str = "the server broke the TLS handshake off";
const BROKEN: &str = "the server breaks the rules of TLS";

/// Whose fault an error of TLS is, and what is said of it.
pub(in crate::health::checks) fn of_tls(error: &Error) -> Outcome {
    use Error as E;
    match error {
        E::FailedToGetCurrentTime => ours("the system's time cannot be read"),
        E::FailedToGetRandomBytes => ours("the system gives no random octets"),
        E::EncryptError => ours("TLS could not encrypt"),
        E::InconsistentKeys(_) => ours("tls_key_file is not the key of tls_cert_file"),
        E::InvalidCertificate(why) => theirs(of_certificate(why)),
        E::AlertReceived(alert) => theirs(of_alert(*alert)),
        E::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => theirs("the response is not TLS"),
        E::PeerIncompatible(why) => theirs(of_incompatible(why)),
        E::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol)
        | E::NoApplicationProtocol => theirs(NO_HTTP_2),
        E::NoCertificatesPresented => theirs("the server shows no certificate"),
        E::HandshakeNotComplete => theirs("the TLS handshake was not completed"),
        E::DecryptError => theirs(format!("{BROKEN}: what it sent cannot be decrypted")),
        E::InvalidMessage(_) | E::PeerSentOversizedRecord => {
            theirs(format!("{BROKEN}: what it sent cannot be read"))
        }
        E::InappropriateMessage { .. } | E::InappropriateHandshakeMessage { .. } => {
            theirs(format!("{BROKEN}: it sent a message out of turn"))
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
            let label = if since.is_empty() { "" } else { ", only from" };
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
        E::BadEncoding => "cannot be read",
        E::BadSignature => "is not signed by its issuer, or the server does not hold its key",
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "is signed in a way that livezone does not verify"
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "is not one for servers",
        E::UnhandledCriticalExtension => "has a critical extension that livezone does not know",
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
        Some(E::CaUsedAsEndEntity) => "is an authority's own (CA:TRUE), which is no server's",
        Some(E::EndEntityUsedAsCa) => "is issued by one that may issue none (no CA:TRUE)",
        Some(E::PathLenConstraintViolated | E::MaximumPathDepthExceeded) => {
            "has more authorities above it than are allowed"
        }
        Some(E::NameConstraintViolation) => "has a name that its issuer may not certify",
        Some(E::UnsupportedCertVersion) => {
            "is not of version 3: to trust it, name its file in tls_ca_file"
        }
        Some(E::UnsupportedCriticalExtension) => {
            "has a critical extension that livezone does not know"
        }
        Some(E::EmptyEkuExtension) => "is for no purpose at all",
        Some(
            E::MaximumPathBuildCallsExceeded
            | E::MaximumSignatureChecksExceeded
            | E::MaximumNameConstraintComparisonsExceeded,
        ) => "comes with a chain that takes too long to verify",
        Some(
            E::ExtensionValueInvalid
            | E::InvalidSerialNumber
            | E::InvalidNetworkMaskConstraint
            | E::MalformedDnsIdentifier
            | E::MalformedExtensions
            | E::MalformedNameConstraint
            | E::SignatureAlgorithmMismatch,
        ) => "cannot be read",
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
            "no signature algorithm in common: the server's key is of a kind that livezone does not verify"
        }
        P::NoCertificateRequestSignatureSchemesInCommon => {
            "the server takes no client certificate of the kind of tls_cert_file"
        }
        _ => "the server lacks a part of TLS that livezone needs",
    }
}

/// What the server says before it breaks off (RFC 8446 section 6.2).
fn of_alert(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let fixed = match alert {
        A::CloseNotify => "connection closed during the TLS handshake",
        A::ProtocolVersion => NO_VERSION,
        A::HandshakeFailure | A::InsufficientSecurity => {
            "the server refuses the TLS handshake: there is no cipher in common, \
             or it wants a client certificate (tls_cert_file)"
        }
        A::CertificateRequired | A::NoCertificate => NO_CERTIFICATE,
        A::BadCertificate | A::UnsupportedCertificate => {
            "the server wants another client certificate than it got: see tls_cert_file"
        }
        A::CertificateRevoked => "the server says that our client certificate is revoked",
        A::CertificateExpired => "the server says that our client certificate has expired",
        A::CertificateUnknown => "the server does not accept our client certificate",
        A::UnknownCA => "the server does not know the issuer of our client certificate",
        A::AccessDenied => "the server denies access to our client certificate",
        A::UnrecognisedName => {
            "the server does not know the name that it was asked for: set tls_server_name"
        }
        A::NoApplicationProtocol => NO_HTTP_2,
        A::InternalError => "the server met an error of its own in the TLS handshake",
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
        | A::UnsupportedExtension => "the server cannot read our side of the TLS handshake",
        other => return format!("{BROKE_OFF} (alert {})", u8::from(other)),
    };
    fixed.to_owned()
}
