//! `/v1/health/…`: instances with their checks, and checks by themselves.

use axum::extract::{Path, State};

use crate::http::Face;
use crate::http::consul::answer::Answer;
use crate::http::consul::discover::Reading;
use crate::http::consul::entries::{HealthEntry, NodeJson, ServiceEntry};
use crate::http::consul::filter::fields;
use crate::http::consul::found::instances;
use crate::http::consul::request::Params;
use crate::http::consul::shapes::CheckJson;
use crate::http::consul::standing::initial;
use crate::http::consul::wait::Resource;
use crate::model::health::Verdict;
use crate::snapshot::service::ServiceView;

pub(super) async fn service(
    State(face): State<Face>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let name = name.to_ascii_lowercase();
    let reading =
        Reading::start(&face, params, Resource::Service(&name), fields::INSTANCES).await?;
    let (node, seen) = (NodeJson::new(&reading.node), &reading.seen);
    let mut list = reading.list();
    for found in reading.instances(&name)? {
        if reading.wants_passing() && found.verdict() != Verdict::Passing {
            continue;
        }
        let alive = CheckJson::alive(&reading.node);
        let checks = [alive].into_iter().chain(found.checks(&seen.agent, &reading.node));
        let entry = HealthEntry {
            node: &node,
            service: ServiceEntry::new(&found, seen.index),
            checks: checks.map(|check| check.indexed(seen.index)).collect(),
        };
        list.push(&entry).await;
    }
    Ok(reading.answer(list))
}

pub(super) async fn checks(
    State(face): State<Face>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let name = name.to_ascii_lowercase();
    let reading = Reading::start(&face, params, Resource::Service(&name), fields::CHECKS).await?;
    let mut list = reading.list();
    for found in reading.instances(&name)? {
        let checks = found.checks(&reading.seen.agent, &reading.node);
        for check in checks.into_iter().filter(|check| !check.is_of_node()) {
            list.push(&check.indexed(reading.seen.index)).await;
        }
    }
    Ok(reading.answer(list))
}

/// `any`, or one of Consul's three words; of any other there is none.
pub(super) async fn state(
    State(face): State<Face>,
    Path(state): Path<String>,
    params: Params,
) -> Answer {
    let reading = Reading::start(&face, params, Resource::All, fields::CHECKS).await?;
    all(&reading, |verdict| state == "any" || state == verdict.word()).await
}

pub(super) async fn node(
    State(face): State<Face>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let reading = Reading::start(&face, params, Resource::All, fields::CHECKS).await?;
    let is_it = reading.is_of_node(&name);
    all(&reading, |_| is_it).await
}

/// Every check once: those of the node, then those of its services.
async fn all(reading: &Reading, is_wanted: impl Fn(Verdict) -> bool) -> Answer {
    let seen = &reading.seen;
    let views = reading.services()?;
    let mut list = reading.list();
    for check in of_node(reading, &views) {
        if is_wanted(check.status()) {
            list.push(&check.indexed(seen.index)).await;
        }
    }
    for view in views {
        for found in instances(view, &seen.agent) {
            for check in found.checks(&seen.agent, &reading.node) {
                if !check.is_of_node() && is_wanted(check.status()) {
                    list.push(&check.indexed(seen.index)).await;
                }
            }
        }
    }
    Ok(reading.answer(list))
}

fn of_node<'a>(reading: &'a Reading, views: &[&'a ServiceView]) -> Vec<CheckJson<'a>> {
    let (node, agent) = (&*reading.node, &reading.seen.agent);
    if !reading.is_of_node(&node.name) {
        return Vec::new();
    }
    let mut checks = vec![CheckJson::alive(node)];
    for (_, check) in agent.checks.iter() {
        let mut found = views.iter().flat_map(|view| instances(view, agent));
        let said = found.find_map(|found| found.of_node(check));
        checks.push(CheckJson::new(check, None, node, said.unwrap_or_else(|| initial(check))));
    }
    checks.sort_by(|a, b| a.id().cmp(b.id()));
    checks
}
