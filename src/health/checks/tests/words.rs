//! No text of a library, and no number of the system, stands in an outcome's reason.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{ServerName, UnixTime};
use rustls::{
    AlertDescription, CertRevocationListError, CertificateError, EncryptedClientHelloError, Error,
    ExtendedKeyPurpose, HandshakeType, InconsistentKeys, InvalidMessage, OtherError,
    PeerIncompatible, PeerMisbehaved,
};

use crate::health::checks::fault::{of_connect_call, of_our_call};
use crate::health::checks::network::of_network;
use crate::model::health::{Finding, Outcome};

/// An error as tokio-rustls hands it on.
fn of(error: impl Into<Error>) -> Outcome {
    of_network(&io::Error::new(io::ErrorKind::InvalidData, error.into()))
}

fn reason(error: impl Into<Error>) -> String {
    of(error).reason.to_string()
}

/// Fails on what derived `Debug` looks like, and on the system's numbers.
pub(in crate::health::checks) fn assert_words(reason: &str) {
    let plain = reason.replace(" (local error)", "");
    let pairs: Vec<(char, char)> = plain.chars().zip(plain.chars().skip(1)).collect();
    for (first, second) in pairs {
        let is_camel = first.is_lowercase() && second.is_uppercase();
        let is_call = first.is_alphanumeric() && second == '(';
        assert!(!is_camel && !is_call, "{reason}");
    }
    for mark in ["{", "}", "::", "os error", "Error", "Some", "\"", "OtherError", "rustls"] {
        assert!(!reason.contains(mark), "{reason}");
    }
    assert!(!reason.is_empty() && reason.len() < 250, "{reason}");
    assert!(!reason.ends_with('.'), "{reason}");
}

fn at(seconds: u64) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(seconds))
}

fn named(presented: &[&str]) -> CertificateError {
    let expected = ServerName::try_from("app.example").unwrap();
    let presented = presented.iter().map(|&name| name.to_owned()).collect();
    CertificateError::NotValidForNameContext { expected, presented }
}

fn other(error: impl std::error::Error + Send + Sync + 'static) -> CertificateError {
    CertificateError::Other(OtherError(Arc::new(error)))
}

#[expect(deprecated, reason = "the library may still give it")]
fn certificate_errors() -> Vec<CertificateError> {
    use CertificateError as E;
    let (time, oid) = (at(2), Vec::new);
    vec![
        E::BadEncoding,
        E::Expired,
        E::ExpiredContext { time, not_after: at(1) },
        E::ExpiredContext { time, not_after: at(u64::MAX) },
        E::NotValidYet,
        E::NotValidYetContext { time, not_before: at(3) },
        E::NotValidYetContext { time, not_before: at(253_402_300_800) },
        E::Revoked,
        E::UnhandledCriticalExtension,
        E::UnknownIssuer,
        E::UnknownRevocationStatus,
        E::ExpiredRevocationList,
        E::ExpiredRevocationListContext { time, next_update: time },
        E::BadSignature,
        E::UnsupportedSignatureAlgorithm,
        E::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: oid(),
            supported_algorithms: Vec::new(),
        },
        E::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id: oid(),
            public_key_algorithm_id: oid(),
        },
        E::NotValidForName,
        named(&[]),
        named(&["DnsName(\"a.example\")", "DirectoryName", "IpAddress(192.0.2.1)"]),
        E::InvalidPurpose,
        E::InvalidPurposeContext {
            required: ExtendedKeyPurpose::ServerAuth,
            presented: vec![ExtendedKeyPurpose::Other(vec![1, 2])],
        },
        E::InvalidOcspResponse,
        E::ApplicationVerificationFailure,
        other(io::Error::other("SomeLibrary { says: 1 }")),
    ]
}

fn chain_errors() -> Vec<webpki::Error> {
    use webpki::Error as E;
    vec![
        E::CaUsedAsEndEntity,
        E::CertDistrusted,
        E::EmptyEkuExtension,
        E::EndEntityUsedAsCa,
        E::ExtensionValueInvalid,
        E::InvalidNetworkMaskConstraint,
        E::InvalidSerialNumber,
        E::MalformedDnsIdentifier,
        E::MalformedExtensions,
        E::MalformedNameConstraint,
        E::MaximumNameConstraintComparisonsExceeded,
        E::MaximumPathBuildCallsExceeded,
        E::MaximumPathDepthExceeded,
        E::MaximumSignatureChecksExceeded,
        E::NameConstraintViolation,
        E::PathLenConstraintViolated,
        E::SignatureAlgorithmMismatch,
        E::UnsupportedCertVersion,
        E::UnsupportedCriticalExtension,
        E::UnsupportedNameType,
    ]
}

