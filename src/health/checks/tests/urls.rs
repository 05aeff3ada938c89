//! Whatever `livezone check` takes as a check's target can be asked.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use httparse::Status;
use proptest::prelude::*;

use crate::health::checks::http::request;
use crate::health::checks::tests::{answering, probe};
use crate::health::checks::{Runner, tls};
use crate::model::check::{CheckTarget, HttpCheck, Kind, Protocol};
use crate::model::definition::ServiceDefinition;
use crate::model::health::Finding;
use crate::sources::{consul, native};

/// The check that a native file, and one of Consul's, makes of `http = url`; `None` when it is
/// refused.
fn checks(url: &str) -> Option<[Kind; 2]> {
    let url = serde_json::to_string(url).unwrap().replace('\u{7f}', "\\u007f");
    let toml = format!(
        "[[service]]\nname = \"web\"\nport = 80\n[[service.check]]\nhttp = {url}\n\
         [[service.instance]]\naddress = \"192.0.2.1\"\n"
    );
    let json = format!(
        "{{\"service\": {{\"name\": \"web\", \"address\": \"192.0.2.1\", \"port\": 80, \
         \"check\": {{\"http\": {url}, \"interval\": \"10s\"}}}}}}"
    );
    let (native, _) = native::parse(Path::new("web.toml").into(), toml.into());
    let (consul, _) = consul::parse(Path::new("web.json").into(), json.into(), None);
    // A refused service leaves its file.
    let consul = consul.and_then(|document| document.services.into_iter().next());
    let native = native.map(|document| Arc::clone(&document.services[0]));
    assert_eq!(native.is_some(), consul.is_some(), "{url}");
    let first = |service: &ServiceDefinition| {
        let instance = &service.instances[0];
        let check = service.checks.first().or(instance.checks.first()).unwrap();
        (*check.kind).clone()
    };
    Some([first(&*native?), first(&*consul?)])
}

fn http(url: &str) -> Option<HttpCheck> {
    let [Kind::Http(native), Kind::Http(consul)] = checks(url)? else { panic!("{url}") };
    assert_eq!(native, consul);
    Some((*native).clone())
}

fn target() -> CheckTarget {
    CheckTarget::Address(SocketAddr::from(([192, 0, 2, 1], 80)))
}

/// The method and target of the request line, and every header line, as a strict parser reads them.
fn read(request: &[u8]) -> (String, Vec<(String, String)>) {
    let mut headers = [httparse::EMPTY_HEADER; 16];
    let mut head = httparse::Request::new(&mut headers);
    assert_eq!(head.parse(request), Ok(Status::Complete(request.len())));
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let headers = head.headers.iter().map(|h| (h.name.to_owned(), text(h.value))).collect();
    (format!("{} {}", head.method.unwrap(), head.path.unwrap()), headers)
}

/// What a URL has asked, and of which host.
fn asked(url: &str) -> (String, String) {
    let check = http(url).unwrap_or_else(|| panic!("{url} is refused"));
    let (line, headers) = read(&request::write(&check, &target()).unwrap());
    let host = headers.into_iter().find(|(name, _)| name == "Host").unwrap().1;
    (line, host)
}

#[test]
fn a_url_is_asked_as_rfc_9112_section_3_2_1_says() {
    for (url, line, host) in [
        ("http://localhost:8080?full=1", "GET /?full=1", "localhost:8080"),
        ("http://localhost:8080", "GET /", "localhost:8080"),
        ("http://localhost", "GET /", "localhost"),
        ("HTTP://LOCALHOST/Up", "GET /Up", "LOCALHOST"),
        ("HttpS://localhost?", "GET /?", "localhost"),
        ("http://localhost/a?b?c/d#e", "GET /a?b?c/d", "localhost"),
        ("http://localhost#e", "GET /", "localhost"),
        ("/a#b", "GET /a", "192.0.2.1:80"),
        ("/?q=`{|}`<\">^\\", "GET /?q=%60%7B%7C%7D%60%3C%22%3E%5E%5C", "192.0.2.1:80"),
        ("/50%/%zz/%4/%41%", "GET /50%25/%25zz/%254/%41%25", "192.0.2.1:80"),
        ("http://[::1]:8080/", "GET /", "[::1]:8080"),
        ("http://[::1]?a", "GET /?a", "[::1]"),
        ("http://u:p@localhost:8080?a=b@c", "GET /?a=b@c", "localhost:8080"),
        ("http://localhost/@me", "GET /@me", "localhost"),
    ] {
        assert_eq!(asked(url), (line.to_owned(), host.to_owned()), "{url}");
    }
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for url in [
        "http://[fe80::1%eth0]/",
        "http://[fe80::1%25eth0]:80/",
        "http://[::1",
        "http://[::1]8080/",
        "http://[127.0.0.1]/",
        "http://::1/",
        "http://fe80::1:8080/",
        "http:///a",
        "http://?a",
        "http://:80/",
        "http://u:p@/",
        "http://./",
        "http://a b/",
        "http://localhost/a b",
        "http://localhost/é",
        "http://lo%63alhost/",
        "http://localhost:http/",
        "http://u%3Au:p@localhost/",
        "https://127.1/",
        "#a",
        "?a",
    ] {
        assert_eq!(http(url), None, "{url}");
    }
}

