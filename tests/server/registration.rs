//! Services that register themselves over HTTP, as clients of Consul send it, and DNS that knows
//! them as soon as they are answered.

use std::process::Command;
use std::thread;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::backend::Backend;
use crate::support::http::{self, Response};
use crate::support::needs;
use crate::support::server::{Server, TestServer};

const REGISTER: &str = "/v1/agent/service/register";

/// Registers what must be taken.
fn register(server: &Server, body: &Value) {
    let answer = server.put(REGISTER, &body.to_string());
    assert_eq!((answer.status, &*answer.body), (200, ""), "{body}");
}

fn refused(answer: &Response, status: u16, words: &str) {
    assert!(answer.status == status && answer.body.contains(words), "{words:?}: {answer:?}");
}

#[test]
fn a_question_asked_after_the_answer_sees_what_was_registered() {
    let server = TestServer::new().start();
    for n in 1..=20 {
        let (id, address) = (format!("web-{n}"), format!("10.0.0.{n}"));
        register(&server, &json!({ "ID": id, "Name": "web", "Tags": ["v1"], "Address": address }));
        assert_eq!(server.addresses(&format!("{id}.web")).len(), 1);
        assert_eq!(server.addresses("v1.web").len(), n);
        register(&server, &json!({ "ID": id, "Name": "web", "Address": address }));
        assert_eq!(server.addresses("v1.web").len(), n - 1);
        register(&server, &json!({ "ID": id, "Name": "web", "Tags": ["v1"], "Address": address }));
    }
    for n in (1..=20).rev() {
        let answer = server.put(&format!("/v1/agent/service/deregister/web-{n}"), "");
        assert_eq!((answer.status, &*answer.body), (200, ""));
        assert_eq!(server.addresses("web").len(), n - 1);
    }
    assert_eq!(server.ask("web", RecordType::A).metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn the_registrations_of_go_java_and_curl_are_answered_under_their_tag() {
    let test = "the_registrations_of_go_java_and_curl_are_answered_under_their_tag";
    let server = TestServer::new().start();
    let backends = Backend::several(3);
    let [go, java, curl] = &backends[..] else { panic!("three backends") };
    register(
        &server,
        &json!({
            "ID": "user-service-1", "Name": "user-service", "Tags": ["v1", "primary"],
            "Port": go.address.port(), "Address": go.address.ip(), "Check": {
                "Interval": "10s", "Timeout": "5s",
                "HTTP": format!("http://{}/health", go.address),
            }, "Checks": null,
        }),
    );
    server.answers("v1.user-service", &["127.0.0.2"]);
    register(
        &server,
        &json!({
            "ID": "user-service-8080", "Name": "user-service", "Tags": ["v1", "secure=false"],
            "Address": java.address.ip(), "Port": java.address.port(),
            "Meta": { "secure": "false" }, "Check": {
                "HTTP": format!("http://{}/actuator/health", java.address),
                "Header": {}, "Interval": "10s", "DeregisterCriticalServiceAfter": "1m",
            },
        }),
    );
    server.answers("v1.user-service", &["127.0.0.2", "127.0.0.3"]);
    if !needs::programs(test, &["curl"]) {
        return;
    }
    let file = json!({ "service": {
        "id": "user-3", "name": "user-service", "tags": ["v1"], "enable_tag_override": false,
        "address": curl.address.ip(), "port": curl.address.port(),
        "check": { "http": format!("http://{}/", curl.address), "interval": "10s" },
    } });
    std::fs::write(server.setup.path().join("consul-service.json"), file.to_string()).unwrap();
    let url = format!("http://{}{REGISTER}", server.http());
    let arguments = ["-fsS", "-X", "PUT", "-d", "@consul-service.json", &url];
    let printed =
        Command::new("curl").args(arguments).current_dir(server.setup.path()).output().unwrap();
    assert!(printed.status.success() && printed.stdout.is_empty(), "{printed:?}");
    server.answers("v1.user-service", &["127.0.0.2", "127.0.0.3", "127.0.0.4"]);
}

#[test]
fn what_was_registered_is_read_as_it_was_written_also_after_a_kill() {
    let server = TestServer::new().start();
    let written = json!({
        "ID": "_nomad-task-5a1/web:80", "Name": "Web", "Tags": ["V1", "a.b", "traefik.rule=Host(`x`)"],
        "Meta": { "External-Source": "nomad" }, "Port": 23_456, "Address": "10.1.2.3",
        "TaggedAddresses": { "wan": { "Address": "198.51.100.7", "Port": 80 } },
        "Weights": { "Passing": 7, "Warning": 0 }, "EnableTagOverride": true,
        "Checks": [{ "Name": "alive", "TCP": "10.1.2.3:23456", "Interval": "1h", "Notes": "n" }],
    });
    register(&server, &written);
    let mut wanted = written.clone();
    let fields = wanted.as_object_mut().unwrap();
    fields.remove("Checks");
    let name = fields.remove("Name").unwrap();
    fields.insert("Service".to_owned(), name);
    fields.insert("Datacenter".to_owned(), "dc1".into());
    let path = "/v1/agent/service/_nomad-task-5a1/web:80";
    let as_written = |server: &Server| {
        let services = server.get("/v1/agent/services").json();
        assert_eq!(services, json!({ "_nomad-task-5a1/web:80": wanted }));
        let pretty = server.get("/v1/agent/services?pretty");
        assert_eq!(pretty.json(), services);
        assert!(pretty.body.contains("\n        \"Tags\": ["), "{}", pretty.body);
        let one = server.get(path);
        assert_eq!(one.json()["ContentHash"], one.header("X-Consul-ContentHash").unwrap());
        let check = &server.get("/v1/agent/checks").json()["service:_nomad-task-5a1/web:80"];
        assert_eq!((&check["Name"], &check["Type"]), (&"alive".into(), &"tcp".into()));
        assert_eq!((&check["Notes"], &check["ServiceName"]), (&"n".into(), &"Web".into()));
        one.header("X-Consul-ContentHash").unwrap().to_owned()
    };
    let hash = as_written(&server);
    let generation = |server: &Server| server.metric("livezone_snapshot_generation", &[]);
    let before = (generation(&server), server.serial());
    register(&server, &written);
    assert_eq!((generation(&server), server.serial()), before, "the same again changes nothing");
    let server = server.restart(Signal::SIGKILL);
    assert_eq!(as_written(&server), hash);
}

#[test]
fn a_client_with_the_hash_waits_for_another() {
    let server = TestServer::new().start();
    let body = |port: u16| json!({ "ID": "web-1", "Name": "web", "Port": port });
    register(&server, &body(80));
    let one = "/v1/agent/service/web-1";
    let hash = server.get(one).json()["ContentHash"].as_str().unwrap().to_owned();
    let over = server.get(&format!("{one}?hash={hash}&wait=10ms"));
    assert_eq!((over.status, over.json()["ContentHash"].as_str()), (200, Some(&*hash)));
    assert_eq!(server.get(&format!("{one}?hash=other&wait=5m")).status, 200, "at once");
    let waits = format!("{one}?hash={hash}&wait=5m");
    thread::scope(|scope| {
        let asked = scope.spawn(|| http::get(server.http(), &waits).unwrap());
        let gone = scope.spawn(|| {
            register(&server, &json!({ "ID": "db-1", "Name": "db" }));
            register(&server, &body(81));
        });
        gone.join().unwrap();
        assert_eq!(asked.join().unwrap().json()["Port"], 81);
    });
}

#[test]
fn a_service_asks_how_it_stands() {
    let server = TestServer::new().start();
    let mut backend = Backend::start("127.0.0.2");
    let (ip, port) = (backend.address.ip(), backend.address.port());
    register(
        &server,
        &json!({
            "ID": "web-1", "Name": "web", "Address": ip, "Port": port,
            "Check": { "HTTP": format!("http://localhost:{port}/"), "Interval": "50ms", "Timeout": "50ms" },
        }),
    );
    register(&server, &json!({ "ID": "web-2", "Name": "web", "Address": "10.0.0.2" }));
    server.answers("web", &["10.0.0.2", "127.0.0.2"]);
    let (one, all) = ("/v1/agent/health/service/id/web-1", "/v1/agent/health/service/name/web");
    let health = server.get(one);
    assert_eq!((health.status, health.header("X-Consul-Reason")), (200, Some("passing")));
    let body = health.json();
    assert_eq!(body["AggregatedStatus"], "passing");
    assert_eq!(
        (&body["Service"]["ID"], &body["Checks"][0]["Status"]),
        (&"web-1".into(), &"passing".into())
    );
    assert_eq!(server.get(all).json().as_array().unwrap().len(), 2);
    let text = server.get(&format!("{one}?format=text"));
    assert_eq!((text.status, &*text.body), (200, "passing"));
    backend.kill();
    server.answers("web", &["10.0.0.2"]);
    for path in [one, all] {
        let ill = server.get(&format!("{path}?format=text"));
        assert_eq!((ill.status, &*ill.body), (503, "critical"), "{path}");
    }
    let check = server.get("/v1/agent/checks").json()["service:web-1"].clone();
    assert_eq!(check["Status"], "critical");
    assert!(check["Output"].as_str().unwrap().contains("refused"), "{check}");
    for unknown in ["id/nothing", "name/nothing"] {
        assert_eq!(server.get(&format!("/v1/agent/health/service/{unknown}")).status, 404);
    }
}

#[test]
fn checks_come_and_go_beside_their_service() {
    let server = TestServer::new().start();
    let checks = || {
        let checks = server.get("/v1/agent/checks").json();
        checks.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let body = json!({ "ID": "web-1", "Name": "web", "Address": "127.0.0.2", "Port": 9,
        "Check": { "TCP": "localhost:9", "Interval": "1h" } });
    register(&server, &body);
    let extra = json!({ "ID": "extra", "Name": "extra", "ServiceID": "web-1", "Interval": "1h",
        "TCP": "localhost:9" });
    let answer = server.put("/v1/agent/check/register", &extra.to_string());
    assert_eq!((answer.status, &*answer.body), (200, ""));
    assert_eq!(checks(), ["extra", "service:web-1"]);
    register(&server, &body);
    assert_eq!(checks(), ["extra", "service:web-1"], "a registration keeps others' checks");
    let replace = |how: &str| server.put(&format!("{REGISTER}?{how}"), &body.to_string()).status;
    assert_eq!((replace("replace-existing-checks=1"), checks().len()), (200, 2), "not to Consul");
    assert_eq!((replace("replace-existing-checks"), checks().len()), (200, 1));
    server.put("/v1/agent/check/register", &extra.to_string());
    assert_eq!(server.put("/v1/agent/check/deregister/extra", "").status, 200);
    assert_eq!(checks(), ["service:web-1"]);
    let of_nobody =
        json!({ "Name": "x", "ServiceID": "nobody", "TCP": "localhost:9", "Interval": "1s" });
    refused(
        &server.put("/v1/agent/check/register", &of_nobody.to_string()),
        404,
        "Unknown service ID \"nobody\"",
    );
}

#[test]
fn what_a_file_holds_is_not_registered_over_it() {
    let file = "[[service]]\nname = \"web\"\n[[service.instance]]\nid = \"web-1\"\n\
                address = \"10.0.0.1\"\n";
    let server = Server::with("web.toml", file);
    let body = json!({ "ID": "web-1", "Name": "web", "Address": "10.0.0.2" });
    refused(&server.put(REGISTER, &body.to_string()), 409, "web.toml");
    refused(&server.put("/v1/agent/service/deregister/web-1", ""), 409, "web.toml");
    assert_eq!(server.get("/v1/agent/services").body, "{}");
    register(&server, &json!({ "ID": "web-2", "Name": "web", "Address": "10.0.0.2" }));
    server.answers_within("web", &["10.0.0.1", "10.0.0.2"], Duration::ZERO);
}

#[test]
fn an_id_that_differs_in_case_only_is_refused_in_the_same_service() {
    let server = Server::with("empty.toml", "");
    let body = |id: &str, name: &str| json!({ "ID": id, "Name": name, "Address": "10.0.0.2" });
    register(&server, &body("Cc", "web"));
    refused(&server.put(REGISTER, &body("cC", "Web").to_string()), 400, "differs");
    register(&server, &body("cC", "other"));
    register(&server, &body("Cc", "web"));
}

#[test]
fn checks_connect_where_the_configuration_lets_them() {
    let fixture = TestServer::new();
    fixture.configure("[http]\ncheck_networks = [\"127.0.9.0/24\"]\n");
    let server = fixture.start();
    let body = |url: &str| {
        json!({ "ID": "web-1", "Name": "web", "Address": "10.0.0.2", "Port": 80,
            "Check": { "HTTP": url, "Interval": "1h" } })
    };
    for url in ["http://169.254.169.254/latest", "http://10.0.0.3/", "http://[::ffff:a9fe:a9fe]/"] {
        refused(&server.put(REGISTER, &body(url).to_string()), 400, "heck");
    }
    let script = json!({ "Name": "web", "Check": { "Args": ["/bin/true"], "Interval": "1s" } });
    refused(&server.put(REGISTER, &script.to_string()), 400, "Scripts are disabled");
    assert_eq!(server.get("/v1/agent/services").body, "{}", "nothing is left of them");
    register(&server, &body("http://127.0.9.1/"));
    register(&server, &body("http://10.0.0.2:81/"));
}

#[test]
fn registrator_is_answered_as_it_needs() {
    let server = TestServer::new().start();
    assert_eq!(server.get("/v1/status/leader").status, 200);
    let id = "host:web_1:80";
    register(
        &server,
        &json!({ "ID": id, "Name": "web", "Port": 32_768, "Tags": [], "Address": "10.0.0.5",
            "Meta": null, "Check": {} }),
    );
    assert!(server.get("/v1/agent/services").json()[id]["Tags"].is_array());
    assert_eq!(server.put(&format!("/v1/agent/service/deregister/{id}"), "").status, 200);
    let path = format!("/v1/kv/service_attribute/attributes/{id}?recurse");
    let deleted = http::send(server.http(), "DELETE", &path, "").unwrap();
    assert_eq!((deleted.status, &*deleted.body), (200, "true"));
    assert_eq!(server.ask("web", RecordType::A).metadata.response_code, ResponseCode::NXDomain);
}

#[test]
fn many_clients_at_once_are_each_answered() {
    let server = TestServer::new().start();
    thread::scope(|scope| {
        for client in 0..8 {
            let server = &server;
            scope.spawn(move || {
                for n in 0..25 {
                    let address = format!("10.0.{client}.{n}");
                    let id = format!("web-{client}-{n}");
                    register(server, &json!({ "ID": id, "Name": "web", "Address": address }));
                    assert_eq!(server.addresses(&format!("{id}.web")).len(), 1);
                }
            });
        }
    });
    let services = server.get("/v1/agent/services").json();
    assert_eq!(services.as_object().unwrap().len(), 200);
}

#[test]
fn a_heartbeat_is_seen_by_the_next_question() {
    let server = TestServer::new().start();
    let body = json!({ "ID": "job-1", "Name": "job", "Address": "10.0.0.7",
        "Checks": [{ "TTL": "1h" }, { "CheckID": "own", "TTL": "1h", "Status": "passing" }] });
    register(&server, &body);
    let checks = |id: &str| server.get("/v1/agent/checks").json()[id].clone();
    assert_eq!(checks("service:job-1:1")["Status"], "critical", "until the first beat");
    assert_eq!(
        (&checks("own")["Status"], &checks("own")["Type"]),
        (&"passing".into(), &"ttl".into())
    );
    assert_eq!(server.addresses("job").len(), 0);
    let beat = |path: &str| server.put(&format!("/v1/agent/check/{path}"), "").status;
    for (path, output, status, served) in [
        ("pass/service:job-1:1?note=all+is%20well", "all is well", "passing", 1),
        ("fail/service:job-1:1?note=broken", "broken", "critical", 0),
        ("warn/service:job-1:1", "", "warning", 1),
    ] {
        assert_eq!(beat(path), 200, "{path}");
        assert_eq!(server.addresses("job").len(), served, "{path}");
        let check = checks("service:job-1:1");
        assert_eq!((&check["Output"], &check["Status"]), (&output.into(), &status.into()));
    }
    let long = json!({ "Status": "passing", "Output": "ä".repeat(4096) }).to_string();
    assert_eq!(server.put("/v1/agent/check/update/service:job-1:1", &long).status, 200);
    let output = checks("service:job-1:1")["Output"].as_str().unwrap().to_owned();
    assert!(output.ends_with("ä ... (captured 4096 of 8192 bytes)"), "{output}");
    for path in ["pass/nobody", "pass/own2"] {
        let answer = server.put(&format!("/v1/agent/check/{path}"), "");
        refused(&answer, 404, "does not have associated TTL");
    }
    register(&server, &body);
    assert_eq!(checks("service:job-1:1")["Status"], "passing", "it stays as it was");
}

#[test]
fn bodies_that_nobody_means_well_are_refused_and_nothing_is_left_of_them() {
    let server = TestServer::new().start();
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        format!("{{\"Name\":\"web\",\"Proxy\":{open}{close}}}")
    };
    for (body, status) in [
        (nested(100), 400),
        (nested(100_000), 400),
        ("{\"Name\":\"web\",\"Meta\":{\"a\":\"".to_owned() + &"x".repeat(300_000) + "\"}}", 413),
        (r#"{"Name":"web","Name":"api"}"#.to_owned(), 400),
        (r#"{"Name":"web","ID":"a\u0000b"}"#.to_owned(), 400),
        (r#"{"Name":"web","ID":"a\r\nSet-Cookie: b"}"#.to_owned(), 400),
        (r#"{"Name":"web\u0000"}"#.to_owned(), 400),
        (r#"{"Name":"web","Check":{"HTTP":"http://localhost/\r\nX: y","Interval":"1s"}}"#.to_owned(), 400),
        (r#"{"Name":"web","Check":{"HTTP":"/","Header":{"X":["a\r\nb"]},"Interval":"1s"}}"#.to_owned(), 400),
        (r#"{"Name":"web","Check":{"HTTP":"/","Method":"GET / HTTP/1.1\r\n\r\n","Interval":"1s"}}"#.to_owned(), 400),
        (r#"{"Name":"web","Port":99999}"#.to_owned(), 400),
        (r#"{"Name":"web","Port":1e400}"#.to_owned(), 400),
        (r#"{"Name":"web","Tags":{"a":1}}"#.to_owned(), 400),
        ("\u{feff}{\"Name\"".to_owned(), 400),
    ] {
        let answer = server.put(REGISTER, &body);
        assert_eq!(answer.status, status, "{body:.60}: {answer:?}");
        assert!(!answer.body.contains(['\r', '\0']), "{:?}", answer.body);
    }
    assert_eq!(server.get("/v1/agent/services").body, "{}");
    assert_eq!(server.get("/v1/agent/checks").body, "{}");
    let split = "/v1/agent/health/service/id/a%0d%0aSet-Cookie:%20b";
    let answer = server.get(split);
    assert_eq!((answer.status, answer.header("Set-Cookie")), (404, None));
}

#[test]
fn what_was_answered_survives_a_kill_and_what_was_taken_back_does_not_come_again() {
    let server = TestServer::new().start();
    for n in 1..=3 {
        let address = format!("10.0.0.{n}");
        register(&server, &json!({ "ID": format!("web-{n}"), "Name": "web", "Address": address }));
    }
    let put = |server: &Server, path: &str| assert_eq!(server.put(path, "").status, 200, "{path}");
    put(&server, "/v1/agent/service/maintenance/web-3?enable=true&reason=disk");
    let server = server.restart(Signal::SIGKILL);
    server.answers_within("web", &["10.0.0.1", "10.0.0.2"], Duration::ZERO);
    put(&server, "/v1/agent/service/deregister/web-1");
    put(&server, "/v1/agent/service/maintenance/web-3?enable=false");
    let server = server.restart(Signal::SIGKILL);
    server.answers_within("web", &["10.0.0.2", "10.0.0.3"], Duration::ZERO);
    for n in 2..=3 {
        put(&server, &format!("/v1/agent/service/deregister/web-{n}"));
    }
    assert_eq!(server.ask("web", RecordType::A).metadata.response_code, ResponseCode::NXDomain);
    let server = server.restart(Signal::SIGKILL);
    assert_eq!(server.get("/v1/agent/services").body, "{}");
}

#[test]
fn what_a_heartbeat_said_is_there_after_a_restart() {
    let server = TestServer::new().start();
    let body = json!({ "ID": "job-1", "Name": "job", "Address": "10.0.0.7",
        "Check": { "TTL": "1h" } });
    register(&server, &body);
    for word in ["pass", "fail"] {
        let path = format!("/v1/agent/check/{word}/service:job-1");
        assert_eq!(server.put(&path, "").status, 200);
    }
    let server = server.restart(Signal::SIGTERM);
    assert_eq!(server.addresses("job").len(), 0);
    assert_eq!(server.put("/v1/agent/check/pass/service:job-1?note=well", "").status, 200);
    let server = server.restart(Signal::SIGTERM);
    server.answers_within("job", &["10.0.0.7"], Duration::ZERO);
    let instance =
        server.get("/v1/livezone/services").json()["services"][0]["instances"][0].clone();
    assert_eq!(
        (&instance["state"], &instance["checks"][0]["output"]),
        (&"suspect".into(), &"well".into())
    );
}
