//! Answers in any pieces.

use proptest::prelude::*;

use crate::health::checks::http::answer::{Answer, Listener};
use crate::health::checks::http::wanted::{BODY_LIMIT, HEAD_LIMIT, Unanswered, Wanted};

/// What is made of an answer that comes in these pieces and ends.
fn heard(wanted: Wanted, pieces: &[&[u8]]) -> Result<Answer, Unanswered> {
    let mut listener = Listener::new(wanted);
    for piece in pieces {
        if let Some(answer) = listener.hear(piece)? {
            return Ok(answer);
        }
    }
    listener.end()
}

fn whole(answer: &str) -> Result<Answer, Unanswered> {
    heard(Wanted::Body, &[answer.as_bytes()])
}

fn said(status: u16, body: &str) -> Answer {
    Answer { status, body: body.into(), coding: None }
}

#[test]
fn the_end_of_a_body_is_told_as_rfc_9112_section_6_3_orders() {
    for (answer, body) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\n\r\nok", "ok"),
        ("HTTP/1.0 200 OK\n\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, Chunked\r\n\r\n2;x=y\r\nok\r\n0\r\n\r\n",
            "ok",
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: x\r\n\r\n", "ok"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n2\r\nok", "2\r\nok"),
    ] {
        assert_eq!(whole(answer), Ok(said(200, body)), "{answer}");
    }
    assert_eq!(whole("HTTP/1.1 204 -\r\nContent-Length: 2\r\n\r\n"), Ok(said(204, "")));
    assert_eq!(whole("HTTP/1.1 304 -\r\nTransfer-Encoding: chunked\r\n\r\n"), Ok(said(304, "")));
    let of_head = heard(Wanted::BodyOfHead, &[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"]);
    assert_eq!(of_head, Ok(said(200, "")));
}

#[test]
fn an_answer_that_contradicts_itself_is_none() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n",
    ] {
        assert_eq!(whole(answer), Err(Unanswered::Framing), "{answer}");
    }
    // Where the status decides alone, the body's frame is nobody's concern.
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n";
    assert_eq!(heard(Wanted::Head, &[head.as_bytes()]), Ok(said(200, "")));
}

#[test]
fn what_begins_otherwise_is_no_http() {
    for answer in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "\0\u{1}garbage\r\n\r\n",
        "garbage\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 099 -\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 200OK\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1\r\n\r\n",
        "HTTP/1 200 OK\r\n\r\n",
        "HTTP/11 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        " HTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert_eq!(whole(answer), Err(Unanswered::NotHttp), "{answer:?}");
    }
    // An alert and a ClientHello's answer, each also octet by octet.
    for record in [&b"\x15\x03\x01\x00\x02\x02\x46"[..], b"\x16\x03\x03\x00\n\n"] {
        let octets: Vec<_> = record.chunks(1).collect();
        assert_eq!(heard(Wanted::Head, &[record]), Err(Unanswered::Tls));
        assert_eq!(heard(Wanted::Head, &octets), Err(Unanswered::Tls));
    }
    assert_eq!(heard(Wanted::Head, &[b"\x15\x02"]), Err(Unanswered::NotHttp));
}

#[test]
fn a_head_may_be_as_odd_as_gos_client_takes_it() {
    for line in [
        "HTTP/1.1 200",
        "HTTP/1.1 200 ",
        "HTTP/1.1  200 OK",
        "HTTP/1.0 200 OK",
        "HTTP/2.0 200 OK",
        "HTTP/1.1 200 \u{1}h\u{e9}\t",
        "\r\nHTTP/1.1 200 OK",
    ] {
        for field in [
            "X-A: a\r\n b\r\n\tc",
            " folded at once: 1",
            "Server : x",
            "X y: 1",
            ": no name",
            "no colon",
            "X: \u{1}\u{7f}\rb",
            "X:",
            "Content-Type: a\r\n Content-Length: 3",
        ] {
            for end in ["\r\n", "\n"] {
                let answer = format!("{line}{end}{field}{end}Content-Length: 2{end}{end}okay");
                assert_eq!(whole(&answer), Ok(said(200, "ok")), "{answer:?}");
                assert_eq!(heard(Wanted::Head, &[answer.as_bytes()]), Ok(said(200, "")));
            }
        }
    }
}

#[test]
fn the_fields_of_the_frame_are_known_however_they_are_written() {
    for fields in [
        "Content-Length : 2\r\n",
        "content-length:\t2 \r\n",
        "Content-Length:\r\n 2\r\n",
        "Content-Length: 2\r\nX: a\r\n 9\r\n",
        "Content-Length: 2,\r\n 2\r\n",
        " Content-Length: 9\r\nContent-Length: 2\r\n",
        "Content-Length 9\r\nContent-Length: 2\r\n",
        "X: a\r\n Content-Length: 9\r\nContent-Length: 2\r\n",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}\r\nokay");
        assert_eq!(whole(&answer), Ok(said(200, "ok")), "{fields:?}");
    }
    let folded =
        "HTTP/1.1 200 -\r\nTransfer-Encoding: identity,\r\n chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert_eq!(whole(folded), Ok(said(200, "ok")));
}

