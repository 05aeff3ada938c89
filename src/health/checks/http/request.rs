//! A check's request as octets, and whether it can be written at all.

use crate::health::checks::http::AGENT;
use crate::model::check::{CheckTarget, HttpCheck};

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::health::checks) enum Unwritable {
    /// RFC 9110 section 9.1: a token.
    #[error("invalid HTTP method")]
    Method,
    /// RFC 9112 section 3.2.
    #[error("the path contains a character that must be percent-encoded")]
    Path,
    /// RFC 9110 section 5.1: a token.
    #[error("invalid header name")]
    Name,
    /// RFC 9110 section 5.5.
    #[error("a header value contains a control character")]
    Value,
}

/// RFC 9110 section 12.5.3: without `identity`, any coding of the body would be acceptable to us.
const OURS: [(&str, &str); 4] = [
    ("User-Agent", AGENT),
    ("Accept", "*/*"),
    ("Accept-Encoding", "identity"),
    ("Connection", "close"),
];

/// Ours first, but for those that the check sets itself. How long the body is, is ours to say.
///
/// It is written anew for every run: that takes less than a microsecond, and to keep one for each of
/// many thousand checks would take megabytes.
pub(in crate::health::checks) fn write(
    check: &HttpCheck,
    target: &CheckTarget,
) -> Result<Vec<u8>, Unwritable> {
    let mut request = Vec::with_capacity(256_usize.saturating_add(check.body.len()));
    line(&mut request, check)?;
    if !check.headers.have("Host") {
        match &check.host {
            Some(host) => field(&mut request, "Host", host)?,
            None => field(&mut request, "Host", &target.authority())?,
        }
    }
    for (name, value) in OURS {
        if !check.headers.have(name) {
            field(&mut request, name, value)?;
        }
    }
    for (name, value) in &check.headers.0 {
        let framing = ["Content-Length", "Transfer-Encoding"];
        if !framing.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            field(&mut request, name, value)?;
        }
    }
    // RFC 9110 8.6: methods that anticipate a body say its length even when it is empty.
    if !check.body.is_empty() || matches!(check.method.as_str(), "POST" | "PUT" | "PATCH") {
        put(&mut request, ["Content-Length: ", &check.body.len().to_string(), "\r\n"]);
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(check.body.as_bytes());
    Ok(request)
}

fn line(request: &mut Vec<u8>, check: &HttpCheck) -> Result<(), Unwritable> {
    if !is_token(&check.method) {
        return Err(Unwritable::Method);
    }
    let graphic = |octet: u8| octet > b' ' && octet != 0x7f && !b"<>`".contains(&octet);
    // A fragment is never sent; files that have one are refused.
    let path = check.path.split('#').next().unwrap_or_default();
    if !path.starts_with('/') || !path.bytes().all(graphic) {
        return Err(Unwritable::Path);
    }
    put(request, [&check.method, " ", path, " HTTP/1.1\r\n"]);
    Ok(())
}

fn field(request: &mut Vec<u8>, name: &str, value: &str) -> Result<(), Unwritable> {
    if !is_token(name) {
        return Err(Unwritable::Name);
    }
    if value.bytes().any(|octet| octet != b'\t' && octet.is_ascii_control()) {
        return Err(Unwritable::Value);
    }
    put(request, [name, ": ", value, "\r\n"]);
    Ok(())
}

fn put<const N: usize>(request: &mut Vec<u8>, parts: [&str; N]) {
    for part in parts {
        request.extend_from_slice(part.as_bytes());
    }
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || is_mark(octet))
}

/// What a token may have beside letters and digits.
fn is_mark(octet: u8) -> bool {
    matches!(octet, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_octets_of_the_rfc() {
        let listed = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        for c in (0..=255).map(char::from) {
            assert_eq!(is_token(&format!("a{c}")), listed(c), "{c:?}");
        }
        assert!(!is_token(""));
    }
}
