//! `/v1/agent/health/service/…`: how a service stands, also as a status for load balancers.

use axum::extract::{Path, State};
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::engine::registrations::view::AgentView;
use crate::http::Face;
use crate::http::consul::answer;
use crate::http::consul::node::Node;
use crate::http::consul::request::Params;
use crate::http::consul::shapes::{CheckJson, ServiceJson};
use crate::http::consul::standing::Standing;
use crate::model::agent::AgentService;
use crate::model::health::Verdict;
use crate::model::text::printable;

/// How a service stands, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Aggregate {
    Passing,
    Warning,
    Critical,
    Maintenance,
}

impl Aggregate {
    fn word(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Warning => "warning",
            Self::Critical => "critical",
            Self::Maintenance => "maintenance",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::Passing => StatusCode::OK,
            Self::Warning => StatusCode::TOO_MANY_REQUESTS,
            Self::Critical | Self::Maintenance => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl From<Verdict> for Aggregate {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Passing => Self::Passing,
            Verdict::Warning => Self::Warning,
            Verdict::Critical => Self::Critical,
        }
    }
}

/// One service with its checks.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health<'a> {
    aggregated_status: Aggregate,
    service: Option<ServiceJson<'a>>,
    checks: Option<Vec<CheckJson<'a>>>,
}

/// What is shown, and how to say it.
struct Asked {
    params: Params,
    text: bool,
}

impl Asked {
    fn new(params: Params, headers: &HeaderMap) -> Self {
        let wants_text = |accept: &str| accept.starts_with("text/plain");
        let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let text = params.get("format") == Some("text") || accept.is_some_and(wants_text);
        Self { params, text }
    }

    fn answer(&self, status: StatusCode, reason: &str, body: &impl Serialize) -> Response {
        let reason = printable(reason);
        let headers = [("x-consul-reason", &*reason)];
        if self.text {
            return (status, headers, reason.clone().into_owned()).into_response();
        }
        (status, headers, answer::json(&self.params, body)).into_response()
    }
}

pub(super) async fn by_id(
    State(face): State<Face>,
    Path(id): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let asked = Asked::new(params, &headers);
    let (snapshot, agent) = (face.engine.board().snapshot(), face.engine.board().agent());
    let Some(service) = agent.services.get(&*id) else {
        let none = Health { aggregated_status: Aggregate::Critical, service: None, checks: None };
        return asked.answer(StatusCode::NOT_FOUND, &format!("ServiceId {id} not found"), &none);
    };
    let standing = Standing::of(&snapshot, &face.node.zone, &service.name);
    let health = health(service, (&agent, &standing), &face.node);
    let stands = health.aggregated_status;
    asked.answer(stands.status(), stands.word(), &health)
}

pub(super) async fn by_name(
    State(face): State<Face>,
    Path(name): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Response {
    let asked = Asked::new(params, &headers);
    let (snapshot, agent) = (face.engine.board().snapshot(), face.engine.board().agent());
    let standing = Standing::of(&snapshot, &face.node.zone, &name);
    let named = agent.services.iter().filter(|(_, service)| service.name == name);
    let mut services: Vec<_> = named.map(|(_, service)| service).collect();
    services.sort_unstable_by_key(|service| &service.id);
    let services = services.into_iter().map(|s| health(s, (&agent, &standing), &face.node));
    let services: Vec<_> = services.collect();
    match services.iter().map(|health| health.aggregated_status).max() {
        None => {
            let words = format!("ServiceName {name} Not Found");
            asked.answer(StatusCode::NOT_FOUND, &words, &services)
        }
        Some(worst) => asked.answer(worst.status(), worst.word(), &services),
    }
}

/// The node's checks are checks of each service.
fn health<'a>(
    service: &'a AgentService,
    (agent, standing): (&'a AgentView, &Standing<'a>),
    node: &'a Node,
) -> Health<'a> {
    let own = service.checks.iter().map(|check| (Some(service), check));
    let checks = own.chain(agent.checks.iter().map(|(_, check)| (None, &**check)));
    let checks =
        checks.map(|(of, check)| CheckJson::new(check, of, node, standing.check(check, service)));
    let reason = standing.maintenance(service);
    let maintenance = reason.map(|reason| CheckJson::maintenance(service, node, reason));
    Health {
        aggregated_status: match maintenance {
            Some(_) => Aggregate::Maintenance,
            None => standing.service(service).into(),
        },
        service: Some(ServiceJson::new(service, node)),
        checks: Some(checks.chain(maintenance).collect()),
    }
}
