//! RFC 9460: Service binding (SVCB and HTTPS records). Records of master files stand beside services.

use crate::query::ask;

/// Section 2.2: priority 1, the owner itself as target, and alpn=h2; nothing of it compressed.
#[test]
fn an_https_record_is_served_as_it_is_written() {
    for (name, ttl) in [("https.a.test", 300), ("web.service.internal", 30)] {
        for reply in ask(name, "HTTPS").both() {
            let expected = format!("{name}. {ttl} HTTPS 00010000010003026832");
            assert_eq!(reply.answers(), [expected]);
            assert!(reply.aa());
        }
    }
}

/// RFC 8659 and RFC 1035 section 3.3.9: other types beside the addresses that health decides on.
#[test]
fn a_caa_and_a_mx_stand_beside_a_service() {
    let reply = ask("web.service.internal", "CAA").udp();
    assert_eq!(
        reply.answers(),
        ["web.service.internal. 30 CAA 0005697373756563612e6578616d706c65"]
    );
    let reply = ask("web.service.internal", "MX").udp();
    let expected = ["web.service.internal. 30 MX 10 mail.service.internal."];
    assert_eq!(reply.answers(), expected);
    assert_eq!(ask("web.service.internal", "A").udp().answer.len(), 2);
}

/// Section 4.1: "authoritative DNS servers SHOULD return A, AAAA, and SVCB records in the Additional
/// section for any `TargetNames` that are in the zone". Section 2.5: a single dot is the owner itself,
/// or in an alias that there is no service.
#[test]
fn a_target_in_the_zone_brings_its_addresses_and_bindings() {
    let of = |name: &str| ask(name, "HTTPS").edns(1232).udp().additional_set();
    let svc = "svc.along.test. 300 A 192.0.2.80";
    assert_eq!(of("svc.along.test"), [svc]);
    let https = "svc.along.test. 300 HTTPS 00010000010003026832";
    assert_eq!(of("to-svc.along.test"), [svc, https]);
    let mail = ["mail.along.test. 300 A 192.0.2.25", "mail.along.test. 300 AAAA 2001:db8::25"];
    assert_eq!(of("other.along.test"), mail);
    assert!(of("no-svc.along.test").is_empty());
    // Those of a service are the healthy ones.
    let web = of("web.service.internal");
    assert_eq!(web.len(), 3);
    assert!(web.iter().all(|record| record.starts_with("web.service.internal. 5 A")), "{web:?}");
}

#[test]
fn a_name_without_one_is_no_data() {
    for name in ["www.a.test", "v1.web.service.internal", "down.service.internal"] {
        assert!(ask(name, "HTTPS").udp().is_nodata(), "{name}");
    }
}
