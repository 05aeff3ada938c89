//! Orders of operators over HTTP: on instances of files and of registrations, in effect at once.

use std::time::Duration;

use serde_json::json;

use crate::support::http::Response;
use crate::support::server::Server;

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
