use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::health::checks::tests::{answering, header, http_check, probe, run_http};
use crate::health::checks::{Runner, tests};
use crate::model::check::{Headers, HttpCheck, Protocol};
use crate::model::health::Finding;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

async fn request(check: HttpCheck) -> String {
    let (target, requests) = answering(OK);
    let outcome = run_http(check, target).await;
    assert_eq!(outcome.finding, Finding::Pass, "{outcome:?}");
    requests.recv().unwrap()
}

fn given(headers: &[(&str, &str)]) -> HttpCheck {
    let headers = headers.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    HttpCheck { headers: Headers(headers), ..http_check() }
}

#[tokio::test]
async fn a_request_says_who_asks_and_that_it_asks_once() {
    let request = request(http_check()).await;
    assert!(request.starts_with("GET /health HTTP/1.1\r\n"), "{request}");
    assert_eq!(
        header(&request, "user-agent"),
        Some(concat!("livezone/", env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(header(&request, "accept"), Some("*/*"));
    assert_eq!(header(&request, "accept-encoding"), Some("identity"));
    assert_eq!(header(&request, "connection"), Some("close"));
    assert_eq!(header(&request, "content-length"), None);
}

#[tokio::test]
async fn the_host_is_the_targets_address_and_port() {
    let (target, requests) = answering(OK);
    run_http(http_check(), target).await;
    let host = target.to_string();
    assert_eq!(header(&requests.recv().unwrap(), "host"), Some(&*host));
}

#[tokio::test]
async fn an_ipv6_target_is_bracketed_in_the_host() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let target = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || tests::read_request(&mut listener.accept().unwrap().0));
    run_http(http_check(), target).await;
    let host = format!("[::1]:{}", target.port());
    assert_eq!(header(&server.join().unwrap(), "host"), Some(&*host));
}

#[tokio::test]
async fn the_urls_host_is_sent_as_written_and_never_connected_to() {
    for host in ["app.example", "app.example:8443", "[2001:db8::1]:81", "192.0.2.1:80"] {
        let check = HttpCheck { host: Some(host.into()), ..http_check() };
        assert_eq!(header(&request(check).await, "host"), Some(host));
    }
}

#[tokio::test]
async fn a_host_among_the_headers_wins() {
    let check = HttpCheck { host: Some("url.example".into()), ..given(&[("hOsT", "a.example")]) };
    let request = request(check).await;
    assert_eq!(request.to_lowercase().matches("host:").count(), 1, "{request}");
    assert_eq!(header(&request, "host"), Some("a.example"));
}

#[tokio::test]
async fn headers_are_sent_as_given() {
    let request = request(given(&[
        ("User-Agent", "probe"),
        ("accept-encoding", "gzip"),
        ("X-Token", "a"),
        ("X-Token", "b"),
        ("Content-Length", "77"),
        ("Transfer-Encoding", "chunked"),
    ]))
    .await;
    assert_eq!(header(&request, "user-agent"), Some("probe"));
    assert_eq!(request.to_lowercase().matches("accept-encoding").count(), 1, "{request}");
    assert_eq!(header(&request, "accept-encoding"), Some("gzip"));
    assert!(request.contains("X-Token: a\r\nX-Token: b\r\n"), "{request}");
    assert_eq!(header(&request, "content-length"), None);
    assert_eq!(header(&request, "transfer-encoding"), None);
}

#[tokio::test]
async fn a_body_is_sent_with_its_length() {
    let check = HttpCheck { method: "POST".into(), body: "hällo".into(), ..http_check() };
    let request = request(check).await;
    assert!(request.starts_with("POST /health HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "content-length"), Some("6"));
    assert!(request.ends_with("\r\n\r\nhällo"), "{request}");
}

#[tokio::test]
async fn an_empty_post_says_so() {
    let check = HttpCheck { method: "POST".into(), ..http_check() };
    assert_eq!(header(&request(check).await, "content-length"), Some("0"));
}

#[tokio::test]
async fn the_answer_to_head_has_no_body_to_wait_for() {
    let (target, requests) = answering("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    let expect_body = Some(crate::model::check::Pattern(regex::bytes::Regex::new("^$").unwrap()));
    let check = HttpCheck { method: "HEAD".into(), expect_body, ..http_check() };
    assert_eq!(run_http(check, target).await.finding, Finding::Pass);
    assert!(requests.recv().unwrap().starts_with("HEAD /health "));
}

#[tokio::test]
async fn a_query_is_part_of_the_path() {
    let check = HttpCheck { path: "/health?deep=1&x=%20".into(), ..http_check() };
    assert!(request(check).await.starts_with("GET /health?deep=1&x=%20 HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_request_that_cannot_be_written_is_no_evidence() {
    let (target, requests): (_, Receiver<String>) = answering(OK);
    let impossible = [
        HttpCheck { path: "/a b".into(), ..http_check() },
        HttpCheck { method: "G T".into(), ..http_check() },
        HttpCheck { host: Some("a\r\nb".into()), ..http_check() },
        given(&[("X", "a\r\nY: b")]),
        given(&[("X Y", "a")]),
    ];
    for check in impossible {
        let outcome = run_http(check, target).await;
        assert_eq!(outcome.finding, Finding::Nothing, "{outcome:?}");
    }
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn many_runs_at_once_share_one_check() {
    let (target, _requests) = answering(OK);
    let probe = Arc::new(probe(Protocol::Http(Arc::new(http_check())), target));
    let runner = Runner::new();
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (runner, probe) = (runner.clone(), Arc::clone(&probe));
        runs.spawn(async move { runner.run(&probe).await.finding });
    }
    assert!(runs.join_all().await.into_iter().all(|finding| finding == Finding::Pass));
}

/// Thousands are in flight when a server starts.
#[tokio::test]
async fn a_run_in_the_clear_needs_little_memory() {
    let (runner, target) = (Runner::new(), tests::closed_port());
    for protocol in [Protocol::Http(Arc::new(http_check())), tests::tcp_check(None)] {
        let probe = probe(protocol, target);
        let size = size_of_val(&runner.run(&probe));
        assert!(size <= 1536, "{size}");
    }
}