#[test]
fn a_coded_body_is_told() {
    let coding = |fields: &str| {
        let answer = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\n\x1f\u{b}");
        whole(&answer).unwrap().coding
    };
    assert_eq!(coding(""), None);
    assert_eq!(coding("Content-Encoding: identity\r\n"), None);
    assert_eq!(coding("Content-Encoding:\r\n"), None);
    assert_eq!(coding("Content-Encoding: GZip\r\n").as_deref(), Some("gzip"));
    assert_eq!(coding("Content-Encoding: identity,\r\n br\r\n").as_deref(), Some("br"));
    assert_eq!(coding("Content-Encoding: \u{1b}[31m\r\n").as_deref(), Some("coded"));
    assert_eq!(
        coding(&format!("Content-Encoding: {}\r\n", "x".repeat(99))).as_deref(),
        Some("coded")
    );
    let chunked = "HTTP/1.1 200 -\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    assert_eq!(whole(chunked).unwrap().coding.as_deref(), Some("gzip"));
}

#[test]
fn only_octets_limit_a_head() {
    let start = "HTTP/1.1 200 OK\r\n";
    let many = |octets: usize| {
        let more = octets - start.len() - 2;
        format!("{start}{}{}\r\n\r\n", "X:y\r\n".repeat(more / 5 - 1), "Z".repeat(more % 5 + 3))
    };
    let one = |octets: usize| format!("{start}{}\r\n\r\n", "Z".repeat(octets - start.len() - 4));
    let of = [many(HEAD_LIMIT), one(HEAD_LIMIT), many(HEAD_LIMIT + 1), one(HEAD_LIMIT + 1)];
    for head in of {
        let expected = match head.len() {
            HEAD_LIMIT => Ok(said(200, "")),
            _ => Err(Unanswered::TooLarge),
        };
        for size in [1, 7, head.len()] {
            let pieces: Vec<_> = head.as_bytes().chunks(size).collect();
            assert_eq!(heard(Wanted::Head, &pieces), expected, "{size}");
        }
    }
}

#[test]
fn a_body_that_ends_early_is_cut_short() {
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
    ] {
        assert_eq!(whole(answer), Err(Unanswered::CutShort), "{answer:?}");
    }
}

#[test]
fn only_the_last_of_several_answers_counts_and_101_is_the_last() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    assert_eq!(whole(&format!("{interim}HTTP/1.1 503 Full\r\n\r\n")), Ok(said(503, "")));
    assert_eq!(whole("HTTP/1.1 101 -\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Ok(said(101, "")));
    // However short each is, all of them together are a head.
    let endless = "HTTP/1.1 102 -\r\n\r\n".repeat(5000);
    assert_eq!(whole(&endless), Err(Unanswered::TooLarge));
}

#[test]
fn what_is_no_http_shows_before_its_line_ends() {
    let mut listener = Listener::new(Wanted::Head);
    assert_eq!(listener.hear(b"SS"), Err(Unanswered::NotHttp));
    let mut listener = Listener::new(Wanted::Head);
    assert_eq!(listener.hear(b"HTTP"), Ok(None));
    assert_eq!(listener.hear(b"S"), Err(Unanswered::NotHttp));
}

#[test]
fn nothing_fills_our_memory() {
    let endless = |start: &str, piece: &[u8]| {
        let mut listener = Listener::new(Wanted::Body);
        let mut heard = listener.hear(start.as_bytes());
        for _ in 0..100 {
            if !matches!(heard, Ok(None)) {
                break;
            }
            heard = listener.hear(piece);
        }
        heard.map(|answer| answer.map(|answer| answer.body.len()))
    };
    let (zeros, chunked) = ([b'0'; 4096], "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(endless("HTTP/1.1 200 OK\r\nX: ", &zeros), Err(Unanswered::TooLarge));
    assert_eq!(endless("HTTP/1.1 200 OK\r\n\r\n", &zeros), Ok(Some(BODY_LIMIT)));
    assert_eq!(endless(&format!("{chunked}fffffff\r\n"), &zeros), Ok(Some(BODY_LIMIT)));
    assert_eq!(endless(&format!("{chunked}1;"), &zeros), Err(Unanswered::Framing));
    assert_eq!(endless(&format!("{chunked}0\r\nT: "), &zeros), Err(Unanswered::TooLarge));
}

proptest! {
    #[test]
    fn the_pieces_in_which_an_answer_comes_change_nothing(
        answer in prop_oneof![
            Just("HTTP/1.1 100 -\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nready"),
            Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nrea\r\n2\r\ndy\r\n0\r\nT: x\r\n\r\n"),
            Just("HTTP/1.0 200 OK\nServer: x\n\nready"),
            Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nready"),
            Just("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nready"),
            Just("HTTP/1.1  200\r\n at once\r\nX y: 1\r\nContent-Length :\r\n 5\r\n\r\nready and more"),
            Just("HTTP/1.1 200 OK\nContent-Encoding: gzip\n\nready"),
            Just("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nready"),
            Just("SSH-2.0-OpenSSH_9.9\r\n"),
            Just("\u{15}\u{3}\u{1}\n"),
        ],
        mut cuts in proptest::collection::vec(0usize..100, 0..20),
    ) {
        cuts.retain(|cut| *cut < answer.len());
        cuts.extend([0, answer.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|cut| &answer.as_bytes()[cut[0]..cut[1]]).collect();
        prop_assert_eq!(heard(Wanted::Body, &pieces), whole(answer));
    }

    #[test]
    fn garbage_is_taken_without_harm(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)) {
        for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
            let mut all = vec![start.as_bytes()];
            all.extend(pieces.iter().map(Vec::as_slice));
            let joined = all.concat();
            prop_assert_eq!(heard(Wanted::Body, &all), heard(Wanted::Body, &[&joined]));
        }
    }
}
