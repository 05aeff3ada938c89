//! Whether a request is for this server, by its Host: a page of a browser whose own name was made to
//! lead here (DNS rebinding) still sends that name.
//!
//! | Host | the API | `/health/*`, `/metrics` |
//! |---|---|---|
//! | a literal address, localhost, a name of `[http] hosts`, with any port | taken | taken |
//! | another name | 421 | taken |
//! | none, in HTTP/1.0 | 400 | taken: old probes send none |
//! | none in HTTP/1.1, several, not a host and a port | 400 | 400 |
//!
//! An Origin that is not this Host is refused with 403 at the API.
//!
//! RFC 9112 section 3.2 asks for the 400s. A target in absolute form names the host in the place of
//! Host (section 3.2.2), which must be well-formed all the same.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode, Uri, Version};

use crate::model::name::Name;

/// Why a request is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It has no Host.
    Missing,
    /// It has more than one.
    Several,
    /// What it has is not a host and a port.
    Invalid,
    /// It is for a host of this name.
    Foreign(String),
    /// A page of another site sends it.
    Origin(String),
}

impl Refusal {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Several | Self::Invalid => StatusCode::BAD_REQUEST,
            Self::Foreign(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin(_) => StatusCode::FORBIDDEN,
        }
    }

    /// For whoever reads the answer.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::Missing => "the request has no Host header: send one\n".to_owned(),
            Self::Several => "the request has several Host headers: send only one\n".to_owned(),
            Self::Invalid => {
                "invalid Host header: send a host and a port, like 127.0.0.1:8500\n".to_owned()
            }
            Self::Foreign(host) => format!(
                "this server does not accept the name {host:?}: use its address or localhost, or \
                 add the name to [http] hosts in livezone.toml and send SIGHUP\n"
            ),
            Self::Origin(origin) => format!(
                "a page of {origin:?} must not use this server: only pages that it serves itself \
                 may\n"
            ),
        }
    }
}

/// A host as a request names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Host<'r> {
    Address,
    Name(&'r str),
}

/// Whether a request may be answered; `names` are those of `[http] hosts`.
pub(super) fn judge(
    (version, uri, headers): (Version, &Uri, &HeaderMap),
    names: &[Name],
) -> Result<(), Refusal> {
    let is_open = is_open(uri.path());
    let mut values = headers.get_all(HOST).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::Several);
    }
    let host = match first {
        Some(value) => Some(read(value.as_bytes()).ok_or(Refusal::Invalid)?),
        None if version == Version::HTTP_10 && is_open => return Ok(()),
        None => return Err(Refusal::Missing),
    };
    let target = match uri.authority() {
        Some(authority) => Some(read(authority.as_str().as_bytes()).ok_or(Refusal::Invalid)?),
        None => host,
    };
    match target {
        None | Some(Host::Address) => Ok(()),
        Some(Host::Name(_)) if is_open => Ok(()),
        Some(Host::Name(name)) if is_ours(name, names) => Ok(()),
        Some(Host::Name(name)) => Err(Refusal::Foreign(name.to_owned())),
    }
}

/// Whether no page of another site is behind a request: browsers name the page's origin whenever it
/// could change something (Fetch standard). The server whose page it is stands in Host.
pub(super) fn judge_origin(uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(origin) = headers.get(ORIGIN).filter(|_| !is_open(uri.path())) else { return Ok(()) };
    let server = headers.get(HOST).map_or(&b""[..], |host| host.as_bytes());
    let is_ours = |site: &[u8]| site.eq_ignore_ascii_case(server);
    if origin.as_bytes().strip_prefix(b"http://").is_some_and(is_ours) {
        return Ok(());
    }
    Err(Refusal::Origin(String::from_utf8_lossy(origin.as_bytes()).into_owned()))
}

/// What tells nothing of services is for probes and scrapers, by whatever name they know us.
fn is_open(path: &str) -> bool {
    path == "/metrics" || path.starts_with("/health/")
}

fn is_ours(host: &str, names: &[Name]) -> bool {
    let Ok(host) = Name::parse(host) else { return false };
    names.contains(&host) || Name::parse("localhost").is_ok_and(|localhost| host == localhost)
}

/// RFC 9110 section 7.2: a host of RFC 3986 section 3.2.2, and perhaps a port.
fn read(value: &[u8]) -> Option<Host<'_>> {
    let value = std::str::from_utf8(value).ok()?;
    let (host, rest) = if let Some(inner) = value.strip_prefix('[') {
        let (address, rest) = inner.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (Host::Address, rest)
    } else {
        let (name, rest) = value.split_at(value.find(':').unwrap_or(value.len()));
        let is_address = name.parse::<Ipv4Addr>().is_ok();
        (if is_address { Host::Address } else { Host::Name(registered(name)?) }, rest)
    };
    is_port(rest).then_some(host)
}

/// A colon and a number, which RFC 3986 section 3.2.3 lets be empty; or nothing.
fn is_port(rest: &str) -> bool {
    let Some(port) = rest.strip_prefix(':') else { return rest.is_empty() };
    port.is_empty() || port.bytes().all(|o| o.is_ascii_digit()) && port.parse::<u16>().is_ok()
}

