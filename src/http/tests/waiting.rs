//! Readers who wait for a change, over HTTP, in a world that runs.

use std::path::Path;

use axum::extract;
use tokio::time::Instant;

use super::published::{apex, file};
use super::*;
use crate::config::zone_toml;
use crate::http::consul::failure::Failure;
use crate::http::consul::request::Params;
use crate::http::consul::wait::{Resource, seen};
use crate::model::origin::{EntryId, Origin};

const LIMIT: Duration = Duration::from_secs(20);
/// Long enough for whoever is woken wrongly to be seen.
const MOMENT: Duration = Duration::from_millis(50);

/// Answers the index alone.
fn routes(face: Face) -> Router {
    router(vec![Route::new("GET", "/{name}", get(show))], face)
}

async fn show(
    State(face): State<Face>,
    extract::Path(name): extract::Path<String>,
    params: Params,
) -> Result<String, Failure> {
    let of = match &*name {
        "services" => Resource::Services,
        "nodes" => Resource::Nodes,
        "all" => Resource::All,
        name => Resource::Service(name),
    };
    seen(&face, &params, of).await.map(|seen| seen.index.to_string())
}

async fn stage() -> (Stage, Handle) {
    // Without checks: nothing changes by itself.
    let zone = Change::Zone(Origin::Files, zone_toml::defaults(&apex(), &[]));
    let loaded = vec![zone, service("web", "10.0.0.1"), service("db", "10.0.0.2")];
    let (mut stage, engine, handle) = Stage::open(routes, loaded, Arc::new(Now::default)).await;
    stage.tasks.spawn(engine.run(stage.engine.clone()));
    (stage, handle)
}

async fn tell(engine: &Handle, change: Change) {
    let engine = engine.clone();
    tokio::task::spawn_blocking(move || engine.changed(vec![change])).await.unwrap();
}

fn service(name: &str, address: &str) -> Change {
    let text = format!("[[service]]\nname = '{name}'\ninstance = [{{ address = '{address}' }}]\n");
    file(&format!("{name}.toml"), &text)
}

impl Stage {
    async fn index(&self, path: &str) -> u64 {
        let (status, text) = self.get(path).await;
        assert_eq!(status, 200, "{text}");
        text.parse().unwrap()
    }

    /// Readers who wait, each on a connection of its own, and the index they wait for.
    async fn watch(&self, path: &str, many: usize) -> (u64, JoinSet<u64>) {
        let known = self.index(path).await;
        let url = format!("{}{path}?index={known}&wait=60s", self.base);
        let mut readers = JoinSet::new();
        for _ in 0..many {
            let url = url.clone();
            readers.spawn(async move {
                client().get(url).send().await.unwrap().text().await.unwrap().parse().unwrap()
            });
        }
        (known, readers)
    }
}

async fn all(readers: JoinSet<u64>) -> Vec<u64> {
    tokio::time::timeout(LIMIT, readers.join_all()).await.expect("they are answered")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_wakes_those_who_wait_for_its_service_and_nobody_else() {
    let (stage, engine) = stage().await;
    let (known, web) = stage.watch("/web", 100).await;
    let (_, mut others) = stage.watch("/db", 1).await;
    let (_, mut names) = stage.watch("/services", 1).await;
    let (_, everything) = stage.watch("/all", 1).await;
    tokio::time::sleep(MOMENT).await;
    let start = Instant::now();
    tell(&engine, service("web", "10.0.0.9")).await;
    let indexes = all(web).await;
    let took = start.elapsed();
    assert!(indexes.iter().all(|index| *index > known), "{known} {indexes:?}");
    assert!(all(everything).await[0] >= indexes[0]);
    let woken = tokio::time::timeout(MOMENT, others.join_next()).await;
    assert!(woken.is_err() && names.try_join_next().is_none(), "neither has changed");
    tell(&engine, service("mail", "10.0.0.8")).await;
    assert!(all(names).await[0] > indexes[0]);
    assert!(others.try_join_next().is_none());
    println!("100 readers answered {took:?} after the change was told");
}

#[tokio::test]
async fn what_is_gone_or_never_was_has_the_index_of_the_last_removal() {
    let (stage, engine) = stage().await;
    assert!(stage.index("/never").await >= 1);
    let (known, readers) = stage.watch("/web", 1).await;
    tell(&engine, Change::Gone(EntryId::of_file(Path::new("web.toml")))).await;
    let gone = all(readers).await[0];
    assert!(gone > known);
    assert_eq!([stage.index("/web").await, stage.index("/never").await], [gone, gone]);
}

#[tokio::test]
async fn an_index_ahead_waits_and_gives_the_smaller_and_one_that_is_none_is_refused() {
    let (stage, _engine) = stage().await;
    let known = stage.index("/web").await;
    assert_eq!(stage.index(&format!("/web?index={}&wait=20ms", known + 99)).await, known);
    assert_eq!(stage.index(&format!("/nodes?index={}&wait=20ms", u64::MAX)).await, 1);
    for wrong in ["-1", "x", "1.5"] {
        let (status, text) = stage.get(&format!("/web?index={wrong}")).await;
        assert_eq!(status, 400, "{text}");
        assert!(text.starts_with("Invalid index"), "{text}");
    }
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_answers_those_who_wait() {
    let (stage, _engine) = stage().await;
    let (known, readers) = stage.watch("/web", 3).await;
    tokio::time::sleep(MOMENT).await;
    stage.draining.cancel();
    assert_eq!(all(readers).await, [known; 3]);
}

/// Ten thousand in this process, without connections: what waking them costs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn ten_thousand_who_wait() {
    let (stage, engine) = stage().await;
    let known = stage.index("/web").await;
    let params = Params::of(&format!("/?index={known}&wait=60s").parse().unwrap());
    let (face, mut readers) = (stage.face.clone(), JoinSet::new());
    for _ in 0..10_000 {
        let (face, params) = (face.clone(), params.clone());
        readers.spawn(async move {
            seen(&face, &params, Resource::Service("web")).await.map(|seen| seen.index).unwrap()
        });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let cpu = || nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_SELF).unwrap();
    let before = cpu();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let after = cpu();
    println!("idle for 5 s: CPU {} -> {}", before.user_time(), after.user_time());
    let start = Instant::now();
    tell(&engine, service("web", "10.0.0.9")).await;
    assert!(all(readers).await.iter().all(|index| *index > known));
    println!("10000 answered in {:?}", start.elapsed());
}
