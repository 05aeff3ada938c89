//! Starting, watching, reloading and stopping.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use nix::sys::signal::Signal;

use crate::support::backend::Backend;
use crate::support::server::{Process, Server, TestServer, addresses};
use crate::support::time::{SOON, Stopwatch, becomes, eventually};
use crate::support::{dns, http};

const WEB: &str = "[[service]]\nname = \"web\"\nport = 80\n[[service.instance]]\nid = \"web-1\"\n\
                   address = \"10.0.0.1\"\n";

#[test]
fn the_ready_file_tells_every_address() {
    let server = TestServer::with("web.toml", WEB);
    server.configure("[http]\nobserve = \"127.0.0.1:0\"\n");
    let server = server.start();
    let text = fs::read_to_string(server.setup.path().join("ready")).unwrap();
    let keys: Vec<_> = text.lines().map(|line| line.split_once('=').unwrap().0).collect();
    assert_eq!(keys, ["dns", "http", "observe"]);
    let [dns, http, observe] = ["dns", "http", "observe"].map(|key| addresses(&text, key)[0]);
    assert_eq!(dns::addresses(&dns::udp(dns, "web.service.internal.", RecordType::A)).len(), 1);
    let status = |address, path| http::get(address, path).unwrap().status;
    for path in ["/health/live", "/health/ready", "/metrics"] {
        assert_eq!((status(http, path), status(observe, path)), (200, 200), "{path}");
    }
    // What everybody may see is health and metrics.
    assert_eq!(status(http, "/v1/livezone/services"), 200);
    assert_eq!(status(observe, "/v1/livezone/services"), 404);
    let log = server.process.wait_for_log(&["listening"]);
    for address in [dns, http, observe] {
        assert!(log.contains(&address.to_string()), "{log}");
    }
}

#[test]
fn until_a_services_checks_have_spoken_it_is_not_denied() {
    let backends = Backend::several(1);
    backends[0].stop();
    let server = TestServer::with("free.toml", &WEB.replace("web", "free"));
    server.configure("[health]\nfirst_round = \"4s\"\n");
    let check = "[[service]]\nname = \"web\"\n[[service.check]]\nhttp = \"/\"\ntimeout = \"9s\"\n";
    server.put("web.toml", &(check.to_owned() + &backends[0].instance("web-1")));

    let process = server.launch();
    let listening = process.wait_for_log(&["listening"]);
    let address = |key: &str| -> SocketAddr {
        let (_, rest) = listening.split_once(&format!("{key}=\"")).unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    };
    let ask = |name: &str| dns::udp(address("dns"), name, RecordType::A);
    let waiting = ask("web.service.internal.");
    assert_eq!(waiting.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(dns::extended_error(&waiting).unwrap().0, 14);
    assert_eq!(ask("free.service.internal.").answers.len(), 1);
    assert_eq!(ask("nothing.service.internal.").metadata.response_code, ResponseCode::NXDomain);
    let get = |path| http::get(address("http"), path).unwrap();
    assert_eq!(get("/health/live").status, 200);
    let ready = get("/health/ready");
    assert_eq!((ready.status, &ready.json()["ready"]), (503, &false.into()));
    assert!(ready.json()["checks"]["waiting"][0].as_str().unwrap().contains("web"));
    assert!(!server.path().join("ready").exists());

    // After first_round it is unknown, and not served.
    becomes("ready", SOON, &200, || get("/health/ready").status);
    let unknown = ask("web.service.internal.");
    assert!(dns::is_nodata(&unknown), "{unknown}");
    eventually("the ready file", SOON, || fs::metadata(server.path().join("ready")));
}

#[test]
fn hangup_reads_everything_again_and_a_bad_file_changes_nothing() {
    let server = Server::with("web.toml", WEB);
    let rcode = || server.ask("web", RecordType::A).metadata.response_code;
    assert_eq!(rcode(), ResponseCode::NoError);

    server.setup.configure("[dns]\ndeny = [\"127.0.0.0/8\"]\nworkers = 3\n");
    server.process.signal(Signal::SIGHUP);
    becomes("denied", SOON, &ResponseCode::Refused, rcode);
    assert_eq!(dns::extended_error(&server.ask("web", RecordType::A)).unwrap().0, 18);
    let named = server.process.wait_for_log(&["WARN", "needs a restart"]);
    assert!(named.contains("dns.workers"), "{named}");
    server.process.wait_for_log(&["configuration reloaded"]);

    server.setup.configure("[dns]\ndney = [\"127.0.0.0/8\"]\n");
    server.process.signal(Signal::SIGHUP);
    let refused = server.process.wait_for_log(&["ERROR", "configuration rejected"]);
    assert!(refused.contains("dney"), "{refused}");
    assert_eq!(rcode(), ResponseCode::Refused);

    server.setup.configure("[dns]\nallow = [\"127.0.0.1/32\"]\n");
    server.process.signal(Signal::SIGHUP);
    becomes("allowed", SOON, &ResponseCode::NoError, rcode);
    assert_eq!(server.get("/health/ready").status, 200);
}

#[test]
fn terminate_drains_and_then_ends_well() {
    let server = TestServer::with("web.toml", WEB);
    server.configure("shutdown_grace = \"2s\"\n");
    let mut server = server.start();
    assert_eq!(server.get("/health/ready").status, 200);
    let watch = Stopwatch::start();
    server.process.signal(Signal::SIGTERM);
    let ready = eventually("draining", SOON, || {
        let ready = server.get("/health/ready");
        if ready.status == 503 { Ok(ready) } else { Err(ready) }
    });
    assert_eq!(ready.json()["draining"], true);
    assert_eq!(server.get("/health/live").status, 200);
    assert_eq!(server.addresses("web").len(), 1);
    let tcp = dns::tcp(server.dns, "web.service.internal.", RecordType::A);
    assert_eq!(tcp.answers.len(), 1);
    assert!(watch.elapsed() < Duration::from_secs(2), "the machine is too slow to tell");
    assert_eq!(server.process.exit_code(), Some(0));
    assert!(watch.elapsed() >= Duration::from_secs(2), "{:?}", watch.elapsed());
    server.process.wait_for_log(&["stopped"]);
}

#[test]
fn interrupt_ends_at_once() {
    let mut server = Server::with("web.toml", WEB);
    let watch = Stopwatch::start();
    server.process.signal(Signal::SIGINT);
    assert_eq!(server.process.exit_code(), Some(0));
    assert!(watch.elapsed() < Duration::from_secs(4), "{:?}", watch.elapsed());
}

/// What a start that fails says, and its exit code.
fn refused(server: &TestServer) -> (Option<i32>, String) {
    let mut process = Process::start(server.serve());
    let code = process.exit_code();
    // The pipe is read to its end by another thread.
    let said = eventually("its last words", SOON, || {
        let said = process.log().join("\n");
        if said.is_empty() { Err(()) } else { Ok(said) }
    });
    (code, said)
}

#[test]
fn a_second_server_is_told_what_it_cannot_have() {
    let server = Server::with("web.toml", WEB);

    let mut second = TestServer::with("web.toml", WEB);
    second.arguments[1] = server.dns.to_string();
    let (code, said) = refused(&second);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&server.dns.to_string()) && said.contains("--dns"), "{said}");

    let mut second = TestServer::with("web.toml", WEB);
    second.arguments[3] = server.http().to_string();
    let (code, said) = refused(&second);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains(&server.http().to_string()) && said.contains("--http"), "{said}");

    // The same folder, so the same state.
    let (code, said) = refused(&server.setup);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("state") && said.contains("--state"), "{said}");

    assert_eq!(server.addresses("web").len(), 1);
}

