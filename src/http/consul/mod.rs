//! What Consul's agent answers, as far as those who register here and ask about themselves need it.

pub(super) mod answer;
mod boolean;
mod catalog;
mod checks;
mod discover;
mod entries;
pub(super) mod failure;
pub mod filter;
mod found;
mod health;
mod healths;
mod listing;
pub mod node;
pub(super) mod request;
mod services;
mod shapes;
mod standing;
pub(super) mod wait;
pub mod watches;

use axum::routing::{any, get, put};

use crate::http::Route;
pub use crate::http::consul::listing::Listings;

/// The catch-all parts take ids with slashes, as Consul does.
pub(super) fn routes() -> Vec<Route> {
    let mut routes = agent();
    routes.extend(catalog());
    routes.extend([
        Route::new("GET", "/v1/status/leader", get(node::leader)),
        Route::new("GET", "/v1/status/peers", get(node::peers)),
        Route::new(
            "GET, DELETE",
            "/v1/kv/{*key}",
            get(node::no_value).delete(node::deleted).put(node::not_kept),
        ),
        Route::new("GET, PUT, POST, DELETE", "/v1/acl/{*path}", any(node::no_acl)),
    ]);
    routes
}

fn agent() -> Vec<Route> {
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
    ]
}

fn catalog() -> Vec<Route> {
    vec![
        Route::new("GET", "/v1/catalog/datacenters", get(node::datacenters)),
        Route::new("GET", "/v1/catalog/services", get(catalog::services)),
        Route::new("GET", "/v1/catalog/service/{*name}", get(catalog::service)),
        Route::new("GET", "/v1/catalog/nodes", get(catalog::nodes)),
        Route::new("GET", "/v1/catalog/node/{*name}", get(catalog::node)),
        Route::new("PUT", "/v1/catalog/register", put(catalog::written)),
        Route::new("PUT", "/v1/catalog/deregister", put(catalog::written)),
        Route::new("GET", "/v1/health/service/{*name}", get(healths::service)),
        Route::new("GET", "/v1/health/checks/{*name}", get(healths::checks)),
        Route::new("GET", "/v1/health/state/{state}", get(healths::state)),
        Route::new("GET", "/v1/health/node/{*name}", get(healths::node)),
    ]
}
