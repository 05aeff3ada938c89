mod connections;
mod conventions;
mod published;
mod waiting;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::*;
use crate::config::Config;
use crate::config::consul::Consul;
use crate::engine::settings::Settings;
use crate::engine::task::{Engine, Parts};
use crate::engine::world::World;
use crate::health::checks::Runner;
use crate::model::check::{Policy, Scripts};
use crate::model::time::{Clock, Now};
use crate::snapshot::{Rules, Snapshot};
use crate::sources::Change;
use crate::store::registrations::Store;
use crate::store::serial::{IndexFile, SerialFile};

/// A face on an empty world, and all that must outlive the questions.
struct Stage {
    base: String,
    face: Face,
    draining: CancellationToken,
    engine: CancellationToken,
    tasks: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Stage {
    async fn new(routes: fn(Face) -> Router) -> Self {
        let (mut stage, engine, _) = Self::open(routes, Vec::new(), Arc::new(Now::default)).await;
        stage.tasks.spawn(engine.run(stage.engine.clone()));
        stage
    }

    /// One whose world holds this, and is run by nobody.
    async fn open(
        routes: fn(Face) -> Router,
        loaded: Vec<Change>,
        clock: Clock,
    ) -> (Self, Engine, Handle) {
        let folder = tempfile::tempdir().unwrap();
        let metrics = Metrics::new("1.2.3");
        let parts = parts(folder.path(), &metrics, Arc::clone(&clock));
        let (engine, handle) = Engine::start(parts, loaded);
        let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let current = Arc::new(ArcSwap::from_pointee(Http::default()));
        let shared =
            Arc::new(listener::Shared::new(Arc::clone(&current), &metrics, Arc::clone(&clock)));
        let draining_too = draining.clone();
        let face = Face {
            engine: handle.clone(),
            metrics,
            current,
            draining: draining_too,
            clock,
            services: Arc::default(),
            node: Arc::new(Node::new(&Consul::default(), None)),
            listings: Arc::default(),
            watches: Arc::default(),
        };
        let zone = face.node.zone.clone();
        tasks.spawn(Arc::clone(&face.watches).follow(handle.clone(), zone));
        tasks.spawn(listener::serve(
            listener,
            routes(face.clone()),
            shared,
            CancellationToken::new(),
        ));
        (Self { base, face, draining, engine: stop, tasks, _folder: folder }, engine, handle)
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("{}{path}", self.base);
        let answer = client().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

fn parts(folder: &std::path::Path, metrics: &Metrics, clock: Clock) -> Parts {
    let settings = Settings {
        policy: Policy::default(),
        first_round: Duration::from_secs(5),
        max_in_flight: 16,
        source: Vec::new(),
        scripts: Scripts::Refused,
        ..Settings::of(&Config::default())
    };
    Parts {
        world: World::new(settings, 1, 0),
        current: Arc::new(ArcSwap::from_pointee(Snapshot::empty(Rules::default()))),
        runner: Runner::new(),
        metrics: metrics.clone(),
        serials: SerialFile::open(Some(folder), 1, Now::default().mono).file,
        indexes: IndexFile::open(Some(folder), 1, Now::default().mono).file,
        store: Store::default(),
        clock,
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn a_world_that_waits_for_nothing_is_ready() {
    let stage = Stage::new(api).await;
    assert_eq!(stage.get("/health/live").await, (200, "ok".to_owned()));
    let (status, body) = stage.get("/health/ready").await;
    assert_eq!(status, 200, "{body}");
    let body = json(&body);
    assert_eq!((&body["ready"], &body["draining"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(body["sources"][0]["name"], "files");
    assert_eq!(body["checks"]["total"], 0);
}

#[tokio::test]
async fn a_draining_server_is_alive_and_not_ready() {
    let stage = Stage::new(api).await;
    stage.draining.cancel();
    let (status, body) = stage.get("/health/ready").await;
    assert_eq!((status, &json(&body)["draining"]), (503, &Value::Bool(true)));
    assert_eq!(json(&body)["ready"], Value::Bool(false));
    assert_eq!(stage.get("/health/live").await.0, 200);
}

#[tokio::test]
async fn without_a_world_nothing_is_ready() {
    let mut stage = Stage::new(api).await;
    stage.engine.cancel();
    stage.tasks.join_next().await.unwrap().unwrap();
    let (status, body) = stage.get("/health/ready").await;
    assert_eq!((status, json(&body)["error"].as_str()), (503, Some(ENDED)));
    assert_eq!(stage.get("/v1/livezone/services").await, (503, format!("{ENDED}\n")));
}

#[tokio::test]
async fn services_are_what_status_shows() {
    let stage = Stage::new(api).await;
    let (status, body) = stage.get("/v1/livezone/services").await;
    assert_eq!(status, 200);
    let report: crate::engine::report::ServicesReport = serde_json::from_str(&body).unwrap();
    assert_eq!(report.services, []);
}

#[tokio::test]
async fn metrics_come_in_the_form_asked_for() {
    let stage = Stage::new(api).await;
    let (status, text) = stage.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(text.contains("livezone_services 0") && !text.contains("# EOF"), "{text}");
    let open = client()
        .get(format!("{}/metrics", stage.base))
        .header("Accept", "application/openmetrics-text");
    let answer = open.send().await.unwrap();
    let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.text().await.unwrap().ends_with("# EOF\n"));
}

#[tokio::test]
async fn an_unknown_path_is_told_what_there_is() {
    let stage = Stage::new(api).await;
    let (status, body) = stage.get("/v1/livezone/service").await;
    assert_eq!(status, 404);
    assert!(body.contains("GET /v1/livezone/services\n"), "{body}");
    let posted = client().post(format!("{}/metrics", stage.base)).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    assert_eq!(posted.headers()["allow"], "GET,HEAD,OPTIONS");
}

#[tokio::test]
async fn the_second_address_shows_health_and_metrics_alone() {
    let stage = Stage::new(observe).await;
    assert_eq!(stage.get("/health/ready").await.0, 200);
    assert_eq!(stage.get("/metrics").await.0, 200);
    let (status, body) = stage.get("/v1/livezone/services").await;
    assert_eq!(status, 404);
    assert!(!body.contains("/v1/"), "{body}");
}
