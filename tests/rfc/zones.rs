//! What is served while these tests ask: static zones with everything, and services.

use std::fmt::Write;

use crate::support::server::{TestServer, ZONE};

/// A record of each kind, and the shapes that names make.
const A_TEST: &str = r#"
$TTL 300
@        600 SOA ns1 hostmaster 99 3600 600 86400 60 ; the TTL is above the minimum
@        NS     ns1
@        NS     ns2
@        MX     10 mail
ns1      A      192.0.2.1
ns1      AAAA   2001:db8::1
ns2      A      192.0.2.2
www      A      192.0.2.10
www      A      192.0.2.11
www      AAAA   2001:db8::10
www      TXT    "one" "two"
mail     A      192.0.2.25
down.in.the.tree A 192.0.2.30                        ; in, the and tree are empty non-terminals
twice    100 A  192.0.2.40
twice    50  A  192.0.2.41
od\.d    A      192.0.2.50
byte\000\255 A  192.0.2.51
unknown  TYPE65280 \# 4 DEADBEEF
unknown  TYPE65281 \# 0
caa      CAA    0 issue "ca.example"
https    HTTPS  1 . alpn=h2
srv      SRV    1 2 80 www
naptr    NAPTR  1 2 "s" "x" "" www

; aliases
alias    CNAME  www
alias2   CNAME  alias
to-none  CNAME  none
to-empty CNAME  unknown
to-b     CNAME  www.b.test.
away     CNAME  host.elsewhere.net.
to-sub   CNAME  www.sub
self     CNAME  self
ring1    CNAME  ring2
ring2    CNAME  ring3
ring3    CNAME  ring1
l1       CNAME  l2
l2       CNAME  l3
l3       CNAME  l4
l4       CNAME  l5
l5       CNAME  l6
l6       CNAME  l7
l7       CNAME  l8
l8       CNAME  l9
l9       CNAME  l10
l10      A      192.0.2.60

; DNAME
moved    DNAME  b.test.
moved    TXT    "beside the DNAME"
gone     DNAME  elsewhere.net.
again    DNAME  moved
long     DNAME  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.

; delegations
sub      NS     ns.sub
sub      NS     ns.far.net.
sub      DS     60485 13 2 2BB183AF5F22588179A53B0A98631FAD1A292118D4B53C8D2C6A66BEF0A1B2C3
ns.sub   A      192.0.2.53
ns.sub   AAAA   2001:db8::53
far      NS     ns.far.net.
served   NS     ns1
served   DS     1 13 2 2BB183AF5F22588179A53B0A98631FAD1A292118D4B53C8D2C6A66BEF0A1B2C3

; wildcards
*.wild   TXT    "from the wildcard"
here.wild A     192.0.2.70
*.alias  CNAME  www
"#;

/// The zone of RFC 4592 section 2.2.1, with the cases of its section 4 behind.
const EXAMPLE: &str = r#"
$ORIGIN example.
example.                 3600 IN  SOA   ns.example.com. hostmaster.example. 1 3600 600 86400 60
example.                 3600     NS    ns.example.com.
example.                 3600     NS    ns.example.net.
*.example.               3600     TXT   "this is a wildcard"
*.example.               3600     MX    10 host1.example.
sub.*.example.           3600     TXT   "this is not a wildcard"
host1.example.           3600     A     192.0.2.1
_ssh._tcp.host1.example. 3600     SRV   0 0 22 host1.example.
_ssh._tcp.host2.example. 3600     SRV   0 0 22 host2.example.
subdel.example.          3600     NS    ns.example.com.
subdel.example.          3600     NS    ns.example.net.
*.alias.example.         3600     CNAME host1.example.
*.srv.example.           3600     SRV   0 0 22 host1.example.
x.*.mid.example.         3600     A     192.0.2.2
*.ghost.mid.example.     3600     A     192.0.2.3
"#;

const B_TEST: &str = "
$TTL 300
@   SOA ns1 hostmaster 1 3600 600 86400 300
@   NS  ns1
ns1 A   192.0.2.1
www A   192.0.2.80
";

const SERVED: &str = "
$TTL 300
@   20 SOA ns1.a.test. hostmaster.a.test. 1 3600 600 86400 300 ; the minimum is above the TTL
@   NS  ns1.a.test.
www A   192.0.2.90
";

/// A SOA that is far slower than the health of the service beside it.
const SLOW: &str = "
$TTL 30m
@   SOA ns hostmaster 1 4h 1h 1w 4h
@   NS  ns
ns  A   192.0.2.1
";

