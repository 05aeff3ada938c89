//! Registering and ordering from the shell: each command against a server, and DNS that has
//! followed when it ends.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::support::backend::Backend;
use crate::support::server::{Server, TestServer, livezone, put};

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).unwrap()
}

/// Runs a command that succeeds, and gives what it prints.
fn run(server: &Server, line: &str) -> String {
    let Output { status, stdout, stderr } = server.command(&words(line));
    assert!(status.success() && stderr.is_empty(), "{line}: {}", text(&stderr));
    text(&stdout).to_owned()
}

/// Runs one that fails, and expects words of its error.
fn fails(server: &Server, line: &str, code: i32, wanted: &[&str]) {
    let Output { status, stdout, stderr } = server.command(&words(line));
    let told = text(&stderr);
    assert!(status.code() == Some(code) && stdout.is_empty(), "{line}: {status}: {told}");
    assert!(wanted.iter().all(|words| told.contains(words)), "{line}: {told}");
}

fn words(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

fn answers(server: &Server, name: &str, wanted: &[&str]) {
    server.answers_within(name, wanted, Duration::ZERO);
}

const FILE: &str = "[[service]]\nname = \"web\"\n[[service.instance]]\nid = \"web-1\"\n\
                    address = \"10.0.0.1\"\nport = 80\n";

#[test]
fn what_is_registered_from_the_shell_is_answered_until_it_is_deregistered() {
    let server = TestServer::new().start();
    let told = run(&server, "register --name web --id web-1 --address 10.0.0.1 --tag v1 --port 80");
    assert_eq!(told, "registered web-1 of web\n");
    answers(&server, "v1.web", &["10.0.0.1"]);
    run(&server, "register --name web --address 10.0.0.2 --meta color=red --tag v1 --tag v2");
    answers(&server, "v1.web", &["10.0.0.1", "10.0.0.2"]);
    answers(&server, "v2.web", &["10.0.0.2"]);
    fails(&server, "deregister api web-1", 1, &["\"web-1\" is an instance of \"web\""]);
    fails(&server, "deregister web.other web-1", 1, &["not of \"web.other\""]);
    assert_eq!(run(&server, "deregister WEB web-1"), "deregistered web-1 of WEB\n");
    answers(&server, "web", &["10.0.0.2"]);
    run(&server, "deregister web.service.internal web");
    assert_eq!(server.ask("web", RecordType::A).metadata.response_code, ResponseCode::NXDomain);
    fails(&server, "deregister web web", 1, &["Unknown service ID \"web\"", "livezone status"]);
}

#[test]
fn a_check_named_by_a_flag_decides() {
    let server = TestServer::new().start();
    let mut backends = Backend::several(2);
    for (id, (backend, check)) in ["1", "2"].iter().zip(backends.iter().zip(["--http /", "--tcp"]))
    {
        let (ip, port) = (backend.address.ip(), backend.address.port());
        let flags = format!("--name web --id web-{id} --address {ip} --port {port} {check}");
        run(&server, &format!("register {flags}"));
    }
    server.answers("web", &["127.0.0.2", "127.0.0.3"]);
    backends.iter_mut().for_each(Backend::kill);
    fails(&server, "register --name web --tcp --port 80 --ttl 1s", 2, &["only one of"]);
    fails(&server, "register --name web --ttl soon", 2, &["like 30s"]);
    fails(&server, "register --name web --tcp", 2, &["--port"]);
    fails(&server, "register --name web --http /health", 1, &["port"]);
    fails(&server, "register --id web-1", 2, &["--name"]);
    fails(&server, "register --name a.b --address 10.0.0.1", 1, &["a.b"]);
}

#[test]
fn definition_files_are_registered_in_every_form() {
    let server = TestServer::new().start();
    for (file, definition, name, address) in [
        ("a.json", r#"{"service": {"name": "a", "address": "10.0.0.1"}}"#, "a", "10.0.0.1"),
        ("b.json", r#"{"ID": "b-1", "Name": "b", "Address": "10.0.0.2"}"#, "b", "10.0.0.2"),
        ("c.hcl", "service {\n name = \"c\"\n address = \"10.0.0.3\"\n}\n", "c", "10.0.0.3"),
    ] {
        put(&server.setup.path().join(file), definition);
        run(&server, &format!("register {file}"));
        answers(&server, name, &[address]);
    }
    let several = r#"{"services": [{"name": "d", "address": "10.0.0.4"},
        {"id": "d-2", "name": "d", "address": "10.0.0.5", "checks": [{"ttl": "1h"}]}]}"#;
    let http = server.http().to_string();
    let mut command = livezone();
    let child = command.args(["register", "-", "--http", &http]).stdin(Stdio::piped());
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(several.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let wanted = "registered d of d\nregistered d-2 of d\n\
                  not served before its first heartbeat: livezone pass service:d-2\n";
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), wanted));
    answers(&server, "d", &["10.0.0.4"]);
}

