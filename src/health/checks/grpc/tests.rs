use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;

use crate::health::checks::Runner;
use crate::health::checks::tests::tls::{Authority, Client, names};
use crate::health::checks::tests::words::assert_words;
use crate::health::checks::tests::{answering, closed_port, hasty, probe, server};
use crate::model::check::{CheckTarget, GrpcCheck, Protocol, Question, TlsOptions};
use crate::model::health::Finding;
use crate::model::name::Name;

/// A tonic server that knows four services; it ends when this is dropped.
struct Backend {
    address: SocketAddr,
    tasks: JoinSet<()>,
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

impl Backend {
    async fn start() -> Self {
        let (reporter, health) = health_reporter();
        reporter.set_service_status("good", ServingStatus::Serving).await;
        reporter.set_service_status("bad", ServingStatus::NotServing).await;
        reporter.set_service_status("odd", ServingStatus::Unknown).await;
        let (listener, address) = listener().await;
        let serving =
            Server::builder().add_service(health).serve_with_incoming(TcpIncoming::from(listener));
        let mut tasks = JoinSet::new();
        tasks.spawn(async { serving.await.unwrap() });
        Self { address, tasks }
    }

    /// Ends TLS in front of it, offering `protocols`.
    async fn behind_tls(mut self, authority: &Authority, protocols: &[&str]) -> Self {
        let mut config = authority.server_config(&names(&["grpc.example"]), Client::Anyone);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let ((listener, address), behind) = (listener().await, self.address);
        self.tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut inner = TcpStream::connect(behind).await.unwrap();
                // The check hangs up when it has its answer.
                let _ = copy_bidirectional(&mut stream, &mut inner).await;
            }
        });
        Self { address, ..self }
    }
}

fn check(service: &str) -> GrpcCheck {
    GrpcCheck { tls: None, authority: None, port: None, service: service.into() }
}

async fn found(check: GrpcCheck, target: SocketAddr) -> (Finding, String) {
    let outcome = Runner::new().run(&probe(Protocol::Grpc(check), target)).await;
    (outcome.finding, outcome.reason.to_string())
}

fn fail(reason: &str) -> (Finding, String) {
    (Finding::Fail, reason.to_owned())
}

#[tokio::test]
async fn only_serving_passes() {
    let backend = Backend::start().await;
    let pass = (Finding::Pass, "gRPC SERVING".to_owned());
    for (service, expected) in [
        ("", pass.clone()),
        ("good", pass),
        ("bad", fail("gRPC NOT_SERVING")),
        ("odd", fail("gRPC UNKNOWN")),
        ("nobody", fail("gRPC NOT_FOUND (service unknown)")),
    ] {
        assert_eq!(found(check(service), backend.address).await, expected, "{service:?}");
    }
}

#[tokio::test]
async fn a_server_without_the_health_service_does_not_implement_it() {
    let (listener, address) = listener().await;
    let mut tasks = JoinSet::new();
    let routes = tonic::service::Routes::default();
    let serving =
        Server::builder().add_routes(routes).serve_with_incoming(TcpIncoming::from(listener));
    tasks.spawn(async { serving.await.unwrap() });
    let (finding, reason) = found(check(""), address).await;
    assert_eq!(finding, Finding::Fail);
    assert!(reason.starts_with("gRPC status 12 UNIMPLEMENTED"), "{reason}");
}

#[tokio::test]
async fn the_name_of_the_authority_is_expected_under_tls() {
    let authority = Authority::new();
    let over_tls = |name: &str| GrpcCheck {
        tls: Some(Arc::new(authority.options())),
        authority: Some(format!("{name}:50051").into()),
        ..check("good")
    };
    for protocols in [&["h2"][..], &["http/1.1", "h2"], &[]] {
        let backend = Backend::start().await.behind_tls(&authority, protocols).await;
        let found = found(over_tls("grpc.example"), backend.address).await;
        assert_eq!(found, (Finding::Pass, "gRPC SERVING".to_owned()), "{protocols:?}");
    }
    let backend = Backend::start().await.behind_tls(&authority, &["h2"]).await;
    let expected = fail("certificate is not for other.example, only for grpc.example");
    assert_eq!(found(over_tls("other.example"), backend.address).await, expected);
    let backend = Backend::start().await.behind_tls(&authority, &["http/1.1"]).await;
    let expected = fail("the server does not speak HTTP/2 over TLS");
    assert_eq!(found(over_tls("grpc.example"), backend.address).await, expected);
}

#[tokio::test]
async fn a_server_in_the_clear_is_no_tls_server() {
    let backend = Backend::start().await;
    let options = TlsOptions { skip_verify: true, ..TlsOptions::default() };
    let over_tls = GrpcCheck { tls: Some(Arc::new(options)), ..check("") };
    assert_eq!(found(over_tls, backend.address).await.0, Finding::Fail);
}

#[tokio::test]
async fn who_does_not_speak_http_2_fails() {
    assert_eq!(found(check(""), closed_port()).await, fail("connection refused"));
    for (answer, words) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "the server speaks HTTP/1.1 on this port, not gRPC"),
        (
            "\u{15}\u{3}\u{3}\0\u{2}\u{2}\u{46}",
            "the server speaks TLS on this port: set grpc_use_tls = true",
        ),
        ("SSH-2.0-OpenSSH_9.9\r\n", "the server does not speak HTTP/2 on this port"),
    ] {
        // Read as a whole, so that closing it is no reset, which could come first.
        let target = saying(answer.into());
        assert_eq!(found(check(""), target).await, fail(words), "{answer:?}");
    }
    for answer in ["", "\0"] {
        let (target, _requests) = answering(answer);
        let (finding, reason) = found(check(""), target).await;
        assert_eq!(finding, Finding::Fail, "{answer:?}: {reason}");
        assert!(reason.starts_with("connection "), "{reason}");
    }
}

