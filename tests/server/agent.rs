//! What was measured on Consul 1.10.0, and Nomad's calls: each as a request to the whole server.

use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::server::{Server, TestServer};

const REGISTER: &str = "/v1/agent/service/register";
const CHECK: &str = "/v1/agent/check/register";

fn put(server: &Server, path: &str, body: &Value) -> Response {
    server.put(path, &body.to_string())
}

fn register(server: &Server, body: &Value) {
    let answer = put(server, REGISTER, body);
    assert_eq!((answer.status, &*answer.body), (200, ""), "{body}");
}

fn check(server: &Server, id: &str) -> Value {
    server.get("/v1/agent/checks").json()[id].clone()
}

#[test]
fn a_checks_id_may_be_called_either_way_everywhere() {
    let server = TestServer::new().start();
    let checks = json!([
        { "CheckID": "a", "TTL": "1h" }, { "ID": "b", "TTL": "1h" }, { "check_id": "c", "ttl": "1h" },
    ]);
    register(&server, &json!({ "Name": "web", "Checks": checks }));
    for body in [
        json!({ "ID": "d", "Name": "d", "ServiceID": "web", "TTL": "1h" }),
        json!({ "CheckID": "e", "Name": "e", "service_id": "web", "TTL": "1h" }),
        json!({ "Name": "f", "serviceid": "web", "TTL": "1h" }),
    ] {
        assert_eq!(put(&server, CHECK, &body).status, 200, "{body}");
    }
    for id in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(check(&server, id)["ServiceID"], "web", "{id}");
    }
}

#[test]
fn a_service_registered_again_keeps_what_its_checks_have_found() {
    let server = TestServer::new().start();
    let body = |notes: &str, status: &str| {
        json!({ "Name": "web", "Address": "10.0.0.1", "Check":
            { "TTL": "1h", "Notes": notes, "Name": notes, "Status": status } })
    };
    register(&server, &body("one", "critical"));
    assert_eq!(server.put("/v1/agent/check/pass/service:web?note=well", "").body, "");
    register(&server, &body("two", "critical"));
    let kept = check(&server, "service:web");
    assert_eq!((&kept["Status"], &kept["Output"]), (&"passing".into(), &"well".into()));
    assert_eq!((&kept["Notes"], &kept["Name"]), (&"two".into(), &"two".into()));
}

#[test]
fn what_is_left_out_is_read_as_consul_shows_it() {
    let server = TestServer::new().start();
    register(&server, &json!({ "Name": "web", "Check": {}, "Weights": { "Passing": 3 } }));
    let web = server.get("/v1/agent/services").json()["web"].clone();
    let wanted = json!({
        "ID": "web", "Service": "web", "Tags": [], "Meta": {}, "Port": 0, "Address": "",
        "Weights": { "Passing": 3, "Warning": 0 }, "EnableTagOverride": false, "Datacenter": "dc1",
    });
    assert_eq!(web, wanted);
    assert_eq!(server.get("/v1/agent/checks").body, "{}");
}

#[test]
fn checks_that_livezone_does_not_run_refuse_the_whole_registration() {
    let server = TestServer::new().start();
    for (kind, words) in [
        (json!({ "UDP": "localhost:1", "Interval": "1s" }), "udp"),
        (json!({ "H2PING": "localhost:1", "Interval": "1s" }), "h2ping"),
        (json!({ "OSService": "sshd", "Interval": "1s" }), "os_service"),
        (json!({ "Args": ["/bin/true"], "Interval": "1s" }), "Scripts"),
        (json!({ "ScriptArgs": ["/bin/true"], "Interval": "1s" }), "Scripts"),
        (json!({ "DockerContainerID": "a", "Args": ["b"], "Interval": "1s" }), "Scripts"),
        (json!({ "Script": "true", "Interval": "1s" }), "unknown key"),
        (json!({ "TTL": "1h", "Status": "fine" }), "fine"),
    ] {
        let answer = put(&server, REGISTER, &json!({ "Name": "web", "Check": kind }));
        assert!(answer.status == 400 && answer.body.contains(words), "{kind}: {answer:?}");
    }
    assert_eq!(server.get("/v1/agent/services").body, "{}");
}

#[test]
fn a_check_of_the_node_counts_for_every_instance_that_was_registered() {
    let file = "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.0.1\"\n";
    let server = Server::with("web.toml", file);
    for n in 2..=3 {
        let (id, address) = (format!("web-{n}"), format!("10.0.0.{n}"));
        register(&server, &json!({ "ID": id, "Name": "web", "Address": address }));
    }
    assert_eq!(server.addresses("web").len(), 3);
    let disk = json!({ "ID": "disk", "Name": "disk", "TTL": "1h", "Status": "passing" });
    assert_eq!(put(&server, CHECK, &disk).body, "");
    assert_eq!(server.addresses("web").len(), 3);
    assert_eq!(server.put("/v1/agent/check/fail/disk?note=full", "").status, 200);
    assert_eq!(server.addresses("web").len(), 1, "the file's instance has no such check");
    let node = check(&server, "disk");
    assert_eq!((&node["Status"], &node["ServiceID"]), (&"critical".into(), &"".into()));
    let health = server.get("/v1/agent/health/service/id/web-2");
    assert_eq!((health.status, &health.json()["Checks"][0]["CheckID"]), (503, &"disk".into()));
    assert_eq!(server.put("/v1/agent/check/deregister/disk", "").status, 200);
    assert_eq!(server.addresses("web").len(), 3);
}

