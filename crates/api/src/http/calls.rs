//! The calls of this face, counted.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;

use crate::calls::{Outcome, Tally};

pub(crate) async fn count(State(tally): State<Arc<Tally>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    tally.count(began, outcome(response.status()));
    response
}

fn outcome(status: StatusCode) -> Outcome {
    if status.is_client_error() {
        Outcome::Refused
    } else if status.is_server_error() {
        Outcome::Failed
    } else {
        Outcome::Done
    }
}
