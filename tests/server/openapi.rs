//! The API's description against the API: `tests/openapi/run` installs schemathesis and runs this.

use std::path::Path;
use std::process::Command;

use crate::support::server::TestServer;

/// Of each check of an answer, and no other.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance";

#[test]
#[ignore = "needs what tests/openapi/run installs"]
fn schemathesis_finds_no_answer_that_the_document_does_not_have() {
    let program = std::env::var("LIVEZONE_SCHEMATHESIS").expect("tests/openapi/run sets it");
    let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi/schemathesis.toml");
    let server = TestServer::new().start();
    let document = format!("http://{}/v1/livezone/openapi.json", server.http());
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new("timeout")
        .args(["60", &program, "--config-file"])
        .arg(settings)
        .args(["run", &document, "--max-time", "45", "--checks", CHECKS, "--no-color"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(status.success(), "{status}: {:#?}", server.process.log());
}