/// What Nomad compares with its own, every half minute.
const COMPARED: [&str; 7] =
    ["ID", "Port", "Address", "Service", "EnableTagOverride", "Meta", "Tags"];

#[test]
fn nomad_finds_what_it_wrote_and_writes_nothing_more() {
    let server = TestServer::new().start();
    let own = server.get("/v1/agent/self").json();
    assert!(own["Config"]["Version"].as_str().unwrap().starts_with("1."), "{own}");
    let id = "_nomad-task-8f3c5a6e-2f0b-11ef-9262-0242ac120002-group-web-web-http";
    let service = json!({
        "ID": id, "Name": "web", "Tags": ["b", "a"], "Port": 23_917, "Address": "10.9.8.7",
        "Meta": { "external-source": "nomad" }, "EnableTagOverride": false,
        "Check": null, "Checks": null,
    });
    let alive = json!({
        "ID": "_nomad-check-b23b2a0d8ae2f7f1d9c1e9b4a63d0d4d5e5c9a7e", "Name": "alive",
        "ServiceID": id, "TCP": "10.9.8.7:23917", "Interval": "1h", "Timeout": "2s",
        "Status": "critical", "Header": {}, "GRPCUseTLS": false, "TLSSkipVerify": false,
        "SuccessBeforePassing": 0, "FailuresBeforeCritical": 0, "FailuresBeforeWarning": 0,
    });
    let beats = json!({ "ID": "_nomad-check-ttl", "Name": "ttl", "ServiceID": id, "TTL": "41s" });
    let sync = || {
        register(&server, &service);
        for check in [&alive, &beats] {
            assert_eq!(put(&server, CHECK, check).status, 200, "{check}");
        }
        let beat = json!({ "Status": "passing", "Output": "ok" });
        assert_eq!(put(&server, "/v1/agent/check/update/_nomad-check-ttl", &beat).status, 200);
        server.get("/v1/agent/services?filter=&ns=").json()[id].clone()
    };
    let read = sync();
    for key in COMPARED {
        let written = if key == "Service" { "Name" } else { key };
        assert_eq!(read[key], service[written], "{key}");
    }
    assert_eq!(read.get("Kind"), None);
    assert_eq!(server.get("/v1/agent/checks").json().as_object().unwrap().len(), 2);
    let generation = || server.metric("livezone_snapshot_generation", &[]);
    let before = generation();
    assert_eq!((sync(), generation()), (read, before), "the same again");
    for path in [format!("service/deregister/{id}"), "check/deregister/gone".to_owned()] {
        let status = server.put(&format!("/v1/agent/{path}"), "").status;
        assert_eq!(status, if path.ends_with("gone") { 404 } else { 200 }, "{path}");
    }
    assert_eq!(server.get("/v1/agent/checks").body, "{}", "its checks go with a service");
}

#[test]
fn a_filter_leaves_out_what_it_does_not_match() {
    let server = TestServer::new().start();
    let check = json!({ "TTL": "1h", "Status": "passing" });
    let meta = json!({ "version": "2" });
    register(
        &server,
        &json!({ "Name": "web", "Port": 80, "Tags": ["v1"], "Meta": meta, "Check": check }),
    );
    register(&server, &json!({ "Name": "db", "Check": { "TTL": "1h" } }));
    let asked = |list: &str, filter: &str| {
        let filter = filter.replace(' ', "%20").replace('"', "%22");
        server.get(&format!("/v1/agent/{list}?filter={filter}"))
    };
    for (list, filter, wanted) in [
        ("services", "v1 in Tags and Meta.version == 2", vec!["web"]),
        ("services", "Meta.version != \"2\" or Service == web", vec!["db", "web"]),
        ("services", "Port == 81", vec![]),
        ("checks", "Status == critical", vec!["service:db"]),
        ("checks", "ServiceTags is not empty", vec!["service:web"]),
    ] {
        let found = asked(list, filter).json();
        let ids: Vec<&String> = found.as_object().unwrap().keys().collect();
        assert_eq!(ids, wanted, "{filter}");
    }
    let refused = asked("services", "Tag == v1");
    let words = "Failed to create boolean expression evaluator: at character 1: Selector \"Tag\" is \
                 not valid: did you mean \"Tags\"?";
    assert_eq!((refused.status, &*refused.body), (400, words));
}
