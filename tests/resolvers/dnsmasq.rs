//! dnsmasq, a forwarder with a cache, validating.

use std::fs;
use std::process::Command;

use crate::support::server::Process;
use crate::through::Resolver;
use crate::world::World;
use crate::{documented, namespace};

/// What only this test needs.
const REST: &str = "
keep-in-foreground
log-facility=-
user=root
pid-file=
listen-address=127.0.0.1
bind-interfaces
no-resolv
no-hosts
stop-dns-rebind
dnssec
conf-file=/usr/share/dnsmasq-base/trust-anchors.conf
server=/vendor.example/10.0.0.3
";

#[test]
#[ignore = "tests/resolvers/run"]
fn dnsmasq_accepts_every_answer_and_keeps_it_for_our_ttls() {
    namespace::run("dnsmasq::in_front", &["dnsmasq"]);
}

#[test]
#[ignore = "runs in the namespace"]
fn in_front() {
    if namespace::is_inside("dnsmasq::in_front") {
        let mut resolver = start(&documented("dnsmasq", "conf"));
        resolver.proves_itself();
        resolver.keeps_nothing_of_ttl_zero();
        resolver.gives_the_alias_alone();
    }
}

fn start(config: &str) -> Resolver {
    let world = World::start();
    let path = world.server.setup.path().join("dnsmasq.conf");
    fs::write(&path, format!("{config}{REST}")).unwrap();
    let mut dnsmasq = Command::new("dnsmasq");
    dnsmasq.arg("-C").arg(&path);
    Resolver::new(world, Process::start(dnsmasq), "127.0.0.1:53")
}