#[test]
fn a_bad_configuration_is_shown_and_nothing_starts() {
    let server = TestServer::with("web.toml", WEB);
    server.configure("[dns]\nlisten = 53\n");
    let (code, said) = refused(&server);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("livezone.toml:2:10"), "{said}");

    let server = TestServer::with("web.toml", WEB);
    fs::remove_dir_all(server.path().join("zones")).unwrap();
    let (code, said) = refused(&server);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("zones"), "{said}");
}

#[test]
fn the_whole_api_beyond_loopback_needs_to_be_wanted() {
    let mut server = TestServer::with("web.toml", WEB);
    server.arguments.truncate(2);
    server.configure("[http]\nlisten = \"0.0.0.0:0\"\n");
    let (code, said) = refused(&server);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("insecure"), "{said}");

    server.configure("[http]\nlisten = \"0.0.0.0:0\"\ninsecure = true\n");
    let server = server.start();
    let port = server.http().port();
    let beyond = SocketAddr::new("127.0.0.8".parse().unwrap(), port);
    assert_eq!(http::get(beyond, "/v1/livezone/services").unwrap().status, 200);
}

#[test]
fn http_can_be_turned_off() {
    let mut server = TestServer::with("web.toml", WEB);
    server.arguments.truncate(2);
    server.configure("[http]\nlisten = \"\"\n");
    let server = server.start();
    let text = fs::read_to_string(server.setup.path().join("ready")).unwrap();
    assert_eq!(addresses(&text, "http"), []);
    assert_eq!(server.addresses("web").len(), 1);
}

