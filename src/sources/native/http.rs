//! The keys of a check over HTTP.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use regex::bytes::RegexBuilder;

use crate::model::check::{Headers, HttpCheck, Kind, Pattern, StatusSet, TlsOptions};
use crate::model::definition::Placed;
use crate::sources::consul::api::targets;
use crate::sources::native::asked::{GRPC_KEYS, KindKeys, TCP_KEYS, TLS_KEYS, misplaced};
use crate::sources::native::tls;
use crate::sources::native::url::{self, HttpTarget, Url};
use crate::syntax::reader::Reader;
use crate::syntax::report::Report;

/// A compiled `expect_body` may take this much memory.
const MAX_PATTERN: usize = 1 << 20;

/// The request's frame is ours: a second one would let an instance read two requests.
const OUR_HEADERS: [&str; 4] = ["connection", "content-length", "transfer-encoding", "upgrade"];

/// Reads the value of `http` and the keys that go with it.
pub(in crate::sources) fn read(reader: &mut Reader<'_>) -> Option<KindKeys> {
    let target = reader.string("http").and_then(|text| {
        let target = url::parse(text.value)
            .map_err(|advice| {
                // Without the value: it may hold credentials, and this goes to the log.
                let lacks_scheme = text.value.contains(':') && !text.value.contains("://");
                let would_do = || url::parse(&format!("http://{}", text.value)).is_ok();
                let advice = if lacks_scheme && would_do() {
                    "write http:// in front of it".to_owned()
                } else {
                    advice
                };
                reader.report.error(text.span.clone(), "invalid path or URL", advice);
            })
            .ok()?;
        Some((text, target))
    });
    let method = method(reader).unwrap_or_else(|| "GET".to_owned());
    let mut headers = headers(reader);
    let body = reader.string("body").map_or_else(String::new, |body| body.value.to_owned());
    let expect_status = expect_status(reader);
    let expect_body = expect_body(reader);
    let connect = reader.choice("connect", &[("url", ())]);
    reader.entry("immediate_status");
    misplaced(reader, &TCP_KEYS, "`tcp` checks");
    misplaced(reader, &GRPC_KEYS, "`grpc` checks");
    let tls = tls(reader, target.as_ref().map(|(_, target)| target));
    let (text, target) = target?;
    let summary = format!("http:{}", url::shown(text.value));
    told_of(reader.report, text.span, tls.as_ref(), (text.value, &target));
    let elsewhere = connect.map(|connect| to_url(reader.report, &connect, &target));
    let (url, path) = match target {
        HttpTarget::Path(path) => (None, path),
        HttpTarget::Url(url) => {
            // As Go's client does: a header that is written wins.
            if let Some(value) = url.authorization.filter(|_| !headers.have("Authorization")) {
                headers.0.push(("Authorization".to_owned(), value));
            }
            (Some((url.authority, url.address, url.port)), url.path)
        }
    };
    let (host, address, port) = url.map_or((None, None, None), |(h, a, p)| (Some(h), a, Some(p)));
    let literal = address.filter(|_| elsewhere.is_none());
    let literal = literal.filter(|address| !url::is_loopback("", Some(*address)));
    let check = HttpCheck {
        tls: tls.map(Arc::new),
        host,
        port,
        path,
        method,
        headers,
        body,
        expect_status,
        expect_body,
        connect: elsewhere.flatten(),
    };
    Some(KindKeys {
        kind: Kind::Http(Arc::new(check)),
        literal,
        needs_port: port.is_none(),
        summary,
    })
}

/// The keys of TLS; where nobody knows what the URL says, they are taken as they are.
fn tls(reader: &mut Reader<'_>, target: Option<&HttpTarget>) -> Option<TlsOptions> {
    let https = match target {
        None => true,
        Some(HttpTarget::Path(_)) => false,
        Some(HttpTarget::Url(url)) => url.https,
    };
    if https {
        return Some(tls::read(reader));
    }
    misplaced(
        reader,
        &TLS_KEYS,
        "checks with an https URL, like \
                                  \"https://localhost:8443/health\"",
    );
    None
}

