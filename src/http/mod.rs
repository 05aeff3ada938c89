//! The HTTP face: the routes, one file a face, and the listener that bounds who uses them.

pub mod bodies;
pub mod consul;
mod conversation;
mod gzip;
mod health;
mod host;
pub mod listener;
mod metrics;
mod openapi;
mod orders;
mod services;
mod stream;

use std::borrow::Cow;
use std::sync::Arc;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::http::Http;
use crate::engine::board::Version;
use crate::engine::task::Handle;
use crate::http::bodies::Bodies;
use crate::http::consul::Listings;
use crate::http::consul::node::Node;
use crate::http::consul::watches::Watches;
use crate::metrics::Metrics;
use crate::model::text::printable_json;
use crate::model::time::Clock;

/// No request of this API is longer; a registration is a few KiB.
const MAX_BODY: usize = 256 * 1024;
/// What is left when the world has ended: what it published last.
const ENDED: &str = "the engine has ended, and health is not followed: restart livezone";

/// What the routes show.
#[derive(Clone)]
pub struct Face {
    /// What the world has published.
    pub engine: Handle,
    /// What is counted.
    pub metrics: Metrics,
    /// What `[http]` says now.
    pub current: Arc<ArcSwap<Http>>,
    /// Cancelled when the server is about to stop.
    pub draining: CancellationToken,
    /// For how old what is shown is.
    pub clock: Clock,
    /// What `/v1/livezone/services` answers.
    pub services: Arc<Bodies<Version>>,
    /// What this server says of itself to Consul's clients.
    pub node: Arc<Node>,
    /// What lists of Consul's agent answer.
    pub listings: Arc<Listings>,
    /// Who waits for a change.
    pub watches: Arc<Watches>,
}

/// The whole API.
pub fn api(face: Face) -> Router {
    router(routes(), face).layer(from_fn_with_state(gzip::Encoders::new(), gzip::encode))
}

fn routes() -> Vec<Route> {
    let own = [
        Route::new("GET", "/v1/livezone/openapi.json", get(|| async { openapi::answer() })),
        Route::new("GET", "/v1/livezone/services", get(services::all)),
    ];
    observed().into_iter().chain(own).chain(orders::routes()).chain(consul::routes()).collect()
}

/// What may be shown to anybody: health and metrics.
pub fn observe(face: Face) -> Router {
    router(observed(), face)
}

/// A path, and what is answered there to the methods that it takes.
struct Route {
    methods: &'static str,
    path: &'static str,
    handler: MethodRouter<Face>,
}

impl Route {
    /// OPTIONS is answered with the methods, and HEAD goes with GET.
    fn new(methods: &'static str, path: &'static str, handler: MethodRouter<Face>) -> Self {
        let head = if methods.starts_with("GET") { "HEAD, " } else { "" };
        let allow = format!("{methods}, {head}OPTIONS");
        let handler = handler.options(|| async move { [(ALLOW, allow)] });
        Self { methods, path, handler }
    }
}

fn observed() -> Vec<Route> {
    vec![
        Route::new("GET", "/health/live", get(health::live)),
        Route::new("GET", "/health/ready", get(health::ready)),
        Route::new("GET", "/metrics", get(metrics::scrape)),
    ]
}

fn router(routes: Vec<Route>, face: Face) -> Router {
    let line = |route: &Route| format!("  {} {}\n", route.methods, route.path.replace('*', ""));
    let there_is = format!("available paths:\n{}", routes.iter().map(line).collect::<String>());
    // Consul's words.
    let unknown = "Invalid URL path: not a recognized HTTP API endpoint";
    let unknown = format!("{unknown}; {there_is}");
    let wrong_method = format!("method not allowed; {there_is}");
    let mut router = Router::new();
    for route in routes {
        router = router.route(route.path, route.handler);
    }
    router
        .fallback(|| async { (StatusCode::NOT_FOUND, unknown) })
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, wrong_method) })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn_with_state(Arc::clone(&face.current), for_us))
        .with_state(face)
}

/// Turns away what is for another host.
async fn for_us(
    State(current): State<Arc<ArcSwap<Http>>>,
    request: Request,
    next: Next,
) -> Response {
    let of = (request.version(), request.uri(), request.headers());
    let judged = host::judge(of, &current.load().hosts);
    match judged.and_then(|()| host::judge_origin(request.uri(), request.headers())) {
        Ok(()) => next.run(request).await,
        Err(refusal) => (refusal.status(), refusal.advice()).into_response(),
    }
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

#[cfg(test)]
mod tests;