/// A name as RFC 3986 section 3.2.2 lets one be written; perhaps an empty one.
fn registered(name: &str) -> Option<&str> {
    let mut octets = name.bytes();
    while let Some(octet) = octets.next() {
        let is_escape = octet == b'%';
        let is_plain = octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&octet);
        let mut is_whole = || octets.by_ref().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !(is_plain || is_escape && is_whole()) {
            return None;
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn judged(version: Version, target: &str, hosts: &[&str]) -> Result<(), Refusal> {
        let names = ["livezone.example.com", "short"].map(|name| Name::parse(name).unwrap());
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(HOST, axum::http::HeaderValue::from_bytes(host.as_bytes()).unwrap());
        }
        judge((version, &target.parse().unwrap(), &headers), &names)
    }

    fn api(host: &str) -> Result<(), Refusal> {
        judged(Version::HTTP_11, "/v1/livezone/services", &[host])
    }

    #[test]
    fn addresses_localhost_and_configured_names_are_ours_with_any_port() {
        for host in [
            "127.0.0.1",
            "192.0.2.7",
            "0.0.0.0",
            "[::1]",
            "[2001:db8::7]",
            "[::ffff:127.0.0.1]",
            "localhost",
            "LocalHost",
            "localhost.",
            "livezone.example.com",
            "LIVEZONE.Example.COM.",
            "short",
        ] {
            for port in ["", ":", ":0", ":80", ":8500", ":65535"] {
                assert_eq!(api(&format!("{host}{port}")), Ok(()), "{host}{port}");
            }
        }
    }

    #[test]
    fn other_names_are_misdirected_however_like_ours_they_look() {
        for host in [
            "evil.example",
            "localhost.evil",
            "evil.localhost",
            "127.0.0.1.evil",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0x7f000001",
            "0177.0.0.1",
            "127.0.0.01",
            "127.0.0.1.",
            "1.2.3.4.5",
            "256.0.0.1",
            "localhost..",
            ".localhost",
            "%6cocalhost",
            "localhost,evil",
            "livezone.example.com.evil",
            "example.com",
            "",
        ] {
            for port in ["", ":8500"] {
                let foreign = Err(Refusal::Foreign(host.to_owned()));
                assert_eq!(api(&format!("{host}{port}")), foreign, "{host}{port}");
            }
        }
        let refusal = Refusal::Foreign("evil.example".to_owned());
        assert_eq!(refusal.status().as_u16(), 421);
        assert!(refusal.advice().contains("[http] hosts"));
    }

    #[test]
    fn what_is_not_a_host_and_a_port_is_a_bad_request_everywhere() {
        for host in [
            "user@localhost",
            "user:word@127.0.0.1",
            "local host",
            "local\thost",
            "localhost/",
            "http://localhost",
            "localhost:x",
            "localhost:80x",
            "localhost:+80",
            "localhost:-1",
            "localhost:65536",
            "localhost:80:80",
            "::1",
            "::1:80",
            "[::1",
            "[::1]80",
            "[::1]:80:80",
            "[127.0.0.1]",
            "[fe80::1%25lo]",
            "[v1.x]",
            "[]",
            "a%2",
            "a%zz",
            "\u{e4}.example",
            "a\"b",
            "a\\b",
        ] {
            for target in ["/v1/livezone/services", "/metrics", "/health/live"] {
                let judged = judged(Version::HTTP_11, target, &[host]);
                assert_eq!(judged, Err(Refusal::Invalid), "{host} {target}");
            }
        }
        assert_eq!(Refusal::Invalid.status().as_u16(), 400);
    }

    #[test]
    fn one_host_is_needed_and_any_one_will_do_for_health_and_metrics() {
        let open = ["/metrics", "/health/live", "/health/ready"];
        let closed = ["/v1/livezone/services", "/", "/metrics/", "/healthy", "/metric", "/health"];
        for (targets, is_open) in [(&open[..], true), (&closed, false)] {
            for target in targets {
                let judged = |version, hosts: &[&str]| judged(version, target, hosts).is_ok();
                assert_eq!(judged(Version::HTTP_11, &["pod.example:80"]), is_open, "{target}");
                assert_eq!(judged(Version::HTTP_10, &[]), is_open, "{target}");
                assert!(!judged(Version::HTTP_11, &[]), "{target}");
                for version in [Version::HTTP_10, Version::HTTP_11] {
                    assert!(!judged(version, &["localhost", "localhost"]), "{target}");
                }
            }
        }
    }

    #[test]
    fn a_target_in_absolute_form_is_what_counts() {
        let judged = |target, hosts: &[&str]| judged(Version::HTTP_11, target, hosts);
        let (ours, evil) = ("http://127.0.0.1:8500/v1/x", "http://evil.example/v1/x");
        assert_eq!(judged(ours, &["evil.example"]), Ok(()));
        assert_eq!(judged(evil, &["localhost"]), Err(Refusal::Foreign("evil.example".to_owned())));
        assert_eq!(judged(ours, &[]), Err(Refusal::Missing));
        assert_eq!(judged(ours, &["a b"]), Err(Refusal::Invalid));
        assert_eq!(judged("http://a@localhost/v1/x", &["localhost"]), Err(Refusal::Invalid));
        assert_eq!(judged("http://evil.example/metrics", &["evil.example"]), Ok(()));
    }

    proptest! {
        #[test]
        fn no_text_is_ours_but_what_a_browser_would_not_call_a_foreign_name(text in "[\\PC\t]{0,20}") {
            if let Some(Host::Name(name)) = read(text.as_bytes()) {
                prop_assert!(text.starts_with(name) && !name.contains(['@', ':', '/', ' ', '\\']));
            }
        }
    }
}
