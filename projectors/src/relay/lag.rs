//! How far the mirror is behind the log, measured by every relay: also one that stands by can tell.

use std::time::Duration;

use event_store::Log;
use tokio::sync::watch;
use tokio::time::sleep;

use super::{RelayState, row};

/// How often it is measured.
const MEASURE: Duration = Duration::from_secs(1);

/// Measures for as long as it is polled.
pub(super) async fn measure(log: Log, state: watch::Receiver<RelayState>) {
    loop {
        // That the database is away is told by whoever needs it.
        if let Ok(lag) = row::lag(log.pool()).await {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a gauge is a float; numbers stay exact up to 2^53"
            )]
            metrics::gauge!("mart_relay_lag_events").set(lag.events as f64);
            metrics::gauge!("mart_relay_lag_seconds").set(lag.seconds);
        }
        let leads = state.borrow().leads();
        metrics::gauge!("mart_relay_leader").set(f64::from(u8::from(leads)));
        sleep(MEASURE).await;
    }
}
