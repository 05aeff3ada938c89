//! The HTTP listeners: what `[http]` says, bound and then served.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::http::Http;
use crate::engine::task::Handle;
use crate::http::consul::node::Node;
use crate::http::{self, Face, listener};
use crate::metrics::Metrics;
use crate::model::time::Clock;
use crate::server::ServeError;

/// What is bound, and the `[http]` in force, which SIGHUP replaces.
pub(super) struct Web {
    api: Option<(TcpListener, SocketAddr)>,
    observe: Option<(TcpListener, SocketAddr)>,
    pub(super) current: Arc<ArcSwap<Http>>,
}

impl Web {
    /// Listens, and serves nothing yet.
    pub(super) async fn bind(config: &Http) -> Result<Self, ServeError> {
        let api = listen(config.listen).await?;
        let observe = listen(config.observe).await?;
        Ok(Self { api, observe, current: Arc::new(ArcSwap::from_pointee(config.clone())) })
    }

    /// Of the whole API, and of health and metrics alone.
    pub(super) fn addresses(&self) -> [Option<SocketAddr>; 2] {
        [&self.api, &self.observe].map(|bound| bound.as_ref().map(|(_, address)| *address))
    }

    /// Serves until `stop`.
    pub(super) fn start(
        self,
        (engine, metrics, clock, node): (&Handle, &Metrics, &Clock, Node),
        draining: &CancellationToken,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        let Self { api, observe, current } = self;
        let shared = listener::Shared::new(Arc::clone(&current), metrics, Arc::clone(clock));
        let shared = Arc::new(shared);
        let face = Face {
            engine: engine.clone(),
            metrics: metrics.clone(),
            current,
            draining: draining.clone(),
            clock: Arc::clone(clock),
            services: Arc::default(),
            node: Arc::new(node),
            listings: Arc::default(),
            watches: Arc::default(),
        };
        let zone = face.node.zone.clone();
        let follow = Arc::clone(&face.watches).follow(engine.clone(), zone);
        tasks.spawn(stop.clone().run_until_cancelled_owned(follow));
        let api = api.map(|(listener, _)| (listener, http::api(face.clone())));
        let observe = observe.map(|(listener, _)| (listener, http::observe(face)));
        for (listener, routes) in [api, observe].into_iter().flatten() {
            tasks.spawn(listener::serve(listener, routes, Arc::clone(&shared), stop.clone()));
        }
    }
}

async fn listen(
    address: Option<SocketAddr>,
) -> Result<Option<(TcpListener, SocketAddr)>, ServeError> {
    let Some(address) = address else { return Ok(None) };
    let failed = |source| ServeError::BindHttp { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok(Some((listener, address)))
}
