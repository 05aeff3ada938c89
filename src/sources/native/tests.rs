//! What good files say; what bad ones are told is in tests/bad/native.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::model::check::{HttpCheck, Kind, TcpCheck};
use crate::model::definition::CheckDefinition;
use crate::model::health::Verdict;
use crate::model::service::{Location, Tag, Weights};
use crate::model::zone::{TtlSetting, WhenUnhealthy};

fn good(text: &str) -> Vec<Arc<ServiceDefinition>> {
    let (document, diagnostics) = parse(Path::new("zones/z/web.toml").into(), text.into());
    let told: Vec<_> = diagnostics.iter().map(Diagnostic::short).collect();
    assert_eq!(told, Vec::<String>::new());
    document.unwrap().services
}

/// The checks of one instance at 10.0.1.50 port 8080.
fn checks(text: &str) -> Vec<CheckDefinition> {
    let head =
        "[[service]]\nname = \"web\"\n[[service.instance]]\naddress = \"10.0.1.50\"\nport = 8080\n";
    good(&format!("{head}{text}"))[0].instances[0].checks.to_vec()
}

fn http(check: &CheckDefinition) -> &HttpCheck {
    match &*check.kind {
        Kind::Http(http) => http,
        other => panic!("{other:?}"),
    }
}

fn tcp(check: &CheckDefinition) -> &TcpCheck {
    match &*check.kind {
        Kind::Tcp(tcp) => tcp,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_file_registers_nothing() {
    assert_eq!(good(""), []);
    assert_eq!(good("\u{feff}# later\n"), []);
}

#[test]
fn the_example_of_the_manual_is_read() {
    let services = good(
        r#"
[[service]]
name = "Web"
port = 8080
tags = ["http", "HTTP"]
meta = { version = "1.2.3" }
ttl = "5s"
min_ttl = "1s"
when_unhealthy = "last-healthy"
max_answers = 4

[[service.check]]
http = "/health/ready"
interval = "5s"
timeout = "2s"
failures_before_critical = 3
success_before_passing = 2

[[service.instance]]
id = "web-1"
address = ["10.0.1.50", "2001:db8::50"]
port = 8081
tags = ["v1", "a.b"]
weights = { passing = 10, warning = 0 }
priority = 5
meta = { zone = "az-a" }
"#,
    );
    let service = &services[0];
    assert_eq!(service.name.value.as_str(), "web");
    assert_eq!(service.port.as_ref().unwrap().value, 8080);
    assert_eq!(service.tags, [Tag::parse("http").unwrap()]);
    assert_eq!(service.meta.as_ref().unwrap().value["version"], "1.2.3");
    assert_eq!(service.ttl.as_ref().unwrap().value, TtlSetting::Fixed(Duration::from_secs(5)));
    assert_eq!(service.when_unhealthy.as_ref().unwrap().value, WhenUnhealthy::LastHealthy);
    assert_eq!(service.max_answers.as_ref().unwrap().value, 4);
    assert_eq!(&*service.checks[0].id, "http:/health/ready");
    assert_eq!(service.checks[0].policy.interval, Some(Duration::from_secs(5)));
    assert_eq!(service.checks[0].policy.fast_interval, None);
    let instance = &service.instances[0];
    assert_eq!(instance.id.as_str(), "web-1");
    assert_eq!(
        instance.location.addresses(),
        ["10.0.1.50", "2001:db8::50"].map(|a| a.parse::<IpAddr>().unwrap())
    );
    assert_eq!((instance.port, instance.priority), (Some(8081), 5));
    assert_eq!(instance.weights, Weights { passing: 10, warning: 0 });
    assert_eq!(instance.meta.as_ref().unwrap()["zone"], "az-a");
}

#[test]
fn an_id_left_out_is_made_of_service_address_and_port() {
    let services = good(
        r#"
[[service]]
name = "web"
port = 80
instance = [{ address = "10.0.1.50" }, { address = "2001:db8::1", port = 81 }]
[[service]]
name = "db"
instance = [{ address = "10.0.1.50" }]
"#,
    );
    let ids: Vec<_> = services.iter().flat_map(|s| &s.instances).map(|i| i.id.as_str()).collect();
    assert_eq!(ids, ["db-10-0-1-50", "web-10-0-1-50-80", "web-2001-db8--1-81"]);
}

#[test]
fn a_host_name_makes_an_external_instance() {
    let services = good(
        r#"
[[service]]
name = "db"
port = 5432
check = [{ tcp = true }, { http = "http://localhost:8008/health" }]
instance = [{ address = "DB.Example.com" }, { address = "3com.example.", port = 81 }]
[[service]]
name = "web"
instance = [{ id = "own", address = "localhost" }, { address = "localhost" }]
"#,
    );
    let instances: Vec<_> = services.iter().flat_map(|s| &s.instances).collect();
    let ids: Vec<_> = instances.iter().map(|i| i.id.as_str()).collect();
    assert_eq!(ids, ["db-db-example-com-5432", "db-3com-example-81", "own", "web-localhost"]);
    let host = crate::model::name::Name::parse("db.example.com").unwrap();
    assert_eq!(instances[0].location, Location::Host(host));
}

#[test]
fn ids_of_checks_are_made_of_what_they_ask_and_unique() {
    let list = checks(
        "check = [{ http = '/a' }, { http = '/a' }, { tcp = true, id = 'tcp#2' }, { tcp = true }, \
         { tcp = true }, { tcp = 'localhost:5432' }, { id = 'x', name = 'n', notes = 'o', tcp = true }]",
    );
    let ids: Vec<_> = list.iter().map(|check| &*check.id).collect();
    assert_eq!(ids, ["http:/a", "http:/a#2", "tcp#2", "tcp", "tcp#3", "tcp:5432", "x"]);
}

#[test]
fn a_path_is_asked_at_the_instance_and_a_url_where_it_says() {
    let list = checks(
        r#"check = [
            { http = "/health", method = "head", header = { X-A = ["1", "2"], Host = "h" }, body = "b" },
            { http = "https://web.example/health?a", expect_status = "200-299, 304", expect_body = "o+k" },
            { http = "http://localhost:9000" },
            { http = "http://10.0.1.50:9000/x" },
            { http = "http://192.0.2.9/x", connect = "url" },
        ]"#,
    );
    let path = http(&list[0]);
    assert_eq!(
        (&*path.method, &*path.path, path.port, &path.tls),
        ("HEAD", "/health", None, &None)
    );
    let pairs: Vec<_> = path.headers.0.iter().map(|(k, v)| (&**k, &**v)).collect();
    assert_eq!(pairs, [("X-A", "1"), ("X-A", "2"), ("Host", "h")]);
    let url = http(&list[1]);
    assert_eq!((url.host.as_deref(), url.port), (Some("web.example"), Some(443)));
    assert!(url.tls.is_some() && url.connect.is_none());
    let statuses = url.expect_status.as_ref().unwrap();
    assert!(statuses.contains(204) && statuses.contains(304) && !statuses.contains(303));
    assert!(url.expect_body.as_ref().unwrap().0.is_match(b"look"));
    assert_eq!((http(&list[2]).port, &*http(&list[2]).path), (Some(9000), "/"));
    assert_eq!(http(&list[3]).connect, None);
    assert_eq!(http(&list[4]).connect, Some("192.0.2.9:80".parse().unwrap()));
}

#[test]
fn tcp_is_the_instances_port_or_another_with_or_without_tls() {
    let list = checks(
        r#"check = [
            { tcp = true },
            { tcp = "db.example:5432", tcp_use_tls = true },
            { tcp = "[::1]:5432", tcp_use_tls = true, tls_server_name = "a.example" },
        ]"#,
    );
    assert_eq!(*tcp(&list[0]), TcpCheck { port: None, tls: None });
    assert_eq!(tcp(&list[1]).port, Some(5432));
    let names: Vec<_> = list[1..]
        .iter()
        .map(|check| tcp(check).tls.as_ref().unwrap().server_name.as_deref())
        .collect();
    assert_eq!(names, [Some("db.example"), Some("a.example")]);
}

