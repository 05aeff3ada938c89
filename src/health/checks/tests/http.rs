use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use regex::bytes::Regex;

use crate::health::checks::Runner;
use crate::health::checks::tests::{
    answering, closed_port, hasty, http_check, probe, read_request, run_http, server,
};
use crate::model::check::{HttpCheck, Pattern, Protocol, StatusSet};
use crate::model::health::Finding;

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

async fn found(check: HttpCheck, answer: impl Into<Vec<u8>>) -> (Finding, String) {
    let (target, _requests) = answering(answer);
    let outcome = run_http(check, target).await;
    (outcome.finding, outcome.reason.to_string())
}

fn status(line: &str) -> String {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n")
}

fn matching(pattern: &str) -> HttpCheck {
    HttpCheck { expect_body: Some(Pattern(Regex::new(pattern).unwrap())), ..http_check() }
}

#[tokio::test]
async fn the_status_decides() {
    for (line, finding, reason) in [
        ("200 OK", Finding::Pass, "HTTP 200"),
        ("204 No Content", Finding::Pass, "HTTP 204"),
        ("404 Not Found", Finding::Fail, "HTTP 404"),
        ("429 Too Many Requests", Finding::Warn, "HTTP 429"),
        ("500 Oops", Finding::Fail, "HTTP 500"),
        ("503 Leaving", Finding::FailAtOnce, "HTTP 503"),
    ] {
        assert_eq!(found(http_check(), status(line)).await, (finding, reason.into()), "{line}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (elsewhere, requests) = answering(OK);
    let answer = format!("HTTP/1.1 301 Moved\r\nLocation: http://{elsewhere}/\r\n\r\n");
    let expected = (Finding::Fail, "HTTP 301 (redirects are not followed)".into());
    assert_eq!(found(http_check(), answer).await, expected);
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn an_expected_redirect_passes_and_other_statuses_do_not() {
    let expecting = || HttpCheck {
        expect_status: Some(StatusSet(vec![(301, 302), (404, 404)])),
        ..http_check()
    };
    assert_eq!(found(expecting(), status("302 Found")).await.0, Finding::Pass);
    assert_eq!(found(expecting(), status("404 Gone")).await.0, Finding::Pass);
    assert_eq!(found(expecting(), status("200 OK")).await.0, Finding::Fail);
    assert_eq!(found(expecting(), status("429 Slow")).await.0, Finding::Warn);
}

#[tokio::test]
async fn interim_answers_are_passed_over() {
    let answer = format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{OK}");
    assert_eq!(found(http_check(), answer).await.0, Finding::Pass);
}

#[tokio::test]
async fn the_body_must_match() {
    assert_eq!(found(matching("^ok$"), OK).await.0, Finding::Pass);
    let expected = (Finding::Fail, "body does not match expect_body".into());
    assert_eq!(found(matching("ready"), OK).await, expected);
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n";
    assert_eq!(found(matching("^ok$"), chunked).await.0, Finding::Pass);
    assert_eq!(found(matching("^ok$"), "HTTP/1.0 200 OK\r\n\r\nok").await.0, Finding::Pass);
}

#[tokio::test]
async fn a_coded_body_that_does_not_match_is_called_by_its_coding() {
    let gzip = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x0b";
    let expected =
        (Finding::Fail, "body does not match expect_body: the body is encoded (gzip)".into());
    assert_eq!(found(matching("ready"), gzip).await, expected);
    assert_eq!(found(matching("^"), gzip).await.0, Finding::Pass);
    assert_eq!(found(http_check(), gzip).await.0, Finding::Pass);
}

#[tokio::test]
async fn a_server_of_tls_is_recognised_by_its_alert() {
    let alert = &b"\x15\x03\x01\x00\x02\x02\x46"[..];
    let expected = "the server speaks TLS on this port: write https:// in the check's URL".into();
    assert_eq!(found(http_check(), alert).await, (Finding::Fail, expected));
}

#[tokio::test]
async fn only_the_first_64_kib_of_the_body_are_seen() {
    let body = |filler| format!("HTTP/1.1 200 OK\r\n\r\n{}ready", "x".repeat(filler));
    assert_eq!(found(matching("ready"), body(64 * 1024 - 5)).await.0, Finding::Pass);
    assert_eq!(found(matching("ready"), body(64 * 1024 - 4)).await.0, Finding::Fail);
    assert_eq!(found(matching("ready"), body(10 * 1024 * 1024)).await.0, Finding::Fail);
}

#[tokio::test]
async fn a_body_that_never_ends_is_read_to_the_limit() {
    let target = server(|mut stream| {
        read_request(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nready");
        while stream.write_all(&[b'x'; 4096]).is_ok() {}
    });
    assert_eq!(run_http(matching("^ready"), target).await.finding, Finding::Pass);
}

#[tokio::test]
async fn without_expectation_the_body_is_not_read() {
    let cut_short = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nok";
    assert_eq!(found(http_check(), cut_short).await.0, Finding::Pass);
    let expected = (Finding::Fail, "connection closed before the response was complete".into());
    assert_eq!(found(matching("ok"), cut_short).await, expected);
}

#[tokio::test]
async fn a_refused_connection_fails() {
    let outcome = run_http(http_check(), closed_port()).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "connection refused"));
}

#[tokio::test]
async fn an_answer_that_is_none_fails() {
    let expected = (Finding::Fail, "connection closed before the response was complete".to_owned());
    assert_eq!(found(http_check(), "").await, expected);
    assert_eq!(found(http_check(), "HTTP/1.1 200 O").await, expected);
    let expected = (Finding::Fail, "the response is not HTTP".to_owned());
    assert_eq!(found(http_check(), "SSH-2.0-OpenSSH_9.9\r\n").await, expected);
    assert_eq!(found(http_check(), "\0\u{1}\u{2}garbage\r\n\r\n").await, expected);
    assert_eq!(found(http_check(), "HTTP/1.1 OK\r\n\r\n").await, expected);
}

#[tokio::test]
async fn a_server_that_closes_at_once_fails() {
    let outcome = run_http(http_check(), server(drop)).await;
    assert_eq!(outcome.finding, Finding::Fail, "{outcome:?}");
    assert!(outcome.reason.starts_with("connection "), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_is_there_before_the_request_counts_all_the_same() {
    for (greeting, finding, reason) in [
        ("220 mail.example ESMTP\r\n", Finding::Fail, "the response is not HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\nok", Finding::Pass, "HTTP 200"),
        ("HTTP/1.1 503 Full\r\n\r\n", Finding::FailAtOnce, "HTTP 503"),
    ] {
        let target = server(move |mut stream| {
            let _ = stream.write_all(greeting.as_bytes());
            read_request(&mut stream);
        });
        for _ in 0..20 {
            let outcome = run_http(matching("ok"), target).await;
            assert_eq!((outcome.finding, &*outcome.reason), (finding, reason));
        }
    }
}

#[tokio::test]
async fn an_answer_of_a_server_that_does_not_listen_counts() {
    let target = server(|mut stream| stream.write_all(status("200 OK").as_bytes()).unwrap());
    for _ in 0..50 {
        let outcome = run_http(http_check(), target).await;
        assert_eq!((outcome.finding, &*outcome.reason), (Finding::Pass, "HTTP 200"));
    }
}

#[tokio::test]
async fn a_head_beyond_the_limit_fails() {
    let expected = (Finding::Fail, "the response header is larger than 64 KiB".to_owned());
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(1024 * 1024));
    assert_eq!(found(http_check(), long).await, expected);
    let many = |lines| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(lines));
    assert_eq!(found(http_check(), many(50_000)).await, expected);
    assert_eq!(found(http_check(), many(10_000)).await.0, Finding::Pass);
}

#[tokio::test]
async fn a_server_that_hangs_times_out() {
    let expected = (Finding::Fail, "timed out after 200ms".to_owned());
    // The kernel accepts and the process does not.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let before_accept = listener.local_addr().unwrap();
    let after_accept = server(|mut stream| while stream.read(&mut [0; 64]).unwrap_or(0) > 0 {});
    let within_the_head = server(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let byte_by_byte = server(|mut stream| {
        read_request(&mut stream);
        for byte in b"HTTP/1.1 200 OK\r\n".chunks(1) {
            let _ = stream.write_all(byte);
            thread::sleep(Duration::from_millis(50));
        }
    });
    for target in [before_accept, after_accept, within_the_head, byte_by_byte] {
        let kind = Protocol::Http(Arc::new(http_check()));
        let outcome = Runner::new().run(&hasty(kind, target)).await;
        assert_eq!((outcome.finding, outcome.reason.to_string()), expected);
    }
}

#[tokio::test]
async fn a_body_that_hangs_times_out_when_it_is_expected() {
    let target = server(|mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok").unwrap();
        let _ = stream.read(&mut [0]);
    });
    let outcome = Runner::new().run(&hasty(Protocol::Http(Arc::new(matching("ok"))), target)).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "timed out after 200ms"));
}

