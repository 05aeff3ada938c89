//! `/v1/agent/service/…`: what a service says of itself, and reads of itself.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, sleep_until};

use crate::http::Face;
use crate::http::consul::answer::{Answer, json, write};
use crate::http::consul::failure::Failure;
use crate::http::consul::filter::fields;
use crate::http::consul::request::{Body, Params};
use crate::http::consul::shapes::ServiceJson;
use crate::model::agent::{AgentService, Write};
use crate::sources::consul::api::body;

/// Consul's words.
const NO_REASON: &str = "Maintenance mode is enabled for this service, but no reason was \
                         provided. This is a default message.";

pub(super) async fn register(State(face): State<Face>, params: Params, body: Body) -> Answer {
    let service = Box::new(body::service(&body.0).map_err(Failure::bad)?);
    let replace_checks = matches!(params.get("replace-existing-checks"), Some("" | "true"));
    write(&face, Write::Register { service, replace_checks }).await
}

pub(super) async fn deregister(
    State(face): State<Face>,
    Path(id): Path<String>,
    _: Params,
) -> Answer {
    write(&face, Write::Deregister(id.into())).await
}

pub(super) async fn maintenance(
    State(face): State<Face>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let reason = || params.filled("reason").unwrap_or(NO_REASON).to_owned();
    let reason = params.enable()?.then(reason);
    write(&face, Write::Maintenance { service: id.into(), reason }).await
}

/// `GET /v1/agent/services`
pub(super) async fn all(State(face): State<Face>, params: Params) -> Answer {
    let make = async |entries: &mut super::listing::Entries<'_>| {
        let agent = face.engine.board().agent();
        let mut services: Vec<_> = agent.services.iter().collect();
        services.sort_unstable_by_key(|(id, _)| *id);
        for (id, service) in services {
            entries.add(id, &ServiceJson::new(service, &face.node)).await;
        }
    };
    face.listings.services.get(&face, &params, fields::SERVICES, make).await
}

/// `GET /v1/agent/service/{id}`: with a `hash`, when it is another, or the time is over.
pub(super) async fn one(
    State(face): State<Face>,
    Path(id): Path<String>,
    params: Params,
) -> Answer {
    let mut generation = face.engine.generation();
    let deadline = Instant::now() + params.wait()?;
    let mut before: Option<Arc<AgentService>> = None;
    loop {
        generation.borrow_and_update();
        let service = face.engine.board().agent().services.get(&*id).cloned();
        let service =
            service.ok_or_else(|| Failure::not_found(format!("unknown service ID: {id}")))?;
        let is_same = before.as_ref().is_some_and(|before| Arc::ptr_eq(before, &service));
        if !is_same {
            let (shape, hash) = ServiceJson::hashed(&service, &face.node);
            if params.filled("hash") != Some(&hash) {
                return Ok(answer(&params, &shape, &hash));
            }
        }
        let is_over = tokio::select! {
            () = sleep_until(deadline) => true,
            () = face.draining.cancelled() => true,
            changed = generation.changed() => changed.is_err(),
        };
        if is_over {
            let (shape, hash) = ServiceJson::hashed(&service, &face.node);
            return Ok(answer(&params, &shape, &hash));
        }
        before = Some(service);
    }
}

fn answer(params: &Params, service: &ServiceJson<'_>, hash: &str) -> Response {
    ([("x-consul-contenthash", hash)], json(params, service)).into_response()
}
