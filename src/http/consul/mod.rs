//! What Consul's agent answers, as far as those who register here and ask about themselves need it.

pub(super) mod answer;
mod checks;
pub(super) mod failure;
mod health;
mod listing;
pub mod node;
pub(super) mod request;
mod services;
mod shapes;
mod standing;
#[expect(dead_code, reason = "the endpoints that read it follow")]
pub(super) mod wait;
pub mod watches;

use axum::routing::{delete, get, put};

use crate::http::Route;
pub use crate::http::consul::listing::Listings;

/// The catch-all parts take ids with slashes, as Consul does.
pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("GET", "/v1/agent/self", get(node::own)),
        Route::new("GET", "/v1/agent/members", get(node::members)),
        Route::new("PUT", "/v1/agent/maintenance", put(node::maintenance)),
        Route::new("GET", "/v1/agent/services", get(services::all)),
        Route::new("GET", "/v1/agent/service/{*id}", get(services::one)),
        Route::new("PUT", "/v1/agent/service/register", put(services::register)),
        Route::new("PUT", "/v1/agent/service/deregister/{*id}", put(services::deregister)),
        Route::new("PUT", "/v1/agent/service/maintenance/{*id}", put(services::maintenance)),
        Route::new("GET", "/v1/agent/checks", get(checks::all)),
        Route::new("PUT", "/v1/agent/check/register", put(checks::register)),
        Route::new("PUT", "/v1/agent/check/deregister/{*id}", put(checks::deregister)),
        Route::new("PUT", "/v1/agent/check/pass/{*id}", put(checks::pass)),
        Route::new("PUT", "/v1/agent/check/warn/{*id}", put(checks::warn)),
        Route::new("PUT", "/v1/agent/check/fail/{*id}", put(checks::fail)),
        Route::new("PUT", "/v1/agent/check/update/{*id}", put(checks::update)),
        Route::new("GET", "/v1/agent/health/service/id/{*id}", get(health::by_id)),
        Route::new("GET", "/v1/agent/health/service/name/{*name}", get(health::by_name)),
        Route::new("GET", "/v1/status/leader", get(node::leader)),
        Route::new("GET", "/v1/status/peers", get(node::peers)),
        Route::new("GET", "/v1/catalog/datacenters", get(node::datacenters)),
        Route::new(
            "GET, DELETE",
            "/v1/kv/{*key}",
            get(node::no_value).merge(delete(node::deleted)),
        ),
    ]
}
