//! Knot Resolver, validating, with 0x20 as it is by default.

use std::fs;
use std::process::Command;

use crate::support::server::Process;
use crate::through::Resolver;
use crate::world::World;
use crate::{documented, namespace};

/// What only this test needs.
const REST: &str = "
net.listen('127.0.0.1', 53, { kind = 'dns' })
log_target('stderr')
policy.add(policy.suffix(policy.STUB('10.0.0.3'), policy.todnames({'vendor.example'})))
";

#[test]
#[ignore = "tests/resolvers/run"]
fn knot_resolver_accepts_every_answer_and_keeps_it_for_our_ttls() {
    namespace::run("knot::in_front", &["kresd"]);
}

#[test]
#[ignore = "runs in the namespace"]
fn in_front() {
    if namespace::is_inside("knot::in_front") {
        let mut resolver = start(&documented("Knot Resolver", "lua"));
        resolver.proves_itself();
        resolver.keeps_ttl_zero_for_a_moment();
        resolver.cannot_leave_the_zone();
    }
}

fn start(config: &str) -> Resolver {
    let world = World::start();
    let folder = world.server.setup.path().join("kresd");
    fs::create_dir(&folder).unwrap();
    let path = folder.join("kresd.conf");
    let insecure = "{'service.internal'}";
    assert!(config.contains(insecure));
    // One call sets all the names.
    let config = config.replace(insecure, "{'service.internal', 'vendor.example'}");
    fs::write(&path, format!("{config}{REST}")).unwrap();
    let mut kresd = Command::new("kresd");
    kresd.arg("-n").arg("-c").arg(&path).arg(&folder);
    Resolver::new(world, Process::start(kresd), "127.0.0.1:53")
}
