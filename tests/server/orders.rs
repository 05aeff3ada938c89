//! Orders of operators over HTTP: on instances of files and of registrations, in effect at once.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::server::{Server, TestServer};

fn refused(answer: &Response, status: u16, words: &str) {
    assert!(answer.status == status && answer.body.contains(words), "{words:?}: {answer:?}");
}

#[test]
fn orders_go_to_instances_of_any_source() {
    let file = "[[service]]\nname = \"web\"\n[[service.instance]]\nid = \"web-1\"\n\
                address = \"10.0.0.1\"\n";
    let server = Server::with("web.toml", file);
    let body = json!({ "ID": "web-2", "Name": "web", "Address": "10.0.0.2" }).to_string();
    assert_eq!(server.put("/v1/agent/service/register", &body).status, 200);
    let served = |wanted: &[&str]| server.answers_within("web", wanted, Duration::ZERO);
    let order = |path: &str| {
        let answer = server.put(&format!("/v1/{path}"), "");
        assert_eq!((answer.status, &*answer.body), (200, ""), "{path}");
    };
    served(&["10.0.0.1", "10.0.0.2"]);
    order("livezone/maintenance/web/web-1?enable=true&reason=disk");
    served(&["10.0.0.2"]);
    order("agent/service/maintenance/web-2?enable=True");
    served(&[]);
    order("agent/service/maintenance/web-2?enable=false");
    order("livezone/maintenance/web/web-1?enable=0");
    served(&["10.0.0.1", "10.0.0.2"]);
    order("livezone/force/web.service.internal/web-2?state=down&reason=slow&for=1h");
    served(&["10.0.0.1"]);
    order("livezone/force/web/web-2?state=auto");
    order("livezone/drain/web/web-1?reason=upgrade");
    served(&["10.0.0.2"]);
    order("livezone/drain/web/web-1?enable=false");
    served(&["10.0.0.1", "10.0.0.2"]);
    for (path, words) in [
        ("livezone/drain/web/nobody", "nobody"),
        ("livezone/force/nothing/web-1?state=up", "nothing"),
        ("agent/service/maintenance/nobody?enable=true", "nobody"),
    ] {
        refused(&server.put(&format!("/v1/{path}"), ""), 404, words);
    }
}

#[test]
fn maintenance_of_consul_is_shown_as_consul_shows_it_and_survives_a_kill() {
    let server = TestServer::new().start();
    let body = json!({ "ID": "web-1", "Name": "web", "Address": "10.0.0.1" }).to_string();
    assert_eq!(server.put("/v1/agent/service/register", &body).status, 200);
    let switch = |server: &Server, query: &str| {
        let path = format!("/v1/agent/service/maintenance/web-1?{query}");
        assert_eq!(server.put(&path, "").status, 200, "{query}");
    };
    let id = "_service_maintenance:web-1";
    let shown = |server: &Server| server.get("/v1/agent/checks").json()[id].clone();
    switch(&server, "enable=true&reason=new+disk");
    switch(&server, "enable=true&reason=another");
    let server = server.restart(Signal::SIGKILL);
    assert!(server.addresses("web").is_empty());
    let check = shown(&server);
    assert_eq!(
        (&check["Name"], &check["Status"], &check["Notes"]),
        (&"Service Maintenance Mode".into(), &"critical".into(), &"new disk".into())
    );
    let health = server.get("/v1/agent/health/service/id/web-1?format=text");
    assert_eq!((health.status, &*health.body), (503, "maintenance"));
    switch(&server, "enable=false");
    assert_eq!((shown(&server), server.addresses("web").len()), (Value::Null, 1));
    switch(&server, "enable=true");
    assert!(shown(&server)["Notes"].as_str().unwrap().contains("no reason was provided"));
}
