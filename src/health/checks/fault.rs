//! Tells our own machine's errors from the instance's and the network's, in words for people.

use std::io;
use std::sync::Arc;

use nix::errno::Errno;
use rustls::CertificateError;

use crate::model::health::{Finding, Outcome};

/// A failure of what was asked.
pub(super) fn theirs(reason: impl Into<Arc<str>>) -> Outcome {
    Outcome::new(Finding::Fail, reason)
}

/// No evidence, because our own machine stood in the way.
pub(super) fn ours(reason: impl Into<String>) -> Outcome {
    Outcome::new(Finding::Nothing, format!("{} (this machine)", reason.into()))
}

/// What an error says that a call gave before anything was sent.
pub(super) fn of_our_call(error: &io::Error) -> Outcome {
    ours(words(error))
}

/// What an error says that `connect()` itself gave. On loopback the far side's answer may be there
/// before the call returns; every other error is our own kernel's, which sent nothing: no route, no
/// port, no permission.
pub(super) fn of_connect_call(error: &io::Error) -> Outcome {
    match errno(error) {
        Some(Errno::ECONNREFUSED | Errno::ECONNRESET | Errno::ETIMEDOUT) => theirs(words(error)),
        Some(_) | None => ours(words(error)),
    }
}

/// What an error says that came later, on a connection or while one was being made.
pub(super) fn of_network(error: &io::Error) -> Outcome {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(inner) = inner {
        return of_tls(inner);
    }
    match errno(error) {
        // ENOSPC is the poller's word for too many.
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::ENOSPC) => {
            ours(words(error))
        }
        Some(_) | None => theirs(words(error)),
    }
}

fn of_tls(error: &rustls::Error) -> Outcome {
    use rustls::{Error, InvalidMessage};
    match error {
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => ours(error.to_string()),
        Error::InvalidCertificate(why) => theirs(of_certificate(why)),
        Error::AlertReceived(alert) => theirs(format!("TLS alert {alert:?}")),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            theirs("the answer is not TLS")
        }
        other => theirs(format!("TLS: {other}")),
    }
}

fn of_certificate(why: &CertificateError) -> String {
    use CertificateError as E;
    match why {
        E::Expired | E::ExpiredContext { .. } => "certificate expired".into(),
        E::NotValidYet | E::NotValidYetContext { .. } => "certificate not valid yet".into(),
        E::Revoked => "certificate revoked".into(),
        E::UnknownIssuer => "certificate from an unknown issuer".into(),
        E::NotValidForNameContext { expected, .. } => {
            format!("certificate is not for {}", expected.to_str())
        }
        other => format!("certificate: {other}"),
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

/// The system's own words without their number, or the error's.
pub(super) fn words(error: &io::Error) -> String {
    match (errno(error), error.kind()) {
        (Some(Errno::EPIPE), _) => "connection closed".into(),
        (Some(errno), _) => errno.desc().to_lowercase(),
        (None, io::ErrorKind::BrokenPipe) => "connection closed".into(),
        (None, io::ErrorKind::UnexpectedEof) => {
            "connection closed before the answer was complete".into()
        }
        (None, _) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(errno: Errno) -> io::Error {
        io::Error::from_raw_os_error(errno as i32)
    }

    #[test]
    fn what_the_connect_call_refuses_is_no_evidence() {
        for errno in [
            Errno::ENETUNREACH,
            Errno::EHOSTUNREACH,
            Errno::EADDRNOTAVAIL,
            Errno::ENETDOWN,
            Errno::EACCES,
            Errno::EPERM,
            Errno::EADDRINUSE,
            Errno::EAFNOSUPPORT,
            Errno::EMFILE,
        ] {
            assert_eq!(of_connect_call(&raw(errno)).finding, Finding::Nothing, "{errno}");
        }
    }

    #[test]
    fn what_the_far_side_answered_within_the_call_is_a_failure() {
        for errno in [Errno::ECONNREFUSED, Errno::ECONNRESET, Errno::ETIMEDOUT] {
            assert_eq!(of_connect_call(&raw(errno)).finding, Finding::Fail, "{errno}");
        }
    }

    #[test]
    fn what_the_network_says_later_is_a_failure() {
        for errno in [
            Errno::ECONNREFUSED,
            Errno::ECONNRESET,
            Errno::ETIMEDOUT,
            Errno::EHOSTUNREACH,
            Errno::ENETUNREACH,
            Errno::EPIPE,
        ] {
            assert_eq!(of_network(&raw(errno)).finding, Finding::Fail, "{errno}");
        }
    }

    #[test]
    fn a_lack_of_descriptors_or_memory_is_never_evidence() {
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOBUFS, Errno::ENOMEM, Errno::ENOSPC] {
            assert_eq!(of_network(&raw(errno)).finding, Finding::Nothing, "{errno}");
            assert_eq!(of_our_call(&raw(errno)).finding, Finding::Nothing, "{errno}");
        }
        let reason = of_our_call(&raw(Errno::EMFILE)).reason;
        assert_eq!(&*reason, "too many open files (this machine)");
    }

    #[test]
    fn reasons_are_short_words() {
        assert_eq!(&*of_network(&raw(Errno::ECONNREFUSED)).reason, "connection refused");
        assert_eq!(&*of_network(&raw(Errno::EHOSTUNREACH)).reason, "no route to host");
        let expired = rustls::Error::InvalidCertificate(CertificateError::Expired);
        let error = io::Error::new(io::ErrorKind::InvalidData, expired);
        assert_eq!(&*of_network(&error).reason, "certificate expired");
    }
}