#[test]
fn a_file_with_a_mistake_registers_nothing_and_shows_where() {
    let server = TestServer::new().start();
    for (definition, wanted) in [
        (
            "{\"service\": {\n\"name\": \"a\", \"prot\": 80}}",
            ["bad.json:2:14", "did you mean \"port\""],
        ),
        (
            "{\"service\": {\"name\": \"a\",\n\"check\": {\"tpc\": \"a\"}}}",
            ["bad.json:2:11", "\"tcp\""],
        ),
        ("{\"services\": [{\"name\": \"a\"},\n{\"tags\": [7]}]}", ["bad.json:2:", "string"]),
        (
            "{\"services\": [{\"name\": \"a\"}, {\"id\": \"b\"}]}",
            ["Missing service name", "error: "],
        ),
        (
            "{\"service\": {\"name\": \"a\"},\n\"check\": {\"name\": \"b\"}}",
            ["bad.json:2:1", "\"check\""],
        ),
        ("{}", ["bad.json", "no service"]),
        ("{\"service\"", ["bad.json:1:", "error"]),
    ] {
        put(&server.setup.path().join("bad.json"), definition);
        fails(&server, "register bad.json", 1, &wanted);
    }
    fails(&server, "register none.json", 1, &["cannot read none.json", "No such file"]);
    fails(&server, "register bad.json --ttl 1s", 2, &["cannot be used with", "--ttl"]);
    fails(&server, "register bad.json --tag v1", 2, &["cannot be used with", "--tag"]);
    fails(&server, "register bad.json --http /health", 2, &["write it into the file"]);
    assert_eq!(server.get("/v1/agent/services").body, "{}");
}

#[test]
fn orders_from_the_shell_are_in_force_when_the_command_ends() {
    let server = Server::with("web.toml", FILE);
    run(&server, "register --name web --id web-2 --address 10.0.0.2");
    let both = ["10.0.0.1", "10.0.0.2"];
    let told = run(&server, "drain web web-1 --reason upgrade");
    assert!(told.contains("drained") && told.contains("upgrade"), "{told}");
    assert_eq!(told.lines().count(), 2, "the one instance: {told}");
    answers(&server, "web", &["10.0.0.2"]);
    run(&server, "drain web web-1 --off");
    answers(&server, "web", &both);
    let told = run(&server, "maintenance web.service.internal web-2 --reason disk");
    assert!(told.contains("maintenance: disk (by 127.0.0.1)"), "{told}");
    answers(&server, "web", &["10.0.0.1"]);
    run(&server, "maintenance web web-2 --off");
    let told = run(&server, "force down web web-1 --reason slow --for 1h");
    assert!(told.contains("slow (until 2") && told.contains("by 127.0.0.1)"), "{told}");
    let status = run(&server, "status web");
    assert!(status.contains("slow (until 2") && status.contains("by 127.0.0.1)"), "{status}");
    answers(&server, "web", &["10.0.0.2"]);
    run(&server, "force auto web web-1");
    answers(&server, "web", &both);
    assert!(!run(&server, "status").contains("orders:"));
    run(&server, "register --name job --address 10.0.0.7 --ttl 1h");
    run(&server, "force up job job --reason test --for 0");
    answers(&server, "job", &["10.0.0.7"]);
    run(&server, "force auto job job");
    answers(&server, "job", &[]);
}

