//! What survives.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::server::{Server, TestServer, put};

const WEB: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.0.1\"\n";

#[test]
fn a_killed_server_starts_again_and_serials_only_grow() {
    let mut server = Server::with("web.toml", WEB);
    let mut last = server.serial();
    for round in 2..5 {
        // More changes than seconds: the clock alone would let the serial go back.
        for n in 0..10 {
            let address = format!("10.0.{round}.{n}");
            server.setup.put("web.toml", &WEB.replace("10.0.0.1", &address));
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
    let zone = server.setup.zone();
    let Server { mut process, setup, .. } = server;
    process.signal(Signal::SIGKILL);
    process.exit_code();
    fs::remove_file(zone.join("web.toml")).unwrap();
    put(&zone.join("db.toml"), &WEB.replace("web", "db"));
    let server = setup.start();
    server.answers("db", &["10.0.0.1"]);
    assert_eq!(server.addresses("web").len(), 0);
}

#[test]
fn a_state_directory_that_cannot_be_used_is_a_warning() {
    type Make = fn(&std::path::Path);
    let make: [(&str, Make); 2] = [
        ("state is not saved", |state| fs::write(state, "a file").unwrap()),
        ("cannot use the saved SOA serial", |state| {
            fs::create_dir_all(state.join("serial")).unwrap();
        }),
    ];
    for (told, make) in make {
        let server = TestServer::with("web.toml", WEB);
        make(&server.path().join("state"));
        let server = server.start();
        server.process.wait_for_log(&["WARN", told, "state"]);
        server.answers("web", &["10.0.0.1"]);
        let before = server.serial();
        server.setup.put("web.toml", &WEB.replace("10.0.0.1", "10.0.0.2"));
        server.answers("web", &["10.0.0.2"]);
        assert!(server.serial() > before);
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_told_once() {
    let server = TestServer::with("web.toml", WEB);
    let state = server.path().join("state");
    fs::create_dir_all(state.join("serial.new")).unwrap();
    let server = server.start();
    for n in 1..20 {
        let address = format!("10.0.0.{n}");
        server.setup.put("web.toml", &WEB.replace("10.0.0.1", &address));
        server.answers("web", &[&address]);
    }
    let told = server.process.lines_with(&["WARN", "SOA serial"]);
    assert_eq!(told.len(), 1, "{told:?}");
}
