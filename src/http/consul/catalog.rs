//! `/v1/catalog/…`: what is registered, whatever its health.

use std::collections::BTreeSet;

use axum::extract::{Path, State};

use crate::http::Face;
use crate::http::consul::answer::Answer;
use crate::http::consul::discover::Reading;
use crate::http::consul::entries::{CatalogEntry, NodeJson, ServiceEntry};
use crate::http::consul::failure::Failure;
use crate::http::consul::filter::fields;
use crate::http::consul::found::instances;
use crate::http::consul::request::Params;
use crate::http::consul::wait::Resource;

pub(super) async fn services(State(face): State<Face>, params: Params) -> Answer {
    let reading = Reading::start(&face, params, Resource::Services, fields::NONE).await?;
    let mut table = reading.table();
    for view in reading.services()? {
        let found = instances(view, &reading.seen.agent);
        let tags: BTreeSet<&str> = found.flat_map(|found| found.tags()).collect();
        table.add(view.service.key.name.as_str(), &tags).await;
    }
    Ok(reading.answer(table))
}

pub(super) async fn service(
    State(face): State<Face>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let name = name.to_ascii_lowercase();
    let reading =
        Reading::start(&face, params, Resource::Service(&name), fields::CATALOG_SERVICE).await?;
    let node = NodeJson::new(&reading.node);
    let mut list = reading.list();
    for found in reading.instances(&name)? {
        list.push(&CatalogEntry::new(&found, &node, reading.seen.index)).await;
    }
    Ok(reading.answer(list))
}

pub(super) async fn nodes(State(face): State<Face>, params: Params) -> Answer {
    let reading = Reading::start(&face, params, Resource::Nodes, fields::NODES).await?;
    let mut list = reading.list();
    if reading.is_of_node(&reading.node.name) {
        list.push(&NodeJson::new(&reading.node)).await;
    }
    Ok(reading.answer(list))
}

/// Of several instances with one id, which only files can have, all but the first are called by
/// their service too.
pub(super) async fn node(
    State(face): State<Face>,
    Path(name): Path<String>,
    params: Params,
) -> Answer {
    let reading = Reading::start(&face, params, Resource::All, fields::SERVICES).await?;
    if !reading.is_of_node(&name) {
        return Ok(reading.json(&()));
    }
    let mut services = reading.filtered_table();
    let mut ids = BTreeSet::new();
    for view in reading.services()? {
        for found in instances(view, &reading.seen.agent) {
            let entry = ServiceEntry::new(&found, reading.seen.index);
            if ids.insert(found.id()) {
                services.add(found.id(), &entry).await;
            } else {
                let id = format!("{}/{}", found.service(), found.id());
                services.add(&id, &entry).await;
            }
        }
    }
    let mut table = reading.table();
    table.add("Node", &NodeJson::new(&reading.node)).await;
    table.add_written("Services", services);
    Ok(reading.answer(table))
}

/// `PUT /v1/catalog/register` and `deregister`.
pub(super) async fn written() -> Answer {
    Err(Failure::bad(
        "the catalog follows what is registered: use /v1/agent/service/register and \
         /v1/agent/service/deregister/{id}, or a file of the zone",
    ))
}