/// Records that name hosts. 046d61696c05616c6f6e67047465737400 is mail.along.test.
const ALONG: &str = r#"
$TTL 300
@        SOA    ns hostmaster 1 3600 600 86400 60
@        NS     ns
ns       A      192.0.2.1
mail     A      192.0.2.25
mail     AAAA   2001:db8::25
mail     TYPE19 \# 2 0131
crowd    A      192.0.2.26
alias    CNAME  mail
sub      NS     ns.sub
ns.sub   A      192.0.2.53
mx       MX     10 mail
mx       MX     20 none
mx       MX     20 alias
mx       MX     20 ns.sub
mx       MX     30 mail
mx       MX     40 mail.far.net.
null     MX     0 .
to-mx    CNAME  mx
service  MX     10 web
down     MX     10 web-down
md       TYPE3  \# 17 046d61696c05616c6f6e67047465737400
mf       TYPE4  \# 17 046d61696c05616c6f6e67047465737400
mb       MB     mail
mg       MG     mail
afsdb    TYPE18 \# 19 0001046d61696c05616c6f6e67047465737400
rt       TYPE21 \# 19 0001046d61696c05616c6f6e67047465737400
kx       TYPE36 \# 19 0001046d61696c05616c6f6e67047465737400
_a._tcp  SRV    0 0 25 mail
_n._tcp  SRV    0 0 0 .
svc      HTTPS  1 . alpn=h2
svc      A      192.0.2.80
to-svc   HTTPS  0 svc
other    HTTPS  1 mail
no-svc   HTTPS  0 .
rule-a   NAPTR  1 1 "A" "x" "" mail
rule-s   NAPTR  1 1 "s" "x" "" _a._tcp
rule     NAPTR  1 1 "" "x" "" mail
rule-u   NAPTR  1 1 "U" "x" "!.*!x:y!" .
"#;

const ALONG_SERVICES: &str = r#"
[[service]]
name = "web"
ttl = "7s"
[[service.instance]]
address = ["10.0.0.1", "fd00::1"]
[[service]]
name = "web-down"
"#;

/// Services: healthy, not healthy, without instances, with tags and hosts.
const SERVICES: &str = r#"
[[service]]
name = "web"
port = 8080
tags = ["http"]
meta = { version = "1.2.3", owner = "me" }
ttl = "5s"
[[service.instance]]
id = "web-1"
address = ["10.0.0.1", "fd00::1"]
tags = ["v1"]
weights = { passing = 10, warning = 1 }
[[service.instance]]
id = "web-2"
address = "10.0.0.2"
port = 8082
priority = 5
tags = ["v1", "v2"]

[[service]]
name = "down"
port = 1
[[service.check]]
tcp = true
interval = "1h"
failures_before_critical = 1
[[service.instance]]
id = "down-1"
address = "127.0.0.1"

[[service]]
name = "none"

[[service]]
name = "outside"
port = 443
[[service.instance]]
id = "outside-1"
address = "www.a.test"
"#;

/// Records beside services.
const BESIDE: &str = r#"
$TTL 30
web  MX    10 mail
web  CAA   0 issue "ca.example"
web  HTTPS 1 . alpn=h2
mail A     192.0.2.25
"#;

/// Writes all of it.
pub(crate) fn write(server: &TestServer) {
    let mut a_test = A_TEST.to_owned();
    for n in 0..200 {
        writeln!(a_test, "many A 198.51.100.{n}").unwrap();
    }
    for n in 0..40 {
        writeln!(a_test, "texts TXT \"{n} {}\"", "x".repeat(100)).unwrap();
    }
    for n in 0..13 {
        let server = format!("ns{n}.wide");
        writeln!(a_test, "wide NS {server}\n{server} A 192.0.2.{n}\n{server} AAAA 2001:db8::{n}")
            .unwrap();
    }
    let mut services = SERVICES.to_owned();
    services.push_str("[[service]]\nname = \"big\"\nport = 80\nmeta = { a = \"b\" }\n");
    for n in 0..250 {
        writeln!(services, "[[service.instance]]\nid = \"i{n:03}\"\naddress = \"10.1.0.{n}\"")
            .unwrap();
    }
    let mut along = ALONG.to_owned();
    for n in 0..100 {
        writeln!(along, "crowd A 198.51.100.{n}\nmany MX {n} m{n}\nm{n} A 192.0.2.{n}").unwrap();
    }
    along.push_str("wide MX 10 crowd\n");
    for (zone, file, text) in [
        ("a.test", "a.zone", &*a_test),
        ("along.test", "along.zone", &*along),
        ("along.test", "services.toml", ALONG_SERVICES),
        ("b.test", "b.zone", B_TEST),
        ("example", "rfc4592.zone", EXAMPLE),
        ("served.a.test", "served.zone", SERVED),
        ("slow.test", "slow.zone", SLOW),
        ("slow.test", "none.toml", "[[service]]\nname = \"none\"\n"),
        (ZONE, "services.toml", &*services),
        (ZONE, "beside.zone", BESIDE),
        // Never parsed: not loaded.
        ("broken.test", "zone.toml", "ttl ="),
    ] {
        server.put_in(zone, file, text);
    }
}