#[test]
fn the_first_verdict_may_be_written_and_critical_is_as_unknown() {
    let list = checks(
        "check = [{ tcp = true, status = 'passing' }, { tcp = true, status = 'warning' }, \
         { tcp = true, status = 'critical' }, { tcp = true }]",
    );
    let initial: Vec<_> = list.iter().map(|check| check.initial).collect();
    assert_eq!(initial, [Some(Verdict::Passing), Some(Verdict::Warning), None, None]);
}

#[test]
fn pem_files_are_found_beside_the_file_that_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let cert = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    std::fs::write(folder.path().join("ca.pem"), cert.pem()).unwrap();
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    let read = |ca: &str, key: &str| {
        let text = format!(
            "[[service]]\nname = 'web'\n[[service.check]]\nhttp = 'https://localhost/'\n\
             tls_ca_file = '{ca}'\ntls_cert_file = 'ca.pem'\ntls_key_file = '{key}'\n"
        );
        parse(folder.path().join("web.toml").into(), text.into())
    };
    let (document, diagnostics) = read("ca.pem", "key.pem");
    assert_eq!(diagnostics, []);
    let check = document.unwrap().services[0].checks[0].clone();
    let tls = http(&check).tls.as_ref().unwrap();
    assert_eq!(tls.ca_file, Some(folder.path().join("ca.pem")));
    assert_eq!(tls.client.as_ref().unwrap().key, folder.path().join("key.pem"));
    let (document, diagnostics) = read("key.pem", "ca.pem");
    assert_eq!(document, None);
    assert_eq!(diagnostics.len(), 2);
    assert!(diagnostics[0].message.ends_with("it contains no certificate"));
    assert!(diagnostics[1].message.ends_with("it contains no private key"));
}

