//! A TCP check: the connection is made, and the TLS handshake when the check is over TLS.

use tokio::io::AsyncWriteExt;

use crate::health::checks::connect::{self, Route};
use crate::health::checks::tls;
use crate::model::health::{Finding, Outcome};

/// Passes when there is a connection. Under TLS 1.3 a server judges our certificate only after the
/// handshake is complete on our side, so a refusal of it is not seen here; an HTTP check sees it.
pub(super) async fn run(route: Route<'_>, tls: Option<tls::Client>) -> Result<Outcome, Outcome> {
    // A handshake is large: runs in the clear need not make room for it.
    if let Some(tls) = tls {
        return Box::pin(over_tls(route, tls)).await;
    }
    let stream = connect::open(route).await?;
    // Closed by a reset: nothing was said that could be lost, and an orderly close would leave a
    // port of ours in TIME_WAIT for a minute after every run. Where the option is not to be had,
    // the orderly close does.
    let _ = stream.set_zero_linger();
    Ok(Outcome::new(Finding::Pass, "connected"))
}

async fn over_tls(route: Route<'_>, tls: tls::Client) -> Result<Outcome, Outcome> {
    let stream = connect::open(route).await?;
    let mut stream = tls.handshake(stream).await?;
    // In order, for a reset here is an error in the log of many a server, at every run. The answer
    // is known already.
    let _ = stream.shutdown().await;
    Ok(Outcome::new(Finding::Pass, "connected over TLS"))
}
