//! How many calls were answered, how, and in what time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

/// Since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    pub answered: u64,
    /// Of them, with a 4xx.
    pub refused: u64,
    /// Of them, with a 5xx.
    pub failed: u64,
    /// From a head to the head of its answer, summed, in microseconds. What a caller wished to wait is in it.
    pub micros: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    micros: AtomicU64,
}

impl Tally {
    pub(crate) fn read(&self) -> Calls {
        let read = |number: &AtomicU64| number.load(Relaxed);
        Calls { answered: read(&self.answered), refused: read(&self.refused), failed: read(&self.failed), micros: read(&self.micros) }
    }
}

pub(crate) async fn count(State(tally): State<Arc<Tally>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    tally.answered.fetch_add(1, Relaxed);
    tally.refused.fetch_add(u64::from(response.status().is_client_error()), Relaxed);
    tally.failed.fetch_add(u64::from(response.status().is_server_error()), Relaxed);
    tally.micros.fetch_add(micros, Relaxed);
    response
}