#[tokio::test]
async fn an_answer_may_come_in_any_pieces() {
    let target = server(|mut stream| {
        stream.set_nodelay(true).unwrap();
        read_request(&mut stream);
        let pieces = ["HTTP/1.1 2", "00 OK\r\nTransfer-", "Encoding: chunked\r\n\r", "\n5\r", "\n"];
        for piece in pieces.into_iter().chain(["re", "ady\r\n0", "\r\n\r\n"]) {
            let _ = stream.write_all(piece.as_bytes());
            thread::yield_now();
        }
        // Not closed: the answer itself says that it is over.
        let _ = stream.read(&mut [0]);
    });
    for _ in 0..20 {
        let outcome = run_http(matching("^ready$"), target).await;
        assert_eq!((outcome.finding, &*outcome.reason), (Finding::Pass, "HTTP 200"));
    }
}

#[tokio::test]
async fn who_refuses_a_long_request_need_not_read_it() {
    let (keep, _kept) = std::sync::mpsc::sync_channel(1);
    let target = server(move |mut stream| {
        stream.write_all(b"HTTP/1.1 503 Full\r\n\r\n").unwrap();
        keep.send(stream).unwrap();
    });
    let check = HttpCheck { method: "POST".into(), body: "x".repeat(32 << 20), ..http_check() };
    let outcome = run_http(check, target).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::FailAtOnce, "HTTP 503"));
}