#[test]
fn status_shows_every_order_that_stands() {
    let server = Server::with("web.toml", FILE);
    run(&server, "register --name web --id web-2 --address 10.0.0.2");
    run(&server, "maintenance web web-2 --reason disk");
    run(&server, "force up web web-2 --for 0");
    run(&server, "deregister web web-2");
    run(&server, "drain web web-1 --reason upgrade");
    let status = run(&server, "status web");
    let (_, orders) = status.split_once("\norders:\n").unwrap();
    let lines: Vec<Vec<&str>> =
        orders.lines().map(|line| line.split_whitespace().collect()).collect();
    let web = "web.service.internal";
    assert_eq!(lines[1], [web, "web-1", "drained", "taken", "back", "127.0.0.1", "upgrade"]);
    assert_eq!(lines[2], [web, "web-2", "maintenance", "taken", "back", "127.0.0.1", "disk"]);
    assert_eq!(lines[3], [web, "web-2", "forced_up", "taken", "back", "127.0.0.1"]);
    assert_eq!(lines.len(), 4);
    run(&server, "force down web web-2 --for 1h");
    let json = server.get("/v1/livezone/services").json();
    let order = &json["orders"][2];
    assert_eq!((&order["order"], &order["reason"]), (&"forced_down".into(), &"".into()));
    assert!(order["until"].as_str().unwrap().ends_with('Z'), "{order}");
}

#[test]
fn orders_that_cannot_be_given_say_what_to_do() {
    let setup = TestServer::with("web.toml", FILE);
    setup.put_in("other.internal", "web.toml", FILE);
    let server = setup.start();
    let several = ["exists in several zones", "web.other.internal", "web.service.internal"];
    fails(&server, "drain web web-1 --reason x", 1, &several);
    let unknown = ["no instance \"web-9\"", "livezone status"];
    fails(&server, "force down web.other.internal web-9", 1, &unknown);
    fails(&server, "drain web web-1", 2, &["--reason"]);
    fails(&server, "drain web web-1 --off --reason x", 2, &["--off"]);
    fails(&server, "force sideways web web-1", 2, &["down, up, auto"]);
    fails(&server, "force down web web-1 --for 30", 2, &["30m or 4h"]);
    fails(&server, "force auto web web-1 --for 1h", 2, &["auto has no end"]);
    fails(&server, "deregister web web-1", 1, &["web.toml", "change it there"]);
    fails(&server, "register --name web --id web-1 --address 10.0.0.9", 1, &["web.toml"]);
    answers(&server, "web", &["10.0.0.1"]);
}

#[test]
fn heartbeats_from_the_shell_decide() {
    let server = TestServer::new().start();
    let told = run(&server, "register --name job --id job-1 --address 10.0.0.7 --ttl 1h");
    assert!(told.ends_with("livezone pass service:job-1\n"), "{told}");
    answers(&server, "job", &[]);
    for (line, wanted) in [
        ("pass service:job-1", &["10.0.0.7"][..]),
        ("fail service:job-1 --output stuck", &[]),
        ("warn service:job-1 --output slow", &["10.0.0.7"]),
    ] {
        assert_eq!(run(&server, line), "", "{line}");
        answers(&server, "job", wanted);
    }
    assert!(run(&server, "status job").contains("slow"));
    assert!(run(&server, "status --json").contains("\"service:job-1\""));
    fails(&server, "pass job-1", 1, &["\"job-1\"", "livezone status --json"]);
}