fn protocol_errors() -> Vec<Error> {
    use {InvalidMessage as M, PeerIncompatible as P, PeerMisbehaved as B};
    let invalid = [
        M::HandshakePayloadTooLarge,
        M::InvalidContentType,
        M::UnknownProtocolVersion,
        M::MessageTooLarge,
        M::MissingData("ServerHello"),
        M::TrailingData("ServerHello"),
        M::UnexpectedMessage("ServerHello"),
        M::IllegalEmptyList("Vec"),
        M::DuplicateExtension(1),
    ];
    let incompatible = [
        P::EcPointsExtensionRequired,
        P::ExtendedMasterSecretExtensionRequired,
        P::IncorrectCertificateTypeExtension,
        P::NoCertificateRequestSignatureSchemesInCommon,
        P::NoCipherSuitesInCommon,
        P::NoKxGroupsInCommon,
        P::NoSignatureSchemesInCommon,
        P::ServerDoesNotSupportTls12Or13,
        P::ServerTlsVersionIsDisabledByOurConfig,
        P::Tls12NotOffered,
        P::ServerRejectedEncryptedClientHello(None),
    ];
    let misbehaved = [
        B::SelectedUnofferedApplicationProtocol,
        B::SelectedUnofferedCipherSuite,
        B::SignedKxWithWrongAlgorithm,
        B::IllegalMiddleboxChangeCipherSpec,
        B::TooManyWarningAlertsReceived,
    ];
    let inappropriate = Error::InappropriateHandshakeMessage {
        expect_types: vec![HandshakeType::ServerHello],
        got_type: HandshakeType::Finished,
    };
    let others = [
        inappropriate,
        Error::InvalidEncryptedClientHello(EncryptedClientHelloError::SniRequired),
        Error::NoCertificatesPresented,
        Error::UnsupportedNameType,
        Error::DecryptError,
        Error::EncryptError,
        Error::InvalidCertRevocationList(CertRevocationListError::ParseError),
        Error::General("SomeLibrary { says: 1 }".into()),
        Error::FailedToGetCurrentTime,
        Error::FailedToGetRandomBytes,
        Error::HandshakeNotComplete,
        Error::PeerSentOversizedRecord,
        Error::NoApplicationProtocol,
        Error::BadMaxFragmentSize,
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch),
        Error::Other(OtherError(Arc::new(io::Error::other("SomeLibrary { says: 1 }")))),
    ];
    let invalid = invalid.into_iter().map(Error::from);
    let incompatible = incompatible.into_iter().map(Error::from);
    let misbehaved = misbehaved.into_iter().map(Error::from);
    invalid.chain(incompatible).chain(misbehaved).chain(others).collect()
}

#[test]
fn every_error_of_tls_is_told_in_words() {
    let certificates =
        certificate_errors().into_iter().chain(chain_errors().into_iter().map(other));
    for error in certificates.map(Error::from).chain(protocol_errors()) {
        let shown = of(error.clone());
        assert_words(&shown.reason);
        assert!(matches!(shown.finding, Finding::Fail | Finding::Nothing), "{error:?}");
    }
}

#[test]
fn every_alert_is_told_in_words() {
    for number in 0..=255 {
        assert_words(&reason(Error::AlertReceived(AlertDescription::from(number))));
    }
    let alert = |number: u8| reason(Error::AlertReceived(AlertDescription::from(number)));
    let wanted = "the server requires a client certificate: set tls_cert_file and tls_key_file";
    assert_eq!(alert(116), wanted);
    assert_eq!(alert(70), "no TLS version in common: livezone speaks TLS 1.2 and 1.3");
    assert_eq!(alert(200), "the server aborted the TLS handshake (alert 200)");
}

#[test]
fn an_error_says_what_one_can_do_about_it() {
    let expired = CertificateError::ExpiredContext { time: at(9), not_after: at(978_307_200) };
    assert_eq!(reason(expired), "certificate expired 2001-01-01T00:00:00Z");
    let later = CertificateError::NotValidYetContext { time: at(9), not_before: at(978_307_200) };
    assert_eq!(reason(later), "certificate not valid yet, valid from 2001-01-01T00:00:00Z");
    let dns = |name: &str| format!("DnsName(\"{name}\")");
    let names: Vec<String> = ["a.example", "*.b.example", "c\u{1b}[31m\u{202e}d"].map(dns).into();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        reason(named(&names)),
        "certificate is not for app.example, only for a.example, *.b.example, c?[31m?d"
    );
    names.splice(..0, ["IpAddress(192.0.2.1)", "IpAddress(2001:db8::1)"]);
    assert_eq!(
        reason(named(&names)),
        "certificate is not for app.example, \
         only for 192.0.2.1, 2001:db8::1, a.example and 2 more"
    );
    assert_eq!(reason(named(&[])), "certificate is not for app.example (it has no names)");
}

#[test]
fn what_our_own_machine_lacks_is_no_evidence() {
    for error in [Error::FailedToGetCurrentTime, Error::FailedToGetRandomBytes] {
        assert_eq!(of(error).finding, Finding::Nothing);
    }
}

#[test]
fn every_error_of_the_system_is_told_in_words() {
    for number in 1..=200 {
        let error = io::Error::from_raw_os_error(number);
        for outcome in [of_network(&error), of_our_call(&error), of_connect_call(&error)] {
            assert_words(&outcome.reason);
        }
    }
    for kind in [
        io::ErrorKind::TimedOut,
        io::ErrorKind::WriteZero,
        io::ErrorKind::NotConnected,
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::Other,
    ] {
        assert_words(&of_network(&kind.into()).reason);
        assert_words(&of_network(&io::Error::new(kind, "SomeLibrary { says: 1 }")).reason);
    }
}
