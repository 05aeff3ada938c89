//! Tells our own machine's errors from the instance's and the network's, in words for people.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use crate::diagnostic;
use crate::model::health::{Finding, Outcome};

/// A reason is one line: no name in it is longer.
const TEXT_SHOWN: usize = 100;

pub(super) fn theirs(reason: impl Into<Arc<str>>) -> Outcome {
    Outcome::new(Finding::Fail, reason)
}

/// No evidence, because our own machine stood in the way.
pub(super) fn ours(reason: impl Into<String>) -> Outcome {
    Outcome::new(Finding::Nothing, format!("{} (local error)", reason.into()))
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

pub(super) fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

/// What an error of a connection says, in words for people.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::BrokenPipe => "connection closed".into(),
        io::ErrorKind::UnexpectedEof => "connection closed before the response was complete".into(),
        io::ErrorKind::InvalidData => "cannot read the response".into(),
        _ => diagnostic::reason(error),
    }
}

/// Text of a server that is shown: without what is not printed, and not too much of it.
pub(super) fn printable(text: &str) -> String {
    let shown = |c: char| {
        let is_plain = c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric();
        if is_plain { c } else { '?' }
    };
    let mut out: String = text.chars().take(TEXT_SHOWN).map(shown).collect();
    if text.chars().nth(TEXT_SHOWN).is_some() {
        out.push('…');
    }
    out
}

pub(super) fn shown(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::checks::network::of_network;

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
        assert_eq!(&*reason, "too many open files (local error)");
    }

    #[test]
    fn reasons_are_short_words() {
        assert_eq!(&*of_network(&raw(Errno::ECONNREFUSED)).reason, "connection refused");
        assert_eq!(&*of_network(&raw(Errno::EHOSTUNREACH)).reason, "no route to host");
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let error = io::Error::new(io::ErrorKind::InvalidData, expired);
        assert_eq!(&*of_network(&error).reason, "certificate expired");
    }
}
