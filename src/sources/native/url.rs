//! What follows `http =`: a path, or a whole URL (RFC 3986).

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{
    AsciiSet, CONTROLS, percent_decode_str, percent_encode_byte, utf8_percent_encode,
};

use crate::model::name::Name;

const EITHER: &str = "write a path, \"/health\", or a URL, \"http://localhost:8080/health\"";
const UNENCODED: &str =
    "in a user name or password, write / as %2F, ? as %3F, # as %23 and @ as %40";

/// What neither a path nor a query can hold as it is (RFC 3986 sections 3.3 and 3.4), but is often
/// written.
const SENT_ENCODED: &AsciiSet = &CONTROLS
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[derive(Debug, PartialEq, Eq)]
pub(super) enum HttpTarget {
    Path(String),
    /// To where the URL says, but at the instance's address.
    Url(Url),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) https: bool,
    /// `host[:port]` as written.
    pub(super) authority: String,
    pub(super) address: Option<IpAddr>,
    pub(super) port: u16,
    /// With the query, at least `/`.
    pub(super) path: String,
    /// What `user:password@` becomes: the value of an `Authorization` header.
    pub(super) authorization: Option<String>,
}

impl Url {
    pub(super) fn host(&self) -> &str {
        match self.authority.rsplit_once(':') {
            Some((host, _)) if !self.authority.ends_with(']') => host,
            Some(_) | None => &self.authority,
        }
    }
}

/// Reads `text`; an error says what to write instead, and repeats nothing that may be a password.
/// A fragment is left out: it is never sent.
pub(super) fn parse(text: &str) -> Result<HttpTarget, String> {
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
        if text.contains('@') {
            return Err("write spaces and non-ASCII characters as %xx".to_owned());
        }
        let written: String = odd.to_string().bytes().map(percent_encode_byte).collect();
        return Err(format!("a URL cannot contain {odd:?}: write {written}"));
    }
    let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
    if fragment.contains('@') {
        return Err(UNENCODED.to_owned());
    }
    if text.starts_with('/') {
        return Ok(HttpTarget::Path(encoded(text)));
    }
    let (https, rest) = without_scheme(text).ok_or(EITHER)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (userinfo, authority) = match authority.rsplit_once('@') {
        Some((userinfo, authority)) => (Some(userinfo), authority),
        None => (None, authority),
    };
    let (address, port) = host_port(authority).map_err(|advice| {
        // What looks like a host may be the beginning of a password.
        if userinfo.is_none() && path.contains('@') { UNENCODED.to_owned() } else { advice }
    })?;
    Ok(HttpTarget::Url(Url {
        https,
        authority: authority.to_owned(),
        address,
        port: port.unwrap_or(if https { 443 } else { 80 }),
        // RFC 9112 section 3.2.1: an empty path is sent as "/".
        path: if path.starts_with('/') { encoded(path) } else { format!("/{}", encoded(path)) },
        authorization: userinfo.map(basic).transpose()?,
    }))
}

/// Whether `text` is a URL of https.
pub(in crate::sources) fn is_https(text: &str) -> bool {
    without_scheme(text).is_some_and(|(https, _)| https)
}

/// `text` as it may be shown: without user, password and fragment.
pub(super) fn shown(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let Some((_, rest)) = without_scheme(text) else { return text.to_owned() };
    let (scheme, authority) = text.split_at(text.len() - rest.len());
    let end = authority.find(['/', '?']).unwrap_or(authority.len());
    let (authority, path) = authority.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}{host}{path}")
}

/// Whether it is https, and what follows `://`. Schemes are compared without case (section 3.1).
fn without_scheme(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is = |known: &str| scheme.eq_ignore_ascii_case(known);
    (is("http") || is("https")).then_some((is("https"), rest))
}

/// The address that a host is, if it is one, and the port.
fn host_port(text: &str) -> Result<(Option<IpAddr>, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, port))) => return bracketed(host, port),
        Some(None) => return Err("the \"]\" after the IPv6 address is missing".to_owned()),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("the host is missing: write \"localhost\" for the instance itself".to_owned());
    }
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Err(format!("write the IPv6 address in brackets: [{text}]"));
    }
    let address = host.parse().ok().map(IpAddr::V4);
    if address.is_none() && (host == "." || Name::parse(host).is_err()) {
        return Err(format!("invalid host name {host:?}"));
    }
    Ok((address, port.map(number).transpose()?))
}

