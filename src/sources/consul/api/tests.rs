use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::agent::TaggedAddress;
use crate::model::service::Weights;

fn service(body: &str) -> Result<AgentService, String> {
    body::service(body.as_bytes())
}

/// The one definition that a body becomes.
fn defined(body: &str, targets: &Targets) -> Result<ServiceDefinition, String> {
    let node = Some("192.0.2.1".parse().unwrap());
    let (document, _) = document(&service(body)?, node, targets)?;
    let [service] = &document.services[..] else { panic!("{document:?}") };
    Ok(ServiceDefinition::clone(service))
}

fn local(body: &str) -> Result<ServiceDefinition, String> {
    defined(body, &Targets { loopback: true, ..Targets::default() })
}

#[test]
fn what_a_go_client_registers_is_kept_as_it_was_said() {
    let body = r#"{"ID":"user-1","Name":"user-service","Tags":["v1","V1"],"Port":8080,
        "Address":"192.168.1.10","TaggedAddresses":{"lan":{"Address":"10.0.0.1","Port":81}},
        "EnableTagOverride":true,"Meta":{"Version":"1.2"},"Weights":{"Passing":10,"Warning":2},
        "Check":{"HTTP":"http://192.168.1.10:8080/health","Interval":"10s","Timeout":"5s",
        "Header":{"X-A":["1","2"]},"DeregisterCriticalServiceAfter":"1m"},"Checks":null}"#;
    let read = service(body).unwrap();
    assert_eq!(
        (&*read.id, &*read.name, &*read.address),
        ("user-1", "user-service", "192.168.1.10")
    );
    assert_eq!((read.port, read.enable_tag_override), (8080, true));
    assert_eq!(
        (&read.tags[..], read.meta["Version"].as_str()),
        (&["v1".into(), "V1".into()][..], "1.2")
    );
    assert_eq!(read.weights, Weights { passing: 10, warning: 2 });
    let lan = TaggedAddress { address: "10.0.0.1".to_owned(), port: 81 };
    assert_eq!(read.tagged_addresses["lan"], lan);
    let [check] = &read.checks[..] else { panic!("{read:?}") };
    assert_eq!((&*check.id, check.service.as_deref()), ("service:user-1", Some("user-1")));
    assert_eq!(check.name, "Service 'user-service' check");
    let definition = json!({
        "HTTP": "http://192.168.1.10:8080/health", "Interval": "10s", "Timeout": "5s",
        "Header": {"X-A": ["1", "2"]}, "DeregisterCriticalServiceAfter": "1m",
    });
    assert_eq!(serde_json::Value::from(check.definition.clone()), definition);
    let stored = serde_json::to_string(&read).unwrap();
    assert_eq!(serde_json::from_str::<AgentService>(&stored).unwrap(), read);
    let defined = local(body).unwrap();
    assert_eq!(defined.instances[0].checks[0].id, check.id);
    assert_eq!(defined.instances[0].checks[0].policy.interval.unwrap().as_secs(), 10);
}

