//! RFC 1183: New DNS RR definitions. Hosts of AFSDB and RT records bring their addresses.

use crate::query::ask;

const ADDRESSES: [&str; 2] =
    ["mail.along.test. 300 A 192.0.2.25", "mail.along.test. 300 AAAA 2001:db8::25"];

/// Section 1: "AFSDB records cause type A additional section processing for <hostname>."
#[test]
fn an_afsdb_brings_the_addresses_of_its_host() {
    for reply in ask("afsdb.along.test", "TYPE18").edns(1232).both() {
        assert_eq!(
            (reply.answer.len(), reply.additional_set()),
            (1, ADDRESSES.map(str::to_owned).to_vec())
        );
    }
}

/// Section 3.3: "RT records cause type X25, ISDN, and A additional section processing for <host>."
#[test]
fn a_rt_brings_the_x25_address_too() {
    for reply in ask("rt.along.test", "TYPE21").edns(1232).both() {
        let [a, aaaa] = ADDRESSES;
        assert_eq!(reply.additional_set(), [a, aaaa, "mail.along.test. 300 TYPE19 0131"]);
    }
}

/// Section 2.2: "The RP record causes no additional section processing."
#[test]
fn a_name_that_is_a_mailbox_brings_nothing() {
    for (name, rtype) in [("mg.along.test", "TYPE8"), ("mail.along.test", "TYPE19")] {
        let reply = ask(name, rtype).edns(1232).udp();
        assert_eq!((reply.answer.len(), reply.additional.len()), (1, 0), "{name}");
    }
}
