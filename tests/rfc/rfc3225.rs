//! RFC 3225: Indicating resolver support of DNSSEC. The DO bit.

use crate::query::ask;

const DO: u32 = 0x8000;

/// Section 3: "The DO bit of the query MUST be copied in the response."
#[test]
fn the_do_bit_is_copied_on_answers_of_all_kinds() {
    for name in [
        "www.a.test",
        "none.a.test",
        "tree.a.test",
        "x.sub.a.test",
        "elsewhere.net",
        "broken.test",
        "long.a.test",
    ] {
        for rtype in ["A", "AXFR", "TKEY"] {
            for (bits, copied) in [(0, 0), (DO, 0x8000), (0xffff, 0x8000), (0x7fff, 0)] {
                for reply in ask(name, rtype).opt(1232, bits, &[]).both() {
                    assert_eq!(reply.opt.unwrap().flags, copied, "{name} {rtype} {bits:x}");
                }
            }
        }
    }
    let reply = ask("www.a.test", "A").opt(1232, 0x0001_0000 | DO, &[]).udp();
    assert_eq!(reply.opt.unwrap().flags, 0x8000);
    let reply = ask("www.a.test", "A").opcode(2).opt(1232, DO, &[]).udp();
    assert_eq!(reply.opt.unwrap().flags, 0x8000);
}

/// Section 3: without DO no security records are added; asked for by type they are answers.
#[test]
fn a_ds_is_told_beside_a_referral_only_to_who_sets_do() {
    let has_ds = |reply: crate::message::Message| reply.authority.iter().any(|r| r.rtype == 43);
    assert!(!has_ds(ask("x.sub.a.test", "A").udp()));
    assert!(!has_ds(ask("x.sub.a.test", "A").edns(1232).udp()));
    assert!(has_ds(ask("x.sub.a.test", "A").opt(1232, DO, &[]).udp()));
    for reply in ask("sub.a.test", "DS").both() {
        assert!(reply.aa() && reply.answer.len() == 1 && reply.answer[0].rtype == 43);
    }
}
