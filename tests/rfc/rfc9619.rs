//! RFC 9619: In the DNS, QDCOUNT is (usually) one.

use crate::query::{ask, nothing, question, wire};

/// Section 4: "A DNS message with OPCODE = 0 and QDCOUNT > 1 MUST be treated as an incorrectly
/// formatted message."
#[test]
fn more_than_one_question_is_a_format_error() {
    let one = question(&wire("www.a.test"), 1, 1);
    let other = question(&wire("mail.a.test"), 1, 1);
    for second in [&one, &other] {
        for ask in [nothing(), nothing().edns(1232)] {
            for reply in ask.question(&one).question(second).both() {
                assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
            }
        }
    }
    for count in [2, 3, 256, 0xffff] {
        let reply = ask("www.a.test", "A").count(0, count).udp();
        assert!(reply.rcode() == "FORMERR" && reply.is_header_alone(), "{count}");
    }
}

/// Section 4 leaves QDCOUNT 0 to those who have use for it: cookies alone (RFC 7873 section 5.4).
#[test]
fn no_question_is_a_format_error() {
    for ask in [nothing(), nothing().edns(1232), ask("www.a.test", "A").count(0, 0)] {
        for reply in ask.both() {
            assert!(reply.rcode() == "FORMERR" && reply.is_header_alone());
        }
    }
}
