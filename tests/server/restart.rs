//! What survives.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::server::{Server, put};

const WEB: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.0.1\"\n";

#[test]
fn a_killed_server_starts_again_and_serials_only_grow() {
    let mut server = Server::with("web.toml", WEB);
    let mut last = server.serial();
    for round in 2..5 {
        // More changes than seconds: the clock alone would let the serial go back.
        for n in 0..10 {
            let address = format!("10.0.{round}.{n}");
            server.house.put("web.toml", &WEB.replace("10.0.0.1", &address));
            server.answers("web", &[&address]);
        }
        let before = server.serial();
        assert!(before > last, "{before} after {last}");
        server = server.restart(Signal::SIGKILL);
        server.answers("web", &[&format!("10.0.{round}.9")]);
        last = server.serial();
        assert!(last > before, "{last} after {before}");
    }
}

#[test]
fn what_changed_while_nothing_ran_is_served() {
    let server = Server::with("web.toml", WEB);
    let zone = server.house.zone();
    let Server { mut process, house, .. } = server;
    process.signal(Signal::SIGKILL);
    process.exit_code();
    fs::remove_file(zone.join("web.toml")).unwrap();
    put(&zone.join("db.toml"), &WEB.replace("web", "db"));
    let server = house.start();
    server.answers("db", &["10.0.0.1"]);
    assert_eq!(server.addresses("web").len(), 0);
}
