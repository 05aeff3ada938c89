//! unbound, validating, with the strictest of its habits.

use std::fs;
use std::process::Command;

use crate::support::server::Process;
use crate::through::Resolver;
use crate::world::World;
use crate::{documented, namespace};

/// What only this test needs: no daemon, the other server, and DNSSEC as Debian switches it on.
const REST: &str = r#"
server:
    do-daemonize: no
    username: ""
    chroot: ""
    pidfile: ""
    use-syslog: no
    verbosity: 1
    interface: 127.0.0.1
    trust-anchor-file: "/usr/share/dns/root.key"
    qname-minimisation: yes
    qname-minimisation-strict: yes
    use-caps-for-id: yes
    harden-below-nxdomain: yes
    private-address: 10.0.0.0/8
    private-address: 127.0.0.0/8
    private-address: fd00::/8
    domain-insecure: "vendor.example"
stub-zone:
    name: "vendor.example"
    stub-addr: 10.0.0.3
"#;

#[test]
#[ignore = "tests/resolvers/run"]
fn unbound_accepts_every_answer_and_keeps_it_for_our_ttls() {
    namespace::run("unbound::in_front", &["unbound"]);
}

#[test]
#[ignore = "runs in the namespace"]
fn in_front() {
    if namespace::is_inside("unbound::in_front") {
        let mut resolver = start(&documented("unbound", "conf"));
        resolver.proves_itself();
        resolver.keeps_nothing_of_ttl_zero();
        resolver.follows_an_external_instance();
    }
}

fn start(config: &str) -> Resolver {
    let world = World::start();
    let path = world.server.setup.path().join("unbound.conf");
    fs::write(&path, format!("{config}{REST}")).unwrap();
    // Debian's AppArmor profile goes by the program's path and would keep it out of our folder.
    let copy = world.server.setup.path().join("unbound");
    fs::copy("/usr/sbin/unbound", &copy).unwrap();
    let mut unbound = Command::new(copy);
    unbound.arg("-d").arg("-c").arg(&path);
    Resolver::new(world, Process::start(unbound), "127.0.0.1:53")
}