#[test]
fn every_family_is_there_from_the_start_and_counters_move() {
    let server = Server::with("web.toml", WEB);
    let text = server.get("/metrics").body;
    let families: BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for family in [
        "livezone_dns_queries_total",
        "livezone_dns_response_seconds",
        "livezone_dns_dropped_total",
        "livezone_dns_tcp_connections",
        "livezone_dns_tcp_closed_total",
        "livezone_http_connections",
        "livezone_http_closed_total",
        "livezone_services",
        "livezone_instances",
        "livezone_checks_total",
        "livezone_check_seconds",
        "livezone_check_lag_seconds",
        "livezone_transitions_total",
        "livezone_snapshot_generation",
        "livezone_propagation_seconds",
        "livezone_source_errors",
        "livezone_build_info",
    ] {
        assert!(families.contains(family), "{family} in {families:?}");
    }
    let of_checks = ["unknown", "passing", "warning", "suspect", "critical", "recovering"];
    let others = ["unchecked", "removed", "forced_up", "forced_down", "drained", "maintenance"];
    for state in of_checks.iter().chain(&others) {
        let labels = format!("livezone_instances{{state=\"{state}\"}}");
        assert!(text.contains(&labels), "{labels} in {text}");
    }
    let moved = |labels: &[&str]| server.metric("livezone_dns_queries_total", labels);
    let (a, nx) = (["udp", "\"A\"", "NOERROR"], ["tcp", "AAAA", "NXDOMAIN"]);
    let before = (moved(&a), moved(&nx));
    server.ask("web", RecordType::A);
    dns::tcp(server.dns, "nothing.service.internal.", RecordType::AAAA);
    becomes("two more", SOON, &true, || {
        let after = (moved(&a), moved(&nx));
        after.0 - before.0 > 0.5 && after.1 - before.1 > 0.5
    });
    let seconds = server.metric("livezone_dns_response_seconds_count", &["udp"]);
    assert!(seconds > 0.5, "{seconds}");
    assert!(server.metric("livezone_build_info", &[env!("CARGO_PKG_VERSION")]) > 0.5);
}

#[test]
fn the_api_and_status_show_every_instance() {
    let mut backends = Backend::several(2);
    backends[1].kill();
    let check = "[[service]]\nname = \"api\"\n[[service.check]]\nid = \"up\"\nhttp = \"/\"\n";
    let instances = backends[0].instance("api-1") + &backends[1].instance("api-2");
    let server = TestServer::with("web.toml", WEB);
    server.put("api.toml", &(check.to_owned() + &instances));
    let server = server.start();

    let report = server.get("/v1/livezone/services").json();
    let services = report["services"].as_array().unwrap();
    let named = |name: &str| services.iter().find(|service| service["name"] == name).unwrap();
    let web = &named("web")["instances"][0];
    assert_eq!(named("web")["zone"], "service.internal");
    assert_eq!(web["id"], "web-1");
    assert_eq!(web["addresses"], serde_json::json!(["10.0.0.1"]));
    assert_eq!(web["port"], 80);
    assert_eq!((&web["state"], &web["served"]), (&"unchecked".into(), &true.into()));
    assert_eq!(web["checks"], serde_json::json!([]));
    assert!(web["why"].as_str().unwrap().contains("no check"), "{web}");
    let api = &named("api")["instances"];
    assert_eq!((&api[0]["state"], &api[0]["served"]), (&"passing".into(), &true.into()));
    assert_eq!((&api[1]["state"], &api[1]["served"]), (&"critical".into(), &false.into()));
    assert_eq!(api[1]["checks"][0]["id"], "up");
    assert_eq!(api[1]["checks"][0]["kind"], "http");
    assert!(api[1]["checks"][0]["output"].as_str().unwrap().contains("refused"), "{api}");
    assert!(api[1]["since"].as_str().unwrap().ends_with('Z'), "{api}");
    assert_eq!(
        report["sources"],
        serde_json::json!([
            { "name": "files", "errors": [], "warnings": [] },
            { "name": "api", "errors": [], "warnings": [] },
        ])
    );

    // Exit 0 also where instances are critical.
    let status = server.command(&["status"]);
    let shown = String::from_utf8(status.stdout).unwrap();
    assert_eq!(status.status.code(), Some(0), "{shown}");
    for word in ["web", "api", "api-2", "critical", "passing", "refused", "10.0.0.1"] {
        assert!(shown.contains(word), "{word} in {shown}");
    }
    let one = String::from_utf8(server.command(&["status", "web"]).stdout).unwrap();
    assert!(one.contains("web-1") && !one.contains("api-1"), "{one}");
    let json = server.command(&["status", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["services"].as_array().unwrap().len(), 2);
    assert_eq!(json["services"][0]["instances"][0]["id"], "api-1");
    let unknown = server.command(&["status", "nothing"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(!unknown.stderr.is_empty());
}

#[test]
fn status_without_a_server_is_exit_3() {
    let mut server = Server::with("web.toml", WEB);
    server.process.signal(Signal::SIGKILL);
    server.process.exit_code();
    let status = server.command(&["status"]);
    let said = String::from_utf8(status.stderr).unwrap();
    assert_eq!(status.status.code(), Some(3), "{said}");
    assert!(said.contains(&server.http().to_string()), "{said}");
}