#[tokio::test]
async fn what_the_server_ends_is_told_in_words() {
    let settings = frame(4, 0, &[]);
    // RST_STREAM with REFUSED_STREAM, GOAWAY with ENHANCE_YOUR_CALM and a debug text, a frame that
    // no stream may have.
    let mut go_away = frame(7, 0, b"\0\0\0\0\0\0\0\x0bSomeLibrary { says: 1 }");
    go_away[8] = 0;
    for (frames, words) in [
        (frame(3, 0, &[0, 0, 0, 7]), "the server reset the call: refused"),
        (frame(3, 0, &[0, 0, 0, 99]), "the server reset the call: error 99"),
        (go_away, "the server closed the HTTP/2 connection: too many requests"),
        (frame(6, 0, &[0]), "the server violated the HTTP/2 protocol: protocol error"),
    ] {
        let target = saying([settings.clone(), frames].concat());
        assert_eq!(found(check(""), target).await, fail(words));
    }
}

#[test]
fn every_reason_of_http_2_is_told_in_words() {
    for number in 0..=20 {
        let error = h2::Error::from(h2::Reason::from(number));
        assert_words(&crate::health::checks::grpc::fate::of_http2(&error).reason);
    }
}

/// Accepts, reads the preface, says `frames` and keeps the connection.
fn saying(frames: Vec<u8>) -> SocketAddr {
    server(move |mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(&frames);
        while stream.read(&mut [0; 1024]).unwrap_or(0) > 0 {}
    })
}

/// A frame of HTTP/2 on stream 1, or on the connection for SETTINGS.
fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let stream = u8::from(kind != 4);
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// `:status: 200` and `content-type`, the second spelt out.
fn head() -> Vec<u8> {
    let mut block = vec![0x88, 0x0f, 0x10, 16];
    block.extend_from_slice(b"application/grpc");
    frame(1, 4, &block)
}

#[tokio::test]
async fn an_answer_beyond_the_protocol_fails() {
    let settings = frame(4, 0, &[]);
    let answers = [
        ("the response has no gRPC status", frame(0, 1, &[0, 0, 0, 0, 2, 8, 1])),
        ("the response is too large", frame(0, 0, &[0; 5000])),
    ];
    for (reason, data) in answers {
        let target = saying([settings.clone(), head(), data].concat());
        assert_eq!(found(check(""), target).await, fail(reason));
    }
    let html = [settings.clone(), frame(1, 5, &[0x88])].concat();
    assert_eq!(found(check(""), saying(html)).await, fail("the response is not gRPC"));
    let not_found = [settings, frame(1, 5, &[0x8d])].concat();
    assert_eq!(
        found(check(""), saying(not_found)).await,
        fail("HTTP 404 instead of a gRPC response")
    );
}

#[tokio::test]
async fn a_head_beyond_the_limit_fails() {
    let mut block = vec![0x88];
    for _ in 0..3 {
        // A literal field "x" with a value of 8000 octets.
        block.extend_from_slice(&[0, 1, b'x', 0x7f, 0xc1, 0x3d]);
        block.extend_from_slice(&[b'v'; 8000]);
    }
    let (first, rest) = block.split_at(16_000);
    let frames = [frame(4, 0, &[]), frame(1, 1, first), frame(9, 4, rest)].concat();
    let (finding, reason) = found(check(""), saying(frames)).await;
    assert_eq!(finding, Finding::Fail, "{reason}");
}

#[tokio::test]
async fn a_server_that_hangs_times_out_at_every_stage() {
    let silent = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stages = [
        silent.local_addr().unwrap(),
        saying(frame(4, 0, &[])),
        saying([frame(4, 0, &[]), head()].concat()),
    ];
    for target in stages {
        let outcome = Runner::new().run(&hasty(Protocol::Grpc(check("")), target)).await;
        assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "timed out after 200ms"));
    }
}

#[tokio::test]
async fn nothing_is_left_of_a_run_that_is_over_or_dropped() {
    let (sender, closed) = std::sync::mpsc::sync_channel(2);
    let target = server(move |mut stream| {
        let _ = stream.write_all(&frame(4, 0, &[]));
        while stream.read(&mut [0; 1024]).unwrap_or(0) > 0 {}
        sender.send(()).unwrap();
    });
    let runner = Runner::new();
    runner.run(&hasty(Protocol::Grpc(check("")), target)).await;
    let probe = probe(Protocol::Grpc(check("")), target);
    let aborted = tokio::time::timeout(Duration::from_millis(100), runner.run(&probe)).await;
    assert!(aborted.is_err());
    for _ in 0..2 {
        closed.recv_timeout(Duration::from_secs(5)).unwrap();
    }
}

#[tokio::test]
async fn a_host_is_asked_where_its_name_leads() {
    let backend = Backend::start().await;
    let name = Name::parse_host("localhost").unwrap();
    let target = CheckTarget::Host { name, port: backend.address.port() };
    let mut probe = probe(Protocol::Grpc(check("good")), backend.address);
    probe.question = Question::Network(Protocol::Grpc(check("good")), target);
    let outcome = Runner::new().run(&probe).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Pass, "gRPC SERVING"));
}
