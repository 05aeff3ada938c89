//! The HTTP face: the routes, one file a face, and the listener that bounds who uses them.

mod health;
mod listener;
mod metrics;
mod services;

use std::borrow::Cow;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::engine::task::Handle;
use crate::metrics::Metrics;
use crate::model::text::printable_json;
use crate::model::time::Clock;

/// No request of this API is longer; a registration is a few KiB.
const MAX_BODY: usize = 256 * 1024;
/// The world answers within a turn, which is milliseconds. When it does not, saying so beats
/// waiting for the asker's own timeout.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the routes show, and whom they ask.
#[derive(Clone, Debug)]
pub struct Face {
    /// The way to the world.
    pub engine: Handle,
    /// What is counted.
    pub metrics: Metrics,
    /// Cancelled when the server is about to stop.
    pub draining: CancellationToken,
}

/// The whole API.
pub fn api(face: Face) -> Router {
    let paths = observed().into_iter().chain([("/v1/livezone/services", get(services::all))]);
    router(paths.collect(), face)
}

/// What may be shown to anybody: health and metrics.
pub fn observe(face: Face) -> Router {
    router(observed(), face)
}

type Routes = Vec<(&'static str, MethodRouter<Face>)>;

fn observed() -> Routes {
    vec![
        ("/health/live", get(health::live)),
        ("/health/ready", get(health::ready)),
        ("/metrics", get(metrics::scrape)),
    ]
}

fn router(routes: Routes, face: Face) -> Router {
    let lines: Vec<_> = routes.iter().map(|(path, _)| format!("  GET {path}\n")).collect();
    let there_is = format!("there is:\n{}", lines.concat());
    let unknown = format!("nothing here; {there_is}");
    let wrong_method = format!("not with this method; {there_is}");
    let mut router = Router::new();
    for (path, route) in routes {
        router = router.route(path, route);
    }
    router
        .fallback(|| async { (StatusCode::NOT_FOUND, unknown) })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, wrong_method) })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(face)
}

/// Answers with `routes` until `stop`; requests in flight may end.
pub async fn serve(listener: TcpListener, routes: Router, clock: Clock, stop: CancellationToken) {
    listener::serve(listener::LIMITS, listener, routes, clock, stop).await;
}

/// A body that may be looked at in a terminal: what files and backends say is escaped in it.
fn json(body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => {
            // Mostly there is nothing to escape: then nothing is copied.
            let text = match printable_json(&text) {
                Cow::Borrowed(_) => text,
                Cow::Owned(printable) => printable,
            };
            ([(CONTENT_TYPE, "application/json")], text).into_response()
        }
        // Nothing that is shown has keys that JSON does not know.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The world's answer; `None` when it has ended or does not answer in time.
async fn patiently<T>(answer: impl Future<Output = Option<T>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, answer).await.ok().flatten()
}

#[cfg(test)]
mod tests;
