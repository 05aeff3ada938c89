//! What follows `http =`: a path, or a whole URL.

use std::net::IpAddr;

use hyper::Uri;
use hyper::http::uri::InvalidUri;

use crate::model::name::Name;

const EITHER: &str = "write a path, \"/health\", or a URL, \"http://localhost:8080/health\"";

/// Where a check goes, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// To the instance's port, in plain text.
    Path(String),
    /// To where the URL says, but at the instance's address.
    Url(Url),
}

/// A URL in its parts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) https: bool,
    /// `host[:port]` as written.
    pub(super) authority: String,
    /// The host when it is an address.
    pub(super) address: Option<IpAddr>,
    /// Written, else the scheme's.
    pub(super) port: u16,
    /// With the query, at least `/`.
    pub(super) path: String,
}

/// Reads `text`; an error says what to write instead.
pub(super) fn parse(text: &str) -> Result<Target, String> {
    if let Some((_, fragment)) = text.split_once('#') {
        return Err(format!("take \"#{fragment}\" out: it is never sent"));
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(format!("{odd:?} cannot stand in a URL: write it as %xx"));
    }
    if text.is_empty() {
        return Err(EITHER.to_owned());
    }
    let uri: Uri = text.parse().map_err(|error: InvalidUri| error.to_string())?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if text.starts_with('/') {
        return Ok(Target::Path(path.to_owned()));
    }
    let scheme = uri.scheme_str().unwrap_or_default();
    let https = match scheme {
        "http" => false,
        "https" => true,
        _ => return Err(EITHER.to_owned()),
    };
    let authority = uri.authority().ok_or("the host is missing")?;
    if authority.as_str().contains('@') {
        return Err("write credentials as header = { Authorization = \"…\" }".into());
    }
    let (address, bare) = host(authority.host())?;
    let port = match authority.as_str().get(bare..).unwrap_or_default().strip_prefix(':') {
        Some(port) => number(port)?,
        None if https => 443,
        None => 80,
    };
    let authority = authority.as_str().to_owned();
    Ok(Target::Url(Url { https, authority, address, port, path: path.to_owned() }))
}

/// The address that a host is, if it is one, and the octets of the host.
fn host(text: &str) -> Result<(Option<IpAddr>, usize), String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    if address.is_none() && (text.is_empty() || bare != text || Name::parse(text).is_err()) {
        return Err(format!("{text:?} is no host name"));
    }
    Ok((address, text.len()))
}

/// A port, never 0.
pub(super) fn number(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(port) if port > 0 && !text.starts_with('+') => Ok(port),
        _ => Err(format!("{text:?} is no port: write a number from 1 to 65535")),
    }
}

/// Whether a host means the instance itself.
pub(super) fn is_loopback(host: &str, address: Option<IpAddr>) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || address.is_some_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_with_its_query() {
        assert_eq!(parse("/health?deep=1"), Ok(Target::Path("/health?deep=1".into())));
        assert_eq!(parse("//double"), Ok(Target::Path("//double".into())));
    }

    #[test]
    fn a_url_is_taken_apart() {
        let url = |text: &str| match parse(text) {
            Ok(Target::Url(url)) => url,
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
            "http://u:p@a/",
            "/a b",
            "/a#b",
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