#[test]
fn a_host_that_tls_cannot_name_is_refused_where_tls_is_asked_for() {
    assert!(http("http://127.1/").is_some());
    for check in [
        "http = \"https://127.1/\"",
        "tcp = \"127.1:80\"\ntcp_use_tls = true",
        "grpc = \"127.1:80\"\ngrpc_use_tls = true",
    ] {
        let toml = |more: &str| {
            format!(
                "[[service]]\nname = \"web\"\n[[service.check]]\n{check}\n{more}\n\
                 [[service.instance]]\naddress = \"192.0.2.1\"\n"
            )
        };
        let read = |text: String| native::parse(Path::new("web.toml").into(), text.into());
        let (refused, told) = read(toml(""));
        assert_eq!(refused, None, "{check}");
        assert_eq!(told[0].message, "\"127.1\" is not a valid TLS server name");
        assert!(read(toml("tls_server_name = \"a.example\"")).0.is_some());
    }
}

#[tokio::test]
async fn a_user_and_password_are_sent_as_basic_authorization() {
    let (target, requests) = answering("HTTP/1.1 200 OK\r\n\r\n");
    for (userinfo, sent) in [
        // The example of RFC 7617 section 2.
        ("Aladdin:open%20sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("test:123%C2%A3", "Basic dGVzdDoxMjPCow=="),
        ("user:a:b@c", "Basic dXNlcjphOmJAYw=="),
        ("user", "Basic dXNlcjo="),
        (":token", "Basic OnRva2Vu"),
    ] {
        let check = http(&format!("http://{userinfo}@localhost/")).unwrap();
        let outcome = Runner::new().run(&probe(Protocol::Http(check.into()), target)).await;
        assert_eq!(outcome.finding, Finding::Pass);
        let request = requests.recv().unwrap();
        assert!(request.contains(&format!("\r\nAuthorization: {sent}\r\n")), "{request}");
        assert!(request.contains("\r\nHost: localhost\r\n"), "{request}");
    }
}

proptest! {
    #[test]
    fn every_url_that_is_taken_is_asked_in_one_request_line(
        scheme in "(http://|https://|HTTP://|)",
        userinfo in "(|[!-~]{0,6}@)",
        host in r"(localhost|192\.0\.2\.1|\[::1\]|[a-z0-9._-]{0,8}|\[[0-9a-f:%.]{0,8}\])",
        port in "(|:[0-9]{0,5})",
        path in r"(|[/?#][ -~]{0,12}|[/?#].{0,6})",
    ) {
        let url = format!("{scheme}{userinfo}{host}{port}{path}");
        if let Some(check) = http(&url) {
            let (line, headers) = read(&request::write(&check, &target()).unwrap());
            prop_assert_eq!(&line, &format!("GET {}", check.path));
            let written = path.split('#').next().unwrap_or_default();
            let plain = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<_>>();
            let written = plain(written);
            prop_assert!(plain(&check.path).ends_with(&written), "{}", url);
            let named = |name: &str| headers.iter().filter(|(found, _)| found == name).count();
            prop_assert_eq!(named("Host"), 1);
            prop_assert!(named("Authorization") <= 1);
            if let Some(options) = &check.tls {
                prop_assert!(tls::server_name(options, check.host.as_deref(), &target()).is_ok());
            }
        }
    }

    #[test]
    fn every_grpc_target_that_is_taken_is_asked(
        host in r"(localhost|192\.0\.2\.1|\[::1\]|[a-z0-9._-]{0,8}|\[[0-9a-f:%.]{0,8}\])",
        port in "(|:[0-9]{0,5})",
        service in "(|/)[ -~é]{0,8}",
        use_tls: bool,
    ) {
        let grpc = serde_json::to_string(&format!("{host}{port}{service}")).unwrap();
        let toml = format!(
            "[[service]]\nname = \"web\"\nport = 80\n[[service.check]]\ngrpc = {grpc}\n\
             grpc_use_tls = {use_tls}\n[[service.instance]]\naddress = \"192.0.2.1\"\n"
        );
        let (document, _) = native::parse(Path::new("web.toml").into(), toml.into());
        if let Some(document) = document {
            let service = &document.services[0];
            let check = service.checks.first().or(service.instances[0].checks.first()).unwrap();
            let kind = &check.kind;
            let Kind::Grpc(check) = &**kind else { panic!("{kind:?}") };
            let limit = std::time::Duration::from_secs(1);
            prop_assert!(crate::health::checks::grpc::request(check, &target(), limit).is_ok());
            if let Some(options) = &check.tls {
                prop_assert!(tls::server_name(options, check.authority.as_deref(), &target()).is_ok());
            }
        }
    }
}
