//! RFC 2782: SRV records.

use crate::query::ask;

const RECORDS: [&str; 2] = [
    "_web._tcp.service.internal. 5 SRV 0 10 8080 web-1.web.service.internal.",
    "_web._tcp.service.internal. 5 SRV 5 1 8082 web-2.web.service.internal.",
];

#[test]
fn a_service_is_found_below_its_protocol() {
    for reply in ask("_web._tcp.service.internal", "SRV").both() {
        assert_eq!(reply.answer_set(), RECORDS);
    }
    let reply = ask("_web._udp.service.internal", "SRV").udp();
    assert_eq!(reply.answer.len(), 2);
    assert!(ask("_web._sctp.service.internal", "SRV").udp().is_nxdomain());
}

/// "Unless and until permitted by future standards action, name compression is not to be used for
/// this field": the reader of these tests takes no pointer there.
#[test]
fn the_target_is_written_out() {
    for (name, length) in [("_web._tcp.service.internal", 6 + 28), ("srv.a.test", 6 + 12)] {
        let reply = ask(name, "SRV").udp();
        assert!(reply.answer.iter().all(|record| record.length == length), "{reply:?}");
    }
}

/// "Implementors are urged, but not required, to return the address record(s) in the Additional
/// Data section."
#[test]
fn the_addresses_of_the_targets_go_with_them() {
    let reply = ask("_web._tcp.service.internal", "SRV").edns(1232).udp();
    let expected = [
        "web-1.web.service.internal. 5 A 10.0.0.1",
        "web-1.web.service.internal. 5 AAAA fd00::1",
        "web-2.web.service.internal. 5 A 10.0.0.2",
    ];
    assert_eq!(reply.additional_set(), expected);
}

/// The same of a master file's; the root as target means that there is no such service.
#[test]
fn the_addresses_of_a_master_files_targets_go_with_them() {
    let reply = ask("_a._tcp.along.test", "SRV").edns(1232).udp();
    let mail = ["mail.along.test. 300 A 192.0.2.25", "mail.along.test. 300 AAAA 2001:db8::25"];
    assert_eq!((reply.answer.len(), reply.additional_set()), (1, mail.map(str::to_owned).to_vec()));
    let reply = ask("_n._tcp.along.test", "SRV").edns(1232).udp();
    assert_eq!((reply.answer.len(), reply.additional.len()), (1, 0));
}

/// "the name MUST NOT be an alias", and there "MUST be one or more address records" for it.
#[test]
fn each_target_has_addresses_of_its_own() {
    for record in ask("_web._tcp.service.internal", "SRV").udp().answer {
        let target = record.data.rsplit(' ').next().unwrap();
        let reply = ask(target, "A").udp();
        assert!(!reply.answer.is_empty() && reply.answer.iter().all(|record| record.rtype == 1));
    }
}

/// The order among equals is drawn anew by the asker; what is sent first is not always the same.
#[test]
fn no_instance_is_always_first() {
    let first = || ask("_web._tcp.service.internal", "SRV").udp().answers()[0].clone();
    let seen = first();
    assert!((0..1000).any(|_| first() != seen));
}

#[test]
fn a_service_without_health_has_no_target() {
    assert!(ask("_down._tcp.service.internal", "SRV").udp().is_nodata());
}
