//! From a listener to answers, until the shutdown: then what has begun is finished.

use std::{
    future::pending,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{ConnectInfo, Request},
    serve::Listener,
};
use hyper::{body::Incoming, server::conn::http1, service::Service, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

#[cfg(test)]
mod tests;

/// How long requests that have begun may take after the shutdown.
pub const DRAIN: Duration = Duration::from_secs(15);

/// How long a new connection may take to say its first request's head.
const FIRST_HEAD: Duration = Duration::from_secs(10);

/// How long it may take after an answer, most of it perhaps in silence, to say another.
const NEXT_HEAD: Duration = Duration::from_secs(30);

/// Serves until `shutdown`; then takes no new connection and waits for open requests, at most [`DRAIN`].
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let patience = Patience {
        first_head: FIRST_HEAD,
        next_head: NEXT_HEAD,
        drain: DRAIN,
    };
    patience.serve(listener, router, shutdown).await;
}

#[derive(Clone, Copy)]
struct Patience {
    first_head: Duration,
    next_head: Duration,
    drain: Duration,
}

impl Patience {
    async fn serve(self, mut listener: TcpListener, router: Router, shutdown: CancellationToken) {
        let connections = TaskTracker::new();
        loop {
            let (stream, peer) = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = Listener::accept(&mut listener) => accepted,
            };
            let router = router.clone();
            connections.spawn(self.converse(stream, peer, router, shutdown.clone()));
        }
        drop(listener);
        connections.close();
        if timeout(self.drain, connections.wait()).await.is_err() {
            tracing::warn!("connections were still open when the time to finish them was over");
        }
    }

    /// One connection, until either end closes it. How it ended is of no consequence.
    async fn converse(
        self,
        stream: TcpStream,
        peer: SocketAddr,
        router: Router,
        shutdown: CancellationToken,
    ) {
        // Without it small answers can wait for an acknowledgement; where it fails, they do.
        let _ = stream.set_nodelay(true);
        let asked = Arc::new(AtomicBool::new(false));
        let router = TowerToHyperService::new(router);
        let service = service_fn({
            let asked = Arc::clone(&asked);
            move |mut request: Request<Incoming>| {
                asked.store(true, Relaxed);
                request.extensions_mut().insert(ConnectInfo(peer));
                router.call(request)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.next_head)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        let silent = async {
            sleep(self.first_head).await;
            if asked.load(Relaxed) {
                pending::<()>().await;
            }
        };
        tokio::select! {
            _ = connection.as_mut() => return,
            () = silent => return,
            () = shutdown.cancelled() => {}
        }
        // Where not even one request's head has come to its end, nothing has begun that could be finished.
        if asked.load(Relaxed) {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// What tells the process to stop.
pub struct Signals;

impl Signals {
    /// A token that SIGTERM or SIGINT cancels.
    pub fn install() -> io::Result<CancellationToken> {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let shutdown = CancellationToken::new();
        let cancelled = shutdown.clone();
        tokio::spawn(async move {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, "stopping");
            cancelled.cancel();
        });
        Ok(shutdown)
    }
}
