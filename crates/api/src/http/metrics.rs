//! `GET /metrics`: what the composition has to say about every room; this face only knows the calls it answered.

use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::Face;
use crate::calls::Calls;

/// Writes all numbers as the text that Prometheus reads.
type Write = dyn Fn(Calls) -> String + Send + Sync;

/// Where the numbers come from.
#[derive(Clone)]
pub struct Metrics {
    /// Of the text that `write` gives.
    content_type: &'static str,
    write: Arc<Write>,
}

impl Metrics {
    pub fn new(content_type: &'static str, write: Box<Write>) -> Self {
        Self { content_type, write: write.into() }
    }

    /// Nothing is measured.
    pub fn none() -> Self {
        Self::new("text/plain", Box::new(|_| String::new()))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

pub(crate) async fn get(State(face): State<Face>) -> Response {
    let text = (face.metrics.write)(face.tally.read());
    ([(header::CONTENT_TYPE, face.metrics.content_type)], text).into_response()
}
