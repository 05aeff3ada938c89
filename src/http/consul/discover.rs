//! What readers of the catalog and of health have in common: parameters, what there is to see, and
//! the headers of the answer.

use std::sync::Arc;

use axum::http::header::{AGE, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::Face;
use crate::http::consul::answer;
use crate::http::consul::failure::Failure;
use crate::http::consul::filter::Filter;
use crate::http::consul::filter::fields::Fields;
use crate::http::consul::found::{Found, instances};
use crate::http::consul::listing::Entries;
use crate::http::consul::node::Node;
use crate::http::consul::request::Params;
use crate::http::consul::wait::{Resource, Seen, seen};
use crate::snapshot::service::ServiceView;

/// A reader's question, and what there is.
pub(super) struct Reading {
    params: Params,
    filter: Option<Filter>,
    pub(super) node: Arc<Node>,
    pub(super) seen: Seen,
    /// Whether every service is known, and how it stands.
    is_ready: bool,
    /// Whether the node has all of `node-meta`.
    is_of_node: bool,
}

impl Reading {
    /// Refuses what cannot be answered, and waits as the parameters say.
    pub(super) async fn start(
        face: &Face,
        params: Params,
        of: Resource<'_>,
        fields: &'static Fields,
    ) -> Result<Self, Failure> {
        let filter = params.filter(fields)?;
        is_consistent(&params)?;
        if params.filled("dc").is_some_and(|dc| !dc.eq_ignore_ascii_case(&face.node.datacenter)) {
            let words = "No path to datacenter".to_owned();
            return Err(Failure { status: StatusCode::INTERNAL_SERVER_ERROR, words });
        }
        // Asked before the snapshot is read: it does not become less ready.
        let is_ready = face.engine.board().is_ready();
        let seen = seen(face, &params, of).await?;
        let meta = face.node.meta();
        let has = |pair: &str| {
            let (key, value) = pair.split_once(':').unwrap_or((pair, ""));
            meta.get(key).is_some_and(|of_node| of_node == value)
        };
        let is_of_node = params.all("node-meta").all(has);
        Ok(Self { params, filter, node: Arc::clone(&face.node), seen, is_ready, is_of_node })
    }

    /// All services of the zone by name; while not all are known, clients keep what they have.
    pub(super) fn services(&self) -> Result<Vec<&ServiceView>, Failure> {
        knows(self.is_ready)?;
        let zone = self.seen.snapshot.zones.get(self.node.zone.as_wire());
        let zone = zone.filter(|_| self.is_of_node);
        let views = zone.into_iter().flat_map(|zone| zone.services.iter().map(|(_, view)| &**view));
        let mut views: Vec<_> = views.collect();
        views.sort_unstable_by_key(|view| &view.service.key.name);
        Ok(views)
    }

    /// The instances of a service, by its folded name, that the parameters ask for.
    pub(super) fn instances(&self, name: &str) -> Result<Vec<Found<'_>>, Failure> {
        let zone = self.seen.snapshot.zones.get(self.node.zone.as_wire());
        let view = zone.and_then(|zone| zone.services.get(name));
        knows(view.map_or(self.is_ready, |view| !view.waiting))?;
        let view = view.filter(|_| self.is_of_node);
        let tags: Vec<&str> = self.params.all("tag").filter(|tag| !tag.is_empty()).collect();
        let all = view.into_iter().flat_map(|view| instances(view, &self.seen.agent));
        Ok(all.filter(|found| tags.iter().all(|tag| found.has_tag(tag))).collect())
    }

    pub(super) fn wants_passing(&self) -> bool {
        self.params.is_on("passing")
    }

    pub(super) fn is_of_node(&self, name: &str) -> bool {
        self.is_of_node && self.node.name.eq_ignore_ascii_case(name)
    }

    pub(super) fn list(&self) -> Entries<'_> {
        Entries::list(&self.params).filtered(self.filter.as_ref())
    }

    pub(super) fn table(&self) -> Entries<'_> {
        Entries::table(&self.params)
    }

    pub(super) fn filtered_table(&self) -> Entries<'_> {
        self.table().filtered(self.filter.as_ref())
    }

    pub(super) fn answer(&self, entries: Entries<'_>) -> Response {
        let octets = entries.end();
        self.with_headers(([(CONTENT_TYPE, "application/json")], octets).into_response())
    }

    pub(super) fn json(&self, value: &impl Serialize) -> Response {
        self.with_headers(answer::json(&self.params, value))
    }

    fn with_headers(&self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        let consistency = if self.params.is_on("stale") {
            "stale"
        } else if self.params.is_on("consistent") {
            "consistent"
        } else {
            "leader"
        };
        for (name, value) in [
            ("x-consul-knownleader", "true"),
            ("x-consul-lastcontact", "0"),
            ("x-consul-effective-consistency", consistency),
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers.insert(HeaderName::from_static("x-consul-index"), self.seen.index.into());
        if self.params.is_on("cached") {
            headers.insert(HeaderName::from_static("x-cache"), HeaderValue::from_static("HIT"));
            headers.insert(AGE, HeaderValue::from_static("0"));
        }
        response
    }
}

fn knows(known: bool) -> Result<(), Failure> {
    if known {
        return Ok(());
    }
    let words = "the first results of checks are awaited: see /health/ready".to_owned();
    Err(Failure { status: StatusCode::SERVICE_UNAVAILABLE, words })
}

fn is_consistent(params: &Params) -> Result<(), Failure> {
    let other = ["stale", "cached"].into_iter().find(|other| params.is_on(other));
    match other.filter(|_| params.is_on("consistent")) {
        None => Ok(()),
        Some(other) => Err(Failure::bad(format!(
            "Cannot specify ?{other} with ?consistent, conflicting semantics."
        ))),
    }
}