/// Complains of what a URL holds beside what is asked.
fn told_of(
    report: &Report,
    place: Range<usize>,
    tls: Option<&TlsOptions>,
    (text, target): (&str, &HttpTarget),
) {
    if let (Some(tls), HttpTarget::Url(url)) = (tls, target) {
        tls::check_host(report, place.clone(), tls, url.host());
    }
    if text.contains('#') {
        report.warning(place, "the part after \"#\" is never sent", "remove it");
    }
}

/// `connect = "url"`: the address is taken as it is, no name is looked up.
fn to_url(report: &Report, connect: &Placed<()>, target: &HttpTarget) -> Option<SocketAddr> {
    if let HttpTarget::Url(Url { address: Some(address), port, .. }) = target {
        if let Some(why) = targets::never(*address) {
            let message = format!("checks cannot connect to {address}");
            report.error(connect.span.clone(), message, why);
            return None;
        }
        return Some(SocketAddr::new(*address, *port));
    }
    let message = "connect = \"url\" needs a URL whose host is an IP address";
    let label = "write http = \"http://10.0.1.50:8080/health\", or remove this key";
    report.error(connect.span.clone(), message, label);
    None
}

fn method(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.string("method")?;
    let method = text.value.to_ascii_uppercase();
    if method == "CONNECT" || Method::from_bytes(method.as_bytes()).is_err() {
        let message = format!("invalid HTTP method {:?}", text.value);
        reader.report.error(text.span, message, "write \"GET\", \"HEAD\" or \"POST\"");
        return None;
    }
    Some(method)
}

fn headers(reader: &mut Reader<'_>) -> Headers {
    let mut headers = Headers::default();
    let report = reader.report;
    for (key, values) in reader.strings_table("header").unwrap_or_default() {
        let name = key.text.as_str();
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            let message = format!("invalid header name {name:?}");
            report.error(key.span.clone(), message, "use letters, digits and '-'");
        } else if OUR_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
            let message = format!("header {name:?} is set by livezone");
            report.error(key.span.clone(), message, "remove it");
        }
        for value in values {
            if HeaderValue::from_str(value.value).is_err() {
                let message = format!("invalid value of header {name:?}");
                report.error(value.span, message, "write one line of printable ASCII characters");
            } else {
                headers.0.push((name.to_owned(), value.value.to_owned()));
            }
        }
    }
    headers
}

fn expect_status(reader: &mut Reader<'_>) -> Option<StatusSet> {
    let text = reader.string("expect_status")?;
    let ranges: Option<Vec<(u16, u16)>> = text.value.split(',').map(range).collect();
    if ranges.is_none() {
        let message = format!("invalid HTTP statuses {:?}", text.value);
        let label = "write codes and ranges from 100 to 599, like \"200-299,304\"";
        reader.report.error(text.span, message, label);
    }
    ranges.map(StatusSet)
}

/// `200-299` or `304`.
fn range(text: &str) -> Option<(u16, u16)> {
    let code = |text: &str| {
        let text = text.trim();
        let digits = text.len() == 3 && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse().ok().filter(|code| digits && (100..=599).contains(code))
    };
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (code(low)?, code(high)?);
    (low <= high).then_some((low, high))
}

fn expect_body(reader: &mut Reader<'_>) -> Option<Pattern> {
    let text = reader.string("expect_body")?;
    match RegexBuilder::new(text.value).size_limit(MAX_PATTERN).build() {
        Ok(regex) => Some(Pattern(regex)),
        Err(error) => {
            let told = error.to_string();
            let reason = match &error {
                regex::Error::CompiledTooBig(_) => {
                    "it needs more than 1 MiB of memory: simplify it"
                }
                // The last line is the reason; those above draw a caret of their own.
                _ => told.lines().last().unwrap_or_default(),
            };
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            let message = "invalid regular expression";
            reader.report.error(text.span, message, reason);
            None
        }
    }
}