#[tokio::test]
async fn a_long_request_arrives_whole() {
    let (target, requests) = answering(OK);
    let check = HttpCheck { method: "POST".into(), body: "x".repeat(8 << 20), ..http_check() };
    assert_eq!(run_http(check, target).await.finding, Finding::Pass);
    let request = requests.recv().unwrap();
    assert_eq!(request.split_once("\r\n\r\n").unwrap().1.len(), 8 << 20);
}

#[tokio::test]
async fn a_line_without_end_that_is_no_http_is_not_waited_for() {
    let (keep, _kept) = std::sync::mpsc::sync_channel(1);
    let target = server(move |mut stream| {
        read_request(&mut stream);
        stream.write_all(b"220 mail.example").unwrap();
        keep.send(stream).unwrap();
    });
    let outcome = run_http(http_check(), target).await;
    assert_eq!((outcome.finding, &*outcome.reason), (Finding::Fail, "the response is not HTTP"));
}

#[tokio::test]
async fn a_head_that_is_cut_off_after_a_whole_line_fails() {
    let expected = (Finding::Fail, "connection closed before the response was complete".to_owned());
    assert_eq!(found(http_check(), "HTTP/1.1 200 OK\r\nServer: x\r\n").await, expected);
    assert_eq!(found(http_check(), "HTTP/1.1 100 Continue\r\n\r\n").await, expected);
}

/// What a server reads after it has said something within the time of the others' turn: the error's
/// number, or how much. And whether the run was over then, or had to be broken off.
fn what_the_server_sees(say: impl FnOnce(&mut TcpStream)) -> (Result<usize, Option<i32>>, bool) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let target = listener.local_addr().unwrap();
    let (runner, probe) = (Runner::new(), probe(Protocol::Http(Arc::new(http_check())), target));
    let mut context = Context::from_waker(Waker::noop());
    let (mut theirs, answered) = {
        let mut run = pin!(runner.run(&probe));
        assert!(run.as_mut().poll(&mut context).is_pending());
        let mut theirs = listener.accept().unwrap().0;
        read_request(&mut theirs);
        say(&mut theirs);
        (theirs, matches!(run.as_mut().poll(&mut context), Poll::Ready(_)))
    };
    (theirs.read(&mut [0]).map_err(|error| error.raw_os_error()), answered)
}

#[tokio::test]
async fn only_a_connection_that_the_server_has_closed_after_its_answer_is_reset() {
    let reset = Err(Some(Errno::ECONNRESET as i32));
    for _ in 0..3 {
        let sees = what_the_server_sees(|server| {
            server.write_all(OK.as_bytes()).unwrap();
            server.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(sees, (reset, true), "closed");
        let sees = what_the_server_sees(|server| server.write_all(OK.as_bytes()).unwrap());
        assert_eq!(sees, (Ok(0), true), "not closed");
        let sees = what_the_server_sees(|server| server.write_all(b"HTTP/1.1 200").unwrap());
        assert_eq!(sees, (Ok(0), false), "a part of an answer");
    }
}
