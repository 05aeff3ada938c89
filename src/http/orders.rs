//! `/v1/livezone/{drain,maintenance,force}/…`: an operator's word on an instance of any source.

use std::net::IpAddr;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::routing::put;

use crate::http::consul::answer::{Answer, write};
use crate::http::consul::failure::Failure;
use crate::http::consul::request::{Params, missing};
use crate::http::{Face, Route};
use crate::model::agent::{Act, Order, Write};
use crate::syntax::duration;

/// Of a forced state that names no end.
const FORCED_FOR: Duration = Duration::from_secs(4 * 3600);
/// A sentence for people.
const MOST_REASON: usize = 1024;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("PUT", "/v1/livezone/drain/{service}/{*id}", put(drain)),
        Route::new("PUT", "/v1/livezone/maintenance/{service}/{*id}", put(maintenance)),
        Route::new("PUT", "/v1/livezone/force/{service}/{*id}", put(force)),
    ]
}

/// Who is connected.
#[derive(Clone, Copy, Debug)]
pub(super) struct Client(pub(super) IpAddr);

type Instance = Path<(String, String)>;

/// `enable=false` ends it.
async fn drain(
    State(face): State<Face>,
    instance: Instance,
    client: Option<Extension<Client>>,
    params: Params,
) -> Answer {
    let on = params.get("enable").is_none() || params.enable()?;
    order(&face, instance, client, &params, if on { Act::Drain } else { Act::Undrain }).await
}

async fn maintenance(
    State(face): State<Face>,
    instance: Instance,
    client: Option<Extension<Client>>,
    params: Params,
) -> Answer {
    let on = params.enable()?;
    order(&face, instance, client, &params, Act::Maintenance { on }).await
}

async fn force(
    State(face): State<Face>,
    instance: Instance,
    client: Option<Extension<Client>>,
    params: Params,
) -> Answer {
    let act = forced(&params)?;
    order(&face, instance, client, &params, act).await
}

fn forced(params: &Params) -> Result<Act, Failure> {
    let up = match params.filled("state") {
        Some("up") => true,
        Some("down") => false,
        Some("auto") => return Ok(Act::Follow),
        Some(other) => {
            let words = format!("Invalid value for state: {other:?}: write up, down or auto");
            return Err(Failure::bad(words));
        }
        None => return Err(missing("state")),
    };
    let lasting = match params.filled("for") {
        None => Some(FORCED_FOR),
        Some("0") => None,
        Some(written) => {
            let invalid =
                || format!("Invalid value for for: {written:?}: write \"4h\", or 0 for no end");
            Some(duration::parse(written).ok_or_else(|| Failure::bad(invalid()))?)
        }
    };
    Ok(Act::Force { up, lasting: lasting.filter(|lasting| !lasting.is_zero()) })
}

async fn order(
    face: &Face,
    Path((service, id)): Instance,
    client: Option<Extension<Client>>,
    params: &Params,
    act: Act,
) -> Answer {
    let reason = params.get("reason").unwrap_or_default().to_owned();
    if reason.len() > MOST_REASON {
        return Err(Failure::bad(format!("the reason has more than {MOST_REASON} octets")));
    }
    let who = client.map_or_else(String::new, |Extension(Client(address))| address.to_string());
    write(face, Write::Order(Box::new(Order { service, id, act, reason, who }))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forced_state_lasts_four_hours_unless_it_says_otherwise() {
        let forced = |query: &str| forced(&Params::of(&format!("/?{query}").parse().unwrap()));
        let act = |up, seconds: Option<u64>| {
            Ok(Act::Force { up, lasting: seconds.map(Duration::from_secs) })
        };
        assert_eq!(forced("state=down"), act(false, Some(14_400)));
        assert_eq!(forced("state=up&for=90s"), act(true, Some(90)));
        assert_eq!(forced("state=up&for=0"), act(true, None));
        assert_eq!(forced("state=auto"), Ok(Act::Follow));
        for wrong in ["", "state=off", "state=up&for=soon"] {
            assert!(forced(wrong).is_err(), "{wrong}");
        }
    }
}