#[test]
fn keys_are_taken_in_any_case_with_underscores_and_inside_service() {
    let camel = service(r#"{"ID":"a","Name":"web","EnableTagOverride":true,"Check":{"TTL":"9s"}}"#);
    for other in [
        r#"{"id":"a","name":"web","enabletagoverride":true,"check":{"ttl":"9s"}}"#,
        r#"{"id":"a","name":"web","enable_tag_override":true,"checks":[{"ttl":"9s"}]}"#,
        r#"{"service":{"id":"a","name":"web","enable_tag_override":true,"check":{"ttl":"9s"}}}"#,
    ] {
        assert_eq!(service(other), camel, "{other}");
    }
}

#[test]
fn ids_of_checks_go_by_their_place_with_check_first() {
    let read = service(
        r#"{"Name":"web","Check":{"TTL":"1s"},
        "Checks":[{"TTL":"2s"},{"CheckID":"own","TTL":"3s"},{"ID":"","TTL":"4s"}]}"#,
    );
    let ids: Vec<String> = read.unwrap().checks.iter().map(|check| check.id.to_string()).collect();
    assert_eq!(ids, ["service:web:1", "service:web:2", "own", "service:web:4"]);
    assert_eq!(service(r#"{"Name":"web","Check":{}}"#).unwrap().checks, []);
    let alone = body::check(br#"{"Name":"mem","ServiceID":"web","TTL":"5s"}"#).unwrap();
    assert_eq!((&*alone.id, alone.service.as_deref()), ("mem", Some("web")));
    assert_eq!(body::check(br#"{"TTL":"5s"}"#), Err("Missing check name".to_owned()));
}

#[test]
fn what_is_wrong_is_said_and_never_registered() {
    let deep = format!("{{\"Name\":\"web\",\"Proxy\":{}{}}}", "[".repeat(400), "]".repeat(400));
    let abyss = "[".repeat(100_000);
    for (body, words) in [
        ("", "EOF"),
        ("{", "Request decode failed"),
        (r#"{"Name":"web"} x"#, "Request decode failed"),
        (r#"{"Name":"web"}{"Name":"web"}"#, "Request decode failed"),
        ("[]", "Request decode failed"),
        (r#"{"Name":"web","name":"api"}"#, "duplicate key"),
        (r#"{"Name":7}"#, "must be a string"),
        (r#"{"Name":"web","Foo":1}"#, "unknown key \"Foo\""),
        (r#"{"Name":"web","Check":{"Script":"x"}}"#, "unknown key \"Script\""),
        (r#"{"Name":"web","Port":-1}"#, "Request decode failed"),
        (r#"{"Name":"web","Port":70000}"#, "Request decode failed"),
        (r#"{"Name":"web","Namespace":"x"}"#, "no namespaces"),
        (r#"{"Name":""}"#, "Missing service name"),
        ("{}", "Missing service name"),
        (r#"{"Name":"web","Address":"0.0.0.0"}"#, "Invalid service address"),
        (r#"{"Name":"web","Address":"::"}"#, "Invalid service address"),
        (r#"{"Name":"web","Weights":{"Warning":3}}"#, "Passing must be greater"),
        (r#"{"Name":"web","Meta":{"a b":"x"}}"#, "Invalid Service Meta"),
        (r#"{"Name":"web","ID":"a\nb"}"#, "control character"),
        (r#"{"Name":"web","ID":"a\u0000"}"#, "control character"),
        (&format!(r#"{{"Name":"web","ID":"{}"}}"#, "a".repeat(513)), "513 octets, 512 are allowed"),
        (r#"{"Name":"web","Check":{"Args":["x"],"Interval":"1s"}}"#, "Scripts are disabled"),
        (r#"{"Name":"web","Check":{"Status":"fine","TTL":"1s"}}"#, "invalid value \"fine\""),
        (&deep, "nested too deeply"),
        (&abyss, "Request decode failed"),
    ] {
        let error = service(body).unwrap_err();
        assert!(error.contains(words), "{body:.60}: {error}");
    }
    assert!(body::service(b"{\"Name\":\"\xff\"}").unwrap_err().contains("UTF-8"));
}

#[test]
fn what_the_catalogue_cannot_take_is_refused() {
    let check = |check: &str| format!(r#"{{"Name":"web","Port":80,"Check":{check}}}"#);
    for (body, words) in [
        (r#"{"Name":"a b"}"#.to_owned(), "invalid service name"),
        (r#"{"Name":"web","Address":"a b"}"#.to_owned(), "not an address or a host name"),
        (r#"{"Name":"web","Address":"a\r\nb"}"#.to_owned(), "not an address or a host name"),
        (check(r#"{"UDP":"localhost:1","Interval":"1s"}"#), "does not support \"udp\""),
        (check(r#"{"H2PING":"localhost:1","Interval":"1s"}"#), "does not support \"h2ping\""),
        (check(r#"{"Interval":"1s"}"#), "does not say what to check"),
        (check(r#"{"HTTP":"/","Header":{"A":["x\r\nB: y"]}}"#), "invalid value of header"),
        (check(r#"{"HTTP":"/","Header":{"A\r\n":["x"]}}"#), "invalid header name"),
        (check(r#"{"HTTP":"/","Method":"GET /x HTTP/1.1\r\n"}"#), "invalid HTTP method"),
        (check(r#"{"HTTP":"/","Interval":"1d"}"#), "invalid duration"),
        (r#"{"Name":"web","Meta":{"livezone-ttl":"soon"}}"#.to_owned(), "livezone-ttl"),
    ] {
        let error = local(&body).unwrap_err();
        assert!(error.contains(words), "{body}: {error}");
    }
}

#[test]
fn checks_connect_to_the_service_and_to_check_networks_alone() {
    let body = |address: &str, url: &str| {
        let check = format!(r#"{{"HTTP":"{url}","Interval":"1s"}}"#);
        format!(r#"{{"Name":"web","Address":"{address}","Port":80,"Check":{check}}}"#)
    };
    let networks = ["10.0.0.0/8".parse().unwrap()].into_iter().collect();
    let targets = Targets { networks, loopback: false };
    let kind = |address: &str, url: &str| {
        let defined = defined(&body(address, url), &targets)?;
        Ok::<_, String>(Kind::clone(&defined.instances[0].checks[0].kind))
    };
    let Ok(Kind::Http(own)) = kind("192.0.2.7", "http://192.0.2.7:81/") else { panic!() };
    assert_eq!(own.connect, None);
    let Ok(Kind::Http(there)) = kind("192.0.2.7", "http://10.0.0.9:81/") else { panic!() };
    assert_eq!(there.connect, Some("10.0.0.9:81".parse().unwrap()));
    for (address, url) in [
        ("192.0.2.7", "http://192.0.2.8/"),
        ("192.0.2.7", "http://169.254.169.254/latest"),
        ("169.254.169.254", "/latest"),
        ("127.0.0.1", "/"),
    ] {
        kind(address, url).unwrap_err();
    }
    // Nothing connects to it.
    defined(r#"{"Name":"web","Address":"127.0.0.1"}"#, &targets).unwrap();
}

#[test]
fn meta_sets_what_consul_has_no_key_for() {
    let meta = r#"{"livezone-ttl":"7s","livezone-min-ttl":"2s","livezone-priority":"3"}"#;
    let defined = local(&format!(r#"{{"Name":"web","Meta":{meta}}}"#)).unwrap();
    let seconds = |seconds| std::time::Duration::from_secs(seconds);
    assert_eq!(defined.ttl.unwrap().value, TtlSetting::Fixed(seconds(7)));
    assert_eq!((defined.min_ttl.unwrap().value, defined.instances[0].priority), (seconds(2), 3));
}

#[test]
fn the_nodes_address_stands_for_one_left_out() {
    let defined = local(r#"{"Name":"web","Tags":["v1"],"Port":0}"#).unwrap();
    let instance = &defined.instances[0];
    assert_eq!(
        (instance.location.addresses()[0].to_string(), instance.port),
        ("192.0.2.1".into(), None)
    );
    assert_eq!(instance.id.as_str(), "web");
}

#[test]
fn updates_name_a_state() {
    let update = body::update(br#"{"Status":"warning","Output":"hot"}"#).unwrap();
    assert_eq!(update, body::Update { verdict: Verdict::Warning, output: "hot".to_owned() });
    assert!(body::update(br#"{"Status":"fine"}"#).unwrap_err().contains("fine"));
}

/// A body that a client means well, in pieces that may be left out, doubled or changed.
fn bodies() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        r#""Name":"web""#,
        r#""ID":"web-1""#,
        r#""id":"_nomad/1:a""#,
        r#""Port":80"#,
        r#""Port":-1"#,
        r#""Tags":["v1","a.b"]"#,
        r#""Tags":null"#,
        r#""Address":"10.0.0.1""#,
        r#""Address":"::1""#,
        r#""Meta":{"a":"b","livezone-ttl":"7s"}"#,
        r#""Weights":{"Passing":3}"#,
        r#""Check":{}"#,
        r#""TaggedAddresses":{"lan":{"Address":"a","Port":1}}"#,
        r#""EnableTagOverride":true"#,
        r#""Check":{"HTTP":"http://10.0.0.1/","Interval":"1s","Header":{"A":["b"]}}"#,
        r#""Checks":[{"TTL":"1s"},{"TCP":"localhost:1","Interval":1000000000}]"#,
        r#""X":[[[{}]]]"#,
        r#""checks":[{"ttl":"9s","status":"passing"},null]"#,
        r#""Proxy":{"a":[1,2.5e3,"\u00e4"]}"#,
    ]);
    let whole = prop::collection::vec(piece, 0..7).prop_map(|all| format!("{{{}}}", all.join(",")));
    (whole, any::<prop::sample::Index>(), any::<Option<char>>()).prop_map(|(text, at, new)| {
        let Some(new) = new else { return text };
        let at = at.index(text.chars().count());
        text.chars().enumerate().map(|(n, old)| if n == at { new } else { old }).collect()
    })
}

#[test]
fn an_unknown_key_may_begin_with_any_character() {
    let error = service(r#"{"Name":"web","Check":{"\u00a1CP":"a","Interval":"1s"}}"#).unwrap_err();
    assert!(error.contains("unknown key"), "{error}");
}

proptest! {
    #[test]
    fn what_is_taken_is_stored_and_read_back_as_it_was_and_means_the_same(body in bodies()) {
        let Ok(read) = service(&body) else { return Ok(()) };
        let stored = serde_json::to_string(&read).unwrap();
        let back: AgentService = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&back, &read);
        let targets = Targets { loopback: true, ..Targets::default() };
        let meaning = |service| document(service, None, &targets).map(|(document, _)| document);
        prop_assert_eq!(meaning(&back), meaning(&read));
    }

    #[test]
    fn no_octets_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (body::service(&octets), body::check(&octets), body::update(&octets));
    }
}
