//! systemd-resolved, which is not installed: its package would take over the machine's name
//! resolution. `tests/resolvers/run` unpacks it into a folder, and it runs without D-Bus.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::support::needs;
use crate::support::server::{Process, put};
use crate::through::Resolver;
use crate::world::World;
use crate::{documented, namespace};

/// The folder where systemd-resolved and its library are unpacked.
const UNPACKED: &str = "LIVEZONE_RESOLVED";
/// For names of its own network only, as systemd-networkd would tell.
const VENDOR: &str = "ADMIN_STATE=configured\nOPER_STATE=routable\nNETWORK_FILE=/run/out.network\n\
                      DNS=10.0.0.3\nROUTE_DOMAINS=vendor.example\nLLMNR=no\nMDNS=no\n";

#[test]
#[ignore = "tests/resolvers/run"]
fn systemd_resolved_accepts_every_answer_and_keeps_it_for_our_ttls() {
    if unpacked("systemd_resolved_accepts").is_some() {
        namespace::run("resolved::in_front_of_another_machine", &[]);
    }
}

#[test]
#[ignore = "tests/resolvers/run"]
fn systemd_resolved_keeps_no_answer_of_its_own_machine() {
    if unpacked("systemd_resolved_keeps").is_some() {
        namespace::run("resolved::in_front_of_the_same_machine", &[]);
    }
}

#[test]
#[ignore = "runs in the namespace"]
fn in_front_of_another_machine() {
    if namespace::is_inside("resolved::in_front_of_another_machine") {
        let config = documented("systemd-resolved", "ini");
        let mut resolver = start(&config.replace("127.0.0.1:8600", "10.0.0.2:8600"));
        resolver.proves_itself();
        resolver.keeps_nothing_of_ttl_zero();
        resolver.follows_an_external_instance();
    }
}

#[test]
#[ignore = "runs in the namespace"]
fn in_front_of_the_same_machine() {
    if namespace::is_inside("resolved::in_front_of_the_same_machine") {
        let config = documented("systemd-resolved", "ini");
        let mut resolver = start(&format!("{config}DNSSEC=yes\n"));
        resolver.accepts_every_answer();
        resolver.keeps_nothing();
        resolver.shows_a_change_of_health_after_the_ttl();
    }
}

fn unpacked(test: &str) -> Option<PathBuf> {
    let folder = env::var_os(UNPACKED).map(PathBuf::from);
    let there = folder.as_ref().is_some_and(|f| f.join("systemd-resolved").exists());
    folder.filter(|_| needs::had(test, "systemd-resolved in LIVEZONE_RESOLVED", there) && there)
}

fn start(config: &str) -> Resolver {
    let world = World::start();
    let folder = unpacked("start").unwrap();
    put(Path::new("/run/systemd/resolved.conf.d/livezone.conf"), config);
    fs::create_dir("/run/systemd/resolve").unwrap();
    std::os::unix::fs::chown("/run/systemd/resolve", Some(991), Some(991)).unwrap();
    let shown = Command::new("ip").args(["-o", "link", "show", "out"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let link = shown.split(':').next().unwrap();
    put(Path::new("/run/systemd/netif/links").join(link).as_path(), VENDOR);
    let mut resolved = Command::new(folder.join("systemd-resolved"));
    resolved.env("LD_LIBRARY_PATH", &folder);
    Resolver::new(world, Process::start(resolved), "127.0.0.53:53")
}
