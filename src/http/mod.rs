//! temporary
use crate::{engine::task::Handle, metrics::Metrics};
use tokio_util::sync::CancellationToken;
/// x
#[derive(Clone)]
#[expect(missing_docs, reason = "x")]
pub struct Face {
    pub engine: Handle,
    pub metrics: Metrics,
    pub draining: CancellationToken,
}
/// x
#[expect(missing_docs, reason = "x")]
pub enum Routes {
    All,
    Observe,
}
/// x
pub fn router(_: Face, _: Routes) -> axum::Router {
    axum::Router::new()
}
/// x
pub async fn serve(_: tokio::net::TcpListener, _: axum::Router, _: CancellationToken) {}