/// What stands between brackets and after them (section 3.2.2).
fn bracketed(host: &str, after: &str) -> Result<(Option<IpAddr>, Option<u16>), String> {
    if let Some((_, zone)) = host.split_once('%') {
        return Err(format!("remove the zone identifier \"%{zone}\": the server cannot use it"));
    }
    let address = host.parse().map_err(|_| format!("invalid IPv6 address {host:?}"))?;
    match after.strip_prefix(':') {
        Some(port) => Ok((Some(IpAddr::V6(address)), Some(number(port)?))),
        None if after.is_empty() => Ok((Some(IpAddr::V6(address)), None)),
        None => Err(format!("invalid port {after:?}: write a colon and a number after the \"]\"")),
    }
}

/// A port, never 0.
pub(super) fn number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(format!("invalid port {text:?}: write a number from 1 to 65535")),
    }
}

/// A path or query as a request line can hold it. A `%` that encodes nothing stands for itself.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split('%');
    out.extend(parts.next().map(|first| utf8_percent_encode(first, SENT_ENCODED).to_string()));
    for part in parts {
        let encodes =
            part.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
        out.push_str(if encodes { "%" } else { "%25" });
        out.extend(utf8_percent_encode(part, SENT_ENCODED));
    }
    out
}

/// RFC 7617 section 2: the user's name ends at the first colon.
fn basic(userinfo: &str) -> Result<String, String> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    let mut plain: Vec<u8> = percent_decode_str(user).collect();
    if plain.contains(&b':') {
        return Err("a user name cannot contain a colon (%3A)".to_owned());
    }
    plain.push(b':');
    plain.extend(percent_decode_str(password));
    Ok(format!("Basic {}", STANDARD.encode(plain)))
}

pub(super) fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_with_its_query() {
        assert_eq!(parse("/health?deep=1"), Ok(HttpTarget::Path("/health?deep=1".into())));
        assert_eq!(parse("//double"), Ok(HttpTarget::Path("//double".into())));
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = |text: &str| match parse(text) {
            Ok(HttpTarget::Url(url)) => url,
            other => panic!("{text}: {other:?}"),
        };
        let plain = url("http://web.example");
        assert_eq!((plain.https, plain.port, &*plain.path), (false, 80, "/"));
        let tls = url("https://[2001:db8::1]:8443/a?b");
        assert_eq!((tls.https, tls.port, &*tls.path), (true, 8443, "/a?b"));
        assert_eq!(tls.authority, "[2001:db8::1]:8443");
        assert_eq!(tls.address, Some("2001:db8::1".parse().unwrap()));
        assert_eq!(url("https://10.0.0.1/").port, 443);
    }

    #[test]
    fn advice_repeats_no_part_of_a_password() {
        for text in [
            "http://user:SE/CRET@a/",
            "http://user:SE?CRET@a/",
            "http://user:SE#CRET@a/",
            "http://user:12#SECRET@a/",
            "http://user:SECRÄT@a/",
            "http://user:SEC RET@a/",
            "http://us%3Aer:SECRET@a/",
            "http://user:SECRET@a:0/",
            "http://user:SECRET@-a/",
            "http://user:SECRET@[::1%eth0]/",
            "ftp://user:SECRET@a/",
            "user:SECRET@a/",
        ] {
            let advice = parse(text).unwrap_err();
            let has_secret = |part: &str| advice.contains(part);
            assert!(
                !["SE", "CR", "RET", "12", "Ä"].into_iter().any(has_secret),
                "{text}: {advice}"
            );
        }
    }

    #[test]
    fn what_is_shown_of_a_url_has_no_user_and_password() {
        for (text, wanted) in [
            ("/health?a=b@c", "/health?a=b@c"),
            ("http://a:8080/health", "http://a:8080/health"),
            ("http://me:secret@a/x#y", "http://a/x"),
            ("HTTPS://me:se@cret@a?x", "HTTPS://a?x"),
            ("http://me@a", "http://a"),
        ] {
            assert_eq!(shown(text), wanted);
        }
    }

    #[test]
    fn what_is_neither_is_refused_with_advice() {
        let wrong = [
            "",
            "health",
            "*",
            "ftp://a/",
            "http://",
            "http:///x",
            "http://a:0/",
            "http://a:99999/",
            "http://u:p@/",
            "/a b",
            "http://a b/",
            "http://[::1/",
            "http://-a/",
            "/é",
            "localhost:80",
            "http://a:/",
        ];
        for text in wrong {
            assert!(parse(text).is_err_and(|advice| !advice.is_empty()), "{text}");
        }
    }
}