#[test]
fn any_text_is_read_without_a_panic() {
    let text = include_str!("tests.rs");
    for end in (0..text.len()).step_by(37).filter(|&end| text.is_char_boundary(end)) {
        let (_, diagnostics) = parse(Path::new("a.toml").into(), text[..end].into());
        assert!(diagnostics.iter().all(|d| !d.short().is_empty()));
    }
}

#[test]
fn grpc_is_the_server_or_one_of_its_services_here_or_there() {
    let list = checks(
        r#"check = [
            { grpc = true },
            { grpc = "shop.Cart" },
            { grpc = "localhost:50051/shop.Cart", grpc_use_tls = true, tls_skip_verify = true },
            { grpc = "10.0.1.50:50051" },
        ]"#,
    );
    let grpc = |check: &CheckDefinition| match &*check.kind {
        Kind::Grpc(grpc) => grpc.clone(),
        other => panic!("{other:?}"),
    };
    let ids: Vec<_> = list.iter().map(|check| &*check.id).collect();
    assert_eq!(ids, ["grpc", "grpc:shop.Cart", "grpc:50051/shop.Cart", "grpc:50051"]);
    let [own, service, there, server] = [0, 1, 2, 3].map(|place: usize| grpc(&list[place]));
    assert_eq!((own.port, &*own.service, own.tls), (None, "", None));
    assert_eq!((service.port, &*service.service), (None, "shop.Cart"));
    assert_eq!((there.port, &*there.service), (Some(50051), "shop.Cart"));
    assert_eq!(there.authority.as_deref(), Some("localhost:50051"));
    assert!(there.tls.unwrap().skip_verify);
    assert_eq!((server.port, &*server.service), (Some(50051), ""));
}

#[test]
fn a_script_needs_no_port_and_its_place_is_kept() {
    let text = "[[service]]\nname = 'web'\ncheck = [{ args = ['/bin/check', '-v'] }]\n\
                instance = [{ address = '10.0.1.50' }]\n";
    let service = &good(text)[0];
    let Kind::Script(script) = &*service.checks[0].kind else { panic!("{service:?}") };
    assert_eq!((&*script.program, &script.arguments[..]), ("/bin/check", &["-v".to_owned()][..]));
    assert_eq!(&*service.checks[0].id, "script:/bin/check");
    assert_eq!(&text[service.script.clone().unwrap()], "['/bin/check', '-v']");
    assert_eq!(
        good("[[service]]\nname = 'a'\ncheck = [{ tcp = 'localhost:1' }]\n")[0].script,
        None
    );
}

#[test]
fn a_file_that_registers_too_much_is_refused_with_what_to_do() {
    let text = format!("[[service]]\nname = 'a'\n{}", "[[service]]\nname = 'b'\n".repeat(250_000));
    let (document, said) = parse(Path::new("a.toml").into(), text.into());
    assert_eq!((document, said.len()), (None, 1));
    assert_eq!(said[0].message, "this file has 250001 services and instances");
    assert!(said[0].label.starts_with("divide it"), "{said:?}");
}
