//! What is served to the resolvers, and somebody else's server for what lies outside.

use std::fmt::Write;

use crate::support::backend::Backend;
use crate::support::server::{Server, TestServer};

/// The TTLs of services, in seconds, and of what is not there.
pub(crate) const TTL: u32 = 60;
pub(crate) const SHORT_TTL: u32 = 1;
pub(crate) const NEGATIVE_TTL: u32 = 3;
/// So many addresses need TCP.
pub(crate) const CROWD: u8 = 120;

const ZONE: &str = "negative_ttl = \"3s\"\n";
const SERVICES: &str = r#"
[[service]]
name = "web"
port = 8080
tags = ["http"]
meta = { version = "1.2.3", owner = "me" }
ttl = "60s"
[[service.instance]]
id = "web-1"
address = ["10.1.0.1", "fd00::1"]
tags = ["v1", "eu.west"]
[[service.instance]]
id = "web-2"
address = ["10.1.0.2", "fd00::2"]
tags = ["v2"]

[[service]]
name = "counted"
ttl = "60s"
[[service.instance]]
address = "10.1.0.3"

[[service]]
name = "never-kept"
ttl = "0s"
min_ttl = "0s"
[[service.instance]]
address = "10.1.0.4"

[[service]]
name = "outside"
ttl = "60s"
port = 443
[[service.instance]]
id = "outside-1"
address = "api.vendor.example"

[[service]]
name = "dead"
[[service.check]]
tcp = "127.0.0.1:9"
interval = "1s"
[[service.instance]]
address = "127.0.0.1"
port = 9
"#;
/// The SOA is far slower than what is not there may be kept.
const STATIC: &str = r#"$TTL 60
@ 1800 SOA ns1 hostmaster 1 4h 1h 1w 4h
host.deep.static A 10.2.0.1
alias  CNAME web
twice  CNAME alias
mail   MX 10 host.deep.static
long   TXT "0123456789012345678901234567890123456789012345678901234567890123456789" "more"
*.wild A 10.2.0.2
"#;

/// The servers and what they check.
pub(crate) struct World {
    pub(crate) server: Server,
    /// Of the service `flaky`, which dies by the second failure.
    pub(crate) flaky: Vec<Backend>,
    /// Of the service `suspect`, which may fail for minutes and is not given up.
    pub(crate) suspect: Backend,
    _vendor: Server,
}

impl World {
    /// livezone at 127.0.0.1:8600 and 10.0.0.2:8600, the other server at 10.0.0.3:53.
    pub(crate) fn start() -> Self {
        let flaky = Backend::several(2);
        let suspect = Backend::start("127.0.0.9");
        let mut server = TestServer::with("web.toml", SERVICES);
        server.put("zone.toml", ZONE);
        server.put("static.zone", STATIC);
        server.put("crowd.toml", &crowd());
        let both: String = (0..2).map(|n| flaky[n].instance(&format!("flaky-{n}"))).collect();
        server.put("flaky.toml", &checked("flaky", 2, &both));
        server.put("suspect.toml", &checked("suspect", 1000, &suspect.instance("suspect-1")));
        "127.0.0.1:8600".clone_into(&mut server.arguments[1]);
        server.arguments.extend(["--dns", "10.0.0.2:8600"].map(str::to_owned));
        let mut vendor = TestServer::new();
        let zone = "$TTL 60\napi A 198.51.100.7\napi AAAA 2001:db8::7\n";
        vendor.put_in("vendor.example", "a.zone", zone);
        "10.0.0.3:53".clone_into(&mut vendor.arguments[1]);
        Self { server: server.start(), flaky, suspect, _vendor: vendor.start() }
    }
}

/// A service that answers for a second, or a minute while nothing fails.
fn checked(name: &str, failures: u32, instances: &str) -> String {
    let ttl = if failures > 2 { TTL } else { SHORT_TTL };
    format!(
        "[[service]]\nname = \"{name}\"\nttl = \"{ttl}s\"\nmin_ttl = \"1s\"\n\
         [[service.check]]\nhttp = \"/\"\ninterval = \"500ms\"\ntimeout = \"400ms\"\n\
         fast_interval = \"250ms\"\nfailures_before_critical = {failures}\n{instances}"
    )
}

fn crowd() -> String {
    let mut text = format!("[[service]]\nname = \"crowd\"\nttl = \"{TTL}s\"\nport = 80\n");
    for n in 0..CROWD {
        write!(text, "[[service.instance]]\nid = \"c{n}\"\naddress = \"10.3.0.{n}\"\n").unwrap();
    }
    text
}
