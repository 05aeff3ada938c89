//! `/v1/agent/check/…`: checks of services and of the node, and heartbeats.

use axum::extract::{Path, State};

use crate::http::Face;
use crate::http::consul::answer::{Answer, write};
use crate::http::consul::failure::Failure;
use crate::http::consul::filter::fields;
use crate::http::consul::listing::Entries;
use crate::http::consul::request::{Body, Params};
use crate::http::consul::shapes::CheckJson;
use crate::http::consul::standing::Standing;
use crate::model::agent::Write;
use crate::model::health::Verdict;
use crate::sources::consul::api::body;

/// Of a heartbeat's output, as Consul has it.
const MOST_OUTPUT: usize = 4096;

/// `GET /v1/agent/checks`
pub(super) async fn all(State(face): State<Face>, params: Params) -> Answer {
    let make = async |entries: &mut Entries<'_>| {
        let (board, node) = (face.engine.board(), &face.node);
        let (snapshot, agent) = (board.snapshot(), board.agent());
        let standing = Standing::of_all(&snapshot, &node.zone);
        for (_, service) in agent.services.iter() {
            if let Some(reason) = standing.maintenance(service) {
                let check = CheckJson::maintenance(service, node, reason);
                entries.add(check.id(), &check).await;
            }
        }
        let of_services = agent
            .services
            .iter()
            .flat_map(|(_, service)| service.checks.iter().map(move |check| (&**service, check)));
        let of_services = of_services.map(|(service, check)| (Some(service), check));
        let of_node = agent.checks.iter().map(|(_, check)| (None, &**check));
        let mut checks: Vec<_> = of_services.chain(of_node).collect();
        checks.sort_unstable_by_key(|(_, check)| &check.id);
        for (service, check) in checks {
            let said = match service {
                Some(service) => standing.check(check, service),
                None => standing.check_of_node(check),
            };
            entries.add(&check.id, &CheckJson::new(check, service, node, said)).await;
        }
    };
    face.listings.checks.get(&face, &params, fields::CHECKS, make).await
}

pub(super) async fn register(State(face): State<Face>, _: Params, body: Body) -> Answer {
    let check = Box::new(body::check(&body.0).map_err(Failure::bad)?);
    write(&face, Write::RegisterCheck(check)).await
}

pub(super) async fn deregister(
    State(face): State<Face>,
    Path(id): Path<String>,
    _: Params,
) -> Answer {
    write(&face, Write::DeregisterCheck(id.into())).await
}

pub(super) async fn pass(state: State<Face>, id: Path<String>, params: Params) -> Answer {
    noted(state, id, &params, Verdict::Passing).await
}

pub(super) async fn warn(state: State<Face>, id: Path<String>, params: Params) -> Answer {
    noted(state, id, &params, Verdict::Warning).await
}

pub(super) async fn fail(state: State<Face>, id: Path<String>, params: Params) -> Answer {
    noted(state, id, &params, Verdict::Critical).await
}

async fn noted(
    State(face): State<Face>,
    Path(id): Path<String>,
    params: &Params,
    verdict: Verdict,
) -> Answer {
    beat(&face, id, verdict, params.get("note").unwrap_or_default()).await
}

pub(super) async fn update(
    State(face): State<Face>,
    Path(id): Path<String>,
    _: Params,
    body: Body,
) -> Answer {
    let update = body::update(&body.0).map_err(Failure::bad)?;
    beat(&face, id, update.verdict, &update.output).await
}

async fn beat(face: &Face, check: String, verdict: Verdict, output: &str) -> Answer {
    let output = cut(output).into();
    write(face, Write::Beat { check: check.into(), verdict, output }).await
}

/// What is kept of an output, and in Consul's words how much it was.
fn cut(output: &str) -> String {
    let octets = output.len();
    if octets <= MOST_OUTPUT {
        return output.to_owned();
    }
    let end = (0..=MOST_OUTPUT).rev().find(|end| output.is_char_boundary(*end));
    let kept = output.get(..end.unwrap_or(0)).unwrap_or_default();
    format!("{kept} ... (captured {MOST_OUTPUT} of {octets} bytes)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_output_is_cut_between_characters_and_says_so() {
        assert_eq!(cut("well"), "well");
        let long = cut(&"ä".repeat(2049).replacen('ä', "a", 1));
        assert!(long.ends_with("ä ... (captured 4096 of 4097 bytes)"), "{long}");
    }
}
