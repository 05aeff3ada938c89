//! Consul's own clients, unmodified: `tests/clients/run` installs them and runs this.

use std::path::Path;
use std::process::Command;

use crate::support::server::TestServer;

#[test]
#[ignore = "needs what tests/clients/run installs"]
fn consuls_clients_register_unchanged_while_dig_watches() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/client.py");
    let installed = std::env::var("LIVEZONE_CLIENTS").expect("tests/clients/run sets it");
    let python = format!("{installed}/venv/bin/python");
    for command in [&[&python, here.to_str().unwrap()][..], &[&format!("{installed}/client")]] {
        let server = TestServer::new().start();
        let addresses = [server.dns.to_string(), server.http().to_string()];
        let mut bounded = Command::new("timeout");
        let status = bounded.arg("60").args(command).args(addresses).status().unwrap();
        assert!(status.success(), "{command:?}: {status}: {:#?}", server.process.log());
    }
}
