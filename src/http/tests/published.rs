//! What is published is shown whatever the world does: here nobody runs it until it is told so.

use std::path::Path;
use std::sync::Mutex;

use super::*;
use crate::config::zone_toml;
use crate::engine::report::ServicesReport;
use crate::model::name::Name;
use crate::model::origin::{EntryId, Origin};
use crate::sources::native;
use crate::sources::{Content, Put};

const SERVICES: &str = "/v1/livezone/services";
const READY: &str = "/health/ready";

pub(super) fn file(name: &str, text: &str) -> Change {
    let path: Arc<Path> = Path::new(name).into();
    let (document, diagnostics) = native::parse(Arc::clone(&path), text.into());
    let services = document.map(|services| Content::Services(Arc::new(services)));
    let content = services.unwrap_or(Content::Refused);
    Change::Put(Put { id: EntryId::of_file(&path), zone: apex(), content, diagnostics })
}

pub(super) fn apex() -> Name {
    Name::parse("service.internal").unwrap()
}

fn loaded() -> Vec<Change> {
    let checked = "[[service]]\nname = \"web\"\nport = 80\n[[service.check]]\ntcp = true\n\
                   [[service.instance]]\nid = \"web-1\"\naddress = \"10.0.0.1\"\n";
    let unchecked = "[[service]]\nname = \"db\"\n[[service.instance]]\nid = \"db-1\"\n\
                     address = \"10.0.0.2\"\n[[service.instance]]\naddress = \"10.0.0.3\"\n";
    let zone = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    let files = [("web.toml", checked), ("db.toml", unchecked), ("bad.toml", "[[servise]]\n")];
    std::iter::once(zone).chain(files.map(|(name, text)| file(name, text))).collect()
}

/// A clock that stands until it is set.
fn clock() -> (Clock, Arc<Mutex<Now>>) {
    let now = Arc::new(Mutex::new(Now::default()));
    let shared = Arc::clone(&now);
    (Arc::new(move || *shared.lock().unwrap()), now)
}

#[tokio::test]
async fn what_is_published_is_shown_without_the_world() {
    let (clock, now) = clock();
    let (stage, _engine, _) = Stage::open(api, loaded(), clock).await;
    let (status, body) = stage.get(SERVICES).await;
    assert_eq!(status, 200);
    let report: ServicesReport = serde_json::from_str(&body).unwrap();
    let written = serde_json::to_string(&report).unwrap();
    assert_eq!(printable_json(&written), body, "in pieces it is the same document");
    let [db, web] = &report.services[..] else { panic!("{body}") };
    assert_eq!((&*db.name, &*db.zone, db.instances.len()), ("db", "service.internal", 2));
    let [one] = &web.instances[..] else { panic!("{body}") };
    assert_eq!((&*one.id, &*one.state, one.served), ("web-1", "unknown", false));
    assert_eq!(one.since, "1970-01-01T00:00:00Z");
    let [check] = &one.checks[..] else { panic!("{body}") };
    assert_eq!((&*check.kind, &*check.state, &*check.output), ("tcp", "unknown", ""));
    assert!(report.sources[0].errors[0].starts_with("bad.toml:1:"), "{body}");

    *now.lock().unwrap() = Now::default().after(Duration::from_secs(3));
    let (status, body) = stage.get(READY).await;
    let body = json(&body);
    assert_eq!((status, &body["ready"], &body["error"]), (503, &false.into(), &Value::Null));
    assert_eq!(body["checks"]["total"], 1);
    assert_eq!(body["checks"]["in_flight"], 1);
    assert_eq!(body["checks"]["waiting"], serde_json::json!(["web.service.internal."]));
    assert_eq!(body["snapshot"], serde_json::json!({ "generation": 1, "age_seconds": 3 }));
    assert!(body["sources"][0]["errors"][0].as_str().unwrap().starts_with("bad.toml:1:"));
}

#[tokio::test]
async fn a_world_that_stands_still_is_not_ready_and_is_shown() {
    let (clock, now) = clock();
    let (mut stage, engine, handle) = Stage::open(api, Vec::new(), clock).await;
    let set = |millis| *now.lock().unwrap() = Now::default().after(Duration::from_millis(millis));
    set(9_999);
    assert_eq!(stage.get(READY).await.0, 200);
    set(12_000);
    let (status, body) = stage.get(READY).await;
    let error = "the engine has made no progress for 12 s, and health is not followed: restart \
                 livezone if this stays";
    assert_eq!((status, json(&body)["error"].as_str()), (503, Some(error)));
    assert_eq!(json(&body)["ready"], Value::Bool(false));
    assert_eq!(stage.get(SERVICES).await.0, 200);
    assert_eq!(stage.get("/health/live").await.0, 200);
    stage.tasks.spawn(engine.run(stage.engine.clone()));
    assert!(handle.ping().await);
    assert_eq!(stage.get(READY).await.0, 200, "it goes on");
}
