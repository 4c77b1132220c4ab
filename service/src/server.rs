//! From a listener to answers, until the shutdown: then what has begun is finished.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::ListenerExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[cfg(test)]
mod tests;

/// How long requests that have begun may take after the shutdown.
pub const DRAIN: Duration = Duration::from_secs(15);

/// Serves until `shutdown`; then takes no new connection and waits for open requests, at most [`DRAIN`].
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_until(listener, router, shutdown, DRAIN).await
}

/// As [`serve`], with another patience.
pub async fn serve_until(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    drain: Duration,
) -> io::Result<()> {
    let listener = listener.tap_io(|connection| {
        // Without it small answers can wait for an acknowledgement; where it fails, they do.
        let _ = connection.set_nodelay(true);
    });
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving =
        axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let too_late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        ended = serving.into_future() => ended,
        () = too_late => {
            tracing::warn!("connections were still open when the time to finish them was over");
            Ok(())
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
