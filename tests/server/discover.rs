//! Reading the catalog and health over HTTP: services of files and of registrations alike.

use serde_json::{Value, json};

use crate::support::http::Response;
use crate::support::server::{Server, TestServer};

const FILE: &str = r#"
[[service]]
name = "db"
tags = ["sql"]
meta = { team = "data" }

[[service.instance]]
id = "db-1"
address = "10.0.0.9"
port = 5432
weights = { passing = 10, warning = 1 }

[[service.instance]]
id = "db-2"
address = ["10.0.0.10", "2001:db8::10"]
"#;

/// A server whose node is called n1, with two services of a file and two registered.
fn server() -> Server {
    let setup = TestServer::with("db.toml", FILE);
    setup.configure("[consul]\nnode = \"n1\"\nnode_address = \"192.0.2.1\"\n");
    let server = setup.start();
    for (id, tags, status) in
        [("Web-1", json!(["V1", "blue"]), "passing"), ("web-2", json!(["v1"]), "critical")]
    {
        let body = json!({
            "ID": id, "Name": "web", "Tags": tags, "Address": "10.0.0.1", "Port": 8080,
            "Check": { "TTL": "1h", "Status": status },
        });
        let answer = server.put("/v1/agent/service/register", &body.to_string());
        assert_eq!((answer.status, &*answer.body), (200, ""));
    }
    server
}

/// The values at `pointer` in each entry of a list.
fn each(answer: &Response, pointer: &str) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let all = answer.json();
    all.as_array().unwrap().iter().map(|entry| entry.pointer(pointer).unwrap().clone()).collect()
}

#[test]
fn an_entry_of_the_catalog_has_every_field_in_consuls_order() {
    let server = server();
    let answer = server.get("/v1/catalog/service/db");
    let index = answer.header("X-Consul-Index").unwrap().to_owned();
    let version = env!("CARGO_PKG_VERSION");
    let id = server.get("/v1/agent/self").json()["Config"]["NodeID"].as_str().unwrap().to_owned();
    let wanted = format!(
        "{{\"ID\":\"{id}\",\"Node\":\"n1\",\"Address\":\"192.0.2.1\",\"Datacenter\":\"dc1\",\
         \"TaggedAddresses\":{{\"lan\":\"192.0.2.1\",\"lan_ipv4\":\"192.0.2.1\",\
         \"wan\":\"192.0.2.1\",\"wan_ipv4\":\"192.0.2.1\"}},\
         \"NodeMeta\":{{\"livezone-version\":\"{version}\",\
         \"livezone-zone\":\"service.internal.\"}},\
         \"ServiceKind\":\"\",\"ServiceID\":\"db-1\",\"ServiceName\":\"db\",\
         \"ServiceTags\":[\"sql\"],\"ServiceAddress\":\"10.0.0.9\",\
         \"ServiceWeights\":{{\"Passing\":10,\"Warning\":1}},\
         \"ServiceMeta\":{{\"team\":\"data\"}},\"ServicePort\":5432,\
         \"ServiceEnableTagOverride\":false,\"ServiceProxy\":{{}},\"ServiceConnect\":{{}},\
         \"CreateIndex\":{index},\"ModifyIndex\":{index}}}"
    );
    assert!(answer.body.starts_with(&format!("[{wanted},")), "{}\n{wanted}", answer.body);
    let both = &answer.json()[1]["ServiceTaggedAddresses"];
    assert_eq!(both["lan_ipv6"], json!({ "Address": "2001:db8::10", "Port": 0 }));
}

#[test]
fn health_and_catalog_have_the_same_instances_in_the_same_order() {
    let server = server();
    for name in ["web", "WEB", "db"] {
        let catalog = each(&server.get(&format!("/v1/catalog/service/{name}")), "/ServiceID");
        let health = each(&server.get(&format!("/v1/health/service/{name}")), "/Service/ID");
        assert_eq!((catalog.len(), catalog), (2, health), "{name}");
    }
    let web = server.get("/v1/health/service/web").json();
    assert_eq!(web[0]["Service"]["ID"], "Web-1", "as it was written");
    assert_eq!(web[0]["Service"]["Tags"], json!(["V1", "blue"]));
    assert_eq!(web[0]["Service"]["Meta"], Value::Null);
    assert_eq!(web[0]["Node"]["Address"], "192.0.2.1");
    let checks = web[1]["Checks"].as_array().unwrap();
    let said: Vec<_> = checks.iter().map(|check| (&check["CheckID"], &check["Status"])).collect();
    let wanted =
        [(&json!("serfHealth"), &json!("passing")), (&json!("service:web-2"), &json!("critical"))];
    assert_eq!(said, wanted);
}

#[test]
fn passing_and_tags_choose_instances() {
    let server = server();
    for (query, ids) in [
        ("", &["Web-1", "web-2"][..]),
        ("?passing", &["Web-1"]),
        ("?passing=1", &["Web-1"]),
        ("?passing=false", &["Web-1", "web-2"]),
        ("?tag=v1", &["Web-1", "web-2"]),
        ("?tag=v1&tag=Blue", &["Web-1"]),
        ("?tag=green", &[]),
        ("?node-meta=livezone-zone:service.internal.", &["Web-1", "web-2"]),
        ("?node-meta=rack:7", &[]),
        ("?near=_agent&dc=dc1&stale&filter=", &["Web-1", "web-2"]),
        ("?filter=Checks.Status==critical", &["web-2"]),
        ("?filter=Service.ID%20matches%20%22^W%22", &["Web-1"]),
    ] {
        let answer = server.get(&format!("/v1/health/service/web{query}"));
        assert_eq!(each(&answer, "/Service/ID"), ids, "{query}");
    }
}

