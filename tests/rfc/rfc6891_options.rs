//! RFC 6891: Extension mechanisms for DNS, EDNS(0). Options of other RFCs that we do not do.

use crate::query::{ask, option};

/// Section 6.1.2: an option that is cut, whatever its code.
#[test]
fn an_option_that_says_more_than_there_is_is_a_format_error() {
    for code in [0, 3, 8, 9, 10, 11, 12, 15, 100, 0xfff0] {
        for (said, there) in [(1u16, 0), (9, 8), (0xffff, 4)] {
            let rdata =
                [&[code, said].map(u16::to_be_bytes).concat()[..], &vec![0; there]].concat();
            let reply = ask("www.a.test", "A").opt(1232, 0, &rdata).udp();
            assert!(reply.rcode() == "FORMERR" && reply.is_header_alone(), "{code} {said}");
        }
    }
}

/// Section 6.1.2: what we do not do is ignored whatever it holds: NSID, DAU, DHU, N3U, client
/// subnet, EXPIRE, padding, CHAIN, KEY-TAG, EDE, tags, and what has no name yet.
#[test]
fn what_we_do_not_do_is_ignored_whatever_it_holds() {
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 100, 65535] {
        for octets in
            [&b""[..], b"\x00", b"\x00\x03\x20\x00", b"\xff\xff\xff\xff\xff\xff", &[0; 600]]
        {
            let query = ask("www.a.test", "A").opt(1232, 0, &option(code, octets));
            let reply = query.udp();
            assert_eq!((reply.rcode(), reply.answer.len()), ("NOERROR", 2), "{code} {octets:x?}");
            assert!(reply.opt.unwrap().options.is_empty(), "{code}");
        }
    }
}
