//! How Consul's paths are asked, whatever is asked for.

use axum::http::Method;
use reqwest::{RequestBuilder, Response};

use super::*;

/// A request for `path` that is not sent yet.
fn ask(stage: &Stage, method: &str, path: &str) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    client().request(method, format!("{}{path}", stage.base))
}

async fn send(stage: &Stage, method: &str, path: &str) -> (u16, String) {
    said(ask(stage, method, path).send().await.unwrap()).await
}

async fn said(answer: Response) -> (u16, String) {
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn what_clients_ask_for_at_their_start_is_answered() {
    let stage = Stage::new(api).await;
    let (status, body) = send(&stage, "GET", "/v1/agent/self").await;
    let own = json(&body);
    assert_eq!((status, own["Config"]["Datacenter"].as_str()), (200, Some("dc1")));
    let node = own["Config"]["NodeName"].as_str().unwrap().to_owned();
    assert_eq!(own["Member"]["Name"], *node);
    assert!(own.as_object().unwrap().values().all(Value::is_object), "Go reads tables: {body}");
    let (_, body) = send(&stage, "GET", "/v1/agent/members").await;
    assert_eq!((&json(&body)[0]["Name"], &json(&body)[0]["Status"]), (&node.into(), &1.into()));
    for (path, wanted) in [
        ("/v1/status/leader", "\"127.0.0.1:8300\""),
        ("/v1/status/peers", "[\"127.0.0.1:8300\"]"),
        ("/v1/catalog/datacenters", "[\"dc1\"]"),
        ("/v1/agent/services", "{}"),
        ("/v1/agent/services?filter=&ns=", "{}"),
        ("/v1/agent/checks", "{}"),
        ("/v1/agent/checks?pretty", "{\n}\n"),
    ] {
        assert_eq!(send(&stage, "GET", path).await, (200, wanted.to_owned()), "{path}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_in_consuls_words() {
    let stage = Stage::new(api).await;
    let unknown = "Unknown service ID \"a/b\". Ensure that the service ID is passed, not the \
                   service name.";
    for (method, path, status, words) in [
        ("GET", "/v1/agent/service/a%20b", 404, "unknown service ID: a b"),
        ("PUT", "/v1/agent/service/deregister/a/b", 404, unknown),
        ("PUT", "/v1/agent/service/deregister/a%2Fb", 404, unknown),
        ("PUT", "/v1/agent/check/deregister/a", 404, "Unknown check ID \"a\""),
        ("PUT", "/v1/agent/service/maintenance/a", 400, "Missing value for enable"),
        ("PUT", "/v1/agent/service/maintenance/a?enable=maybe", 400, "Invalid value for enable"),
        ("PUT", "/v1/agent/maintenance?enable=true", 403, "every service"),
        ("GET", "/v1/agent/services?filter=Name==web", 400, "boolean expression evaluator"),
        ("GET", "/v1/agent/services?ns=team", 400, "Consul Enterprise feature"),
        ("PUT", "/v1/agent/service/deregister/a?partition=b", 400, "Consul Enterprise feature"),
        ("GET", "/v1/agent/service/a?wait=soon", 400, "Invalid wait time"),
        ("PUT", "/v1/livezone/force/web/web-1?state=gone", 400, "up, down or auto"),
        ("GET", "/v1/kv/a/b", 404, ""),
        ("DELETE", "/v1/kv/a/b?recurse", 200, "true"),
        ("GET", "/v1/nothing", 404, "Invalid URL path: not a recognized HTTP API endpoint"),
    ] {
        let (answered, body) = send(&stage, method, path).await;
        assert!(answered == status && body.contains(words), "{path}: {answered} {body}");
    }
}

#[tokio::test]
async fn a_bad_body_is_refused_before_anybody_is_asked() {
    let stage = Stage::new(api).await;
    let deep = "[".repeat(100_000);
    let long = format!("{{\"Name\":\"{}\"}}", "a".repeat(MAX_BODY));
    for (path, body, status, words) in [
        ("service/register", "", 400, "Request decode failed: EOF"),
        ("service/register", "{", 400, "Request decode failed"),
        ("service/register", "{\"Name\":\"web\"} {}", 400, "Request decode failed"),
        ("service/register", "{\"Name\":\"a\",\"name\":\"b\"}", 400, "duplicate key"),
        ("service/register", "{\"Foo\":1}", 400, "unknown key"),
        ("service/register", &deep, 400, "Request decode failed"),
        ("service/register", &long, 413, ""),
        ("check/register", "{\"TTL\":\"5s\"}", 400, "Missing check name"),
        ("check/update/a", "{\"Status\":\"fine\"}", 400, "Invalid check status"),
    ] {
        let request = ask(&stage, "PUT", &format!("/v1/agent/{path}")).body(body.to_owned());
        let (answered, said) = said(request.send().await.unwrap()).await;
        assert!(answered == status && said.contains(words), "{path} {body:.40}: {answered} {said}");
    }
    let raw =
        ask(&stage, "PUT", "/v1/agent/service/register").body(b"{\"Name\":\"\xff\"}".to_vec());
    let (status, said) = said(raw.send().await.unwrap()).await;
    assert!(status == 400 && said.contains("UTF-8"), "{said}");
}

#[tokio::test]
async fn each_path_says_which_methods_it_takes() {
    let stage = Stage::new(api).await;
    let (services, register) = ("/v1/agent/services", "/v1/agent/service/register");
    for (method, path, status, allowed) in [
        ("OPTIONS", services, 200, "GET, HEAD, OPTIONS"),
        ("OPTIONS", register, 200, "PUT, OPTIONS"),
        ("POST", register, 405, "PUT,OPTIONS"),
        ("GET", register, 405, "PUT,OPTIONS"),
        ("HEAD", register, 405, "PUT,OPTIONS"),
        ("PUT", services, 405, "GET,HEAD,OPTIONS"),
    ] {
        let answer = ask(&stage, method, path).send().await.unwrap();
        let allow = answer.headers()["allow"].to_str().unwrap();
        assert_eq!((answer.status().as_u16(), allow), (status, allowed), "{method} {path}");
    }
    assert_eq!(send(&stage, "HEAD", services).await, (200, String::new()));
    assert_eq!(send(&stage, "HEAD", "/v1/agent/service/a").await.0, 404);
}

#[tokio::test]
async fn pages_of_other_sites_are_refused_and_tokens_ignored() {
    let stage = Stage::new(api).await;
    let ours = stage.base.clone();
    let name = ours.replace("127.0.0.1", "localhost");
    for (origin, status) in [
        (ours.as_str(), 200),
        (&name, 403),
        ("http://127.0.0.1", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ] {
        let answer = ask(&stage, "DELETE", "/v1/kv/a").header("Origin", origin).send().await;
        assert_eq!(answer.unwrap().status(), status, "{origin}");
    }
    let probe = ask(&stage, "GET", "/metrics").header("Origin", "https://evil.example");
    assert_eq!(probe.send().await.unwrap().status(), 200);
    let token = ask(&stage, "GET", "/v1/agent/checks?token=a").header("X-Consul-Token", "b");
    assert_eq!(token.bearer_auth("c").send().await.unwrap().status(), 200);
}