#[test]
fn what_is_not_there_is_empty_and_never_an_error() {
    let server = server();
    for (path, body) in [
        ("/v1/catalog/service/none", "[]"),
        ("/v1/health/service/none?passing", "[]"),
        ("/v1/health/checks/none", "[]"),
        ("/v1/health/state/sleepy", "[]"),
        ("/v1/health/node/none", "[]"),
        ("/v1/catalog/node/none", "null"),
    ] {
        let answer = server.get(path);
        assert_eq!((answer.status, &*answer.body), (200, body), "{path}");
        assert!(answer.header("X-Consul-Index").unwrap().parse::<u64>().unwrap() > 0, "{path}");
    }
    for (path, status, words) in [
        ("/v1/catalog/services?dc=dc2", 500, "No path to datacenter"),
        ("/v1/health/service/web?stale&consistent", 400, "conflicting semantics"),
        ("/v1/health/service/web?cached&consistent", 400, "conflicting semantics"),
        ("/v1/catalog/nodes?ns=a", 400, "Namespaces"),
        ("/v1/catalog/nodes?filter=Service==web", 400, "Selector \"Service\" is not valid"),
        ("/v1/catalog/services?filter=ID==a", 400, "this answer is not filtered"),
        ("/v1/acl/token/self", 401, "ACL support disabled"),
        ("/v1/kv/a", 404, ""),
        ("/v1/session/list", 404, "Invalid URL path"),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.body.contains(words), "{path}: {}", answer.body);
    }
    assert_eq!(server.put("/v1/kv/a", "b").status, 403);
    assert_eq!(server.put("/v1/catalog/register", "{}").status, 400);
}

#[test]
fn services_nodes_and_checks_are_listed() {
    let server = server();
    let services = server.get("/v1/catalog/services");
    assert_eq!(services.body, r#"{"db":["sql"],"web":["V1","blue","v1"]}"#);
    assert_eq!(each(&server.get("/v1/catalog/nodes"), "/Node"), ["n1"]);
    let node = server.get("/v1/catalog/node/n1?pretty").json();
    let ids: Vec<_> = node["Services"].as_object().unwrap().keys().collect();
    assert_eq!(node["Node"]["Node"], "n1");
    assert_eq!(ids, ["Web-1", "db-1", "db-2", "web-2"]);
    let checks = |path: &str| each(&server.get(path), "/CheckID");
    assert_eq!(checks("/v1/health/checks/web"), ["service:Web-1", "service:web-2"]);
    assert_eq!(checks("/v1/health/state/critical"), ["service:web-2"]);
    let all = ["serfHealth", "service:Web-1", "service:web-2"];
    assert_eq!(checks("/v1/health/state/any"), all);
    assert_eq!(checks("/v1/health/node/n1"), all);
}

#[test]
fn answers_say_what_they_stand_for() {
    let server = server();
    let answer = server.get("/v1/health/service/web?stale&cached");
    for (header, value) in [
        ("X-Consul-KnownLeader", "true"),
        ("X-Consul-LastContact", "0"),
        ("X-Consul-Effective-Consistency", "stale"),
        ("X-Cache", "HIT"),
        ("Content-Type", "application/json"),
    ] {
        assert_eq!(answer.header(header), Some(value), "{header}");
    }
    let plain = server.get("/v1/catalog/services");
    assert_eq!(plain.header("X-Consul-Effective-Consistency"), Some("leader"));
    assert_eq!(plain.header("X-Cache"), None);
}

#[test]
fn an_order_stands_among_the_checks_and_decides() {
    let server = server();
    let order = |path: &str| {
        let answer = server.put(&format!("/v1/livezone/{path}"), "");
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let last = |id: &str| {
        let all = server.get("/v1/health/service/web").json();
        let entry = all.as_array().unwrap().iter().find(|e| e["Service"]["ID"] == id).unwrap();
        entry["Checks"].as_array().unwrap().last().unwrap().clone()
    };
    let passing = || each(&server.get("/v1/health/service/web?passing"), "/Service/ID");
    order("maintenance/web/Web-1?enable=true&reason=disk");
    let check = last("Web-1");
    assert_eq!(
        (&check["CheckID"], &check["Notes"]),
        (&json!("_service_maintenance:Web-1"), &json!("disk (by 127.0.0.1)"))
    );
    assert_eq!(passing(), [] as [&str; 0]);
    order("maintenance/web/Web-1?enable=false");
    order("force/web/Web-1?state=down&reason=test");
    let check = last("Web-1");
    assert_eq!(
        (&check["CheckID"], &check["Status"]),
        (&json!("_livezone:Web-1"), &json!("critical"))
    );
    order("force/web/web-2?state=up&reason=test");
    assert_eq!(last("web-2")["Status"], "passing", "it is served");
    assert_eq!(passing(), ["web-2"]);
}
