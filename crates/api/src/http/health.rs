//! `GET /healthz` and `GET /readyz`.

use axum::extract::State;
use axum::response::Response;

use super::{Face, answer};
use crate::error::Failure;
use tidings_json::Object;

/// The process is alive.
pub(crate) async fn alive() -> Response {
    said("ok")
}

/// This server may get traffic.
pub(crate) async fn ready(State(face): State<Face>) -> Result<Response, Failure> {
    face.executor.ready()?;
    Ok(said("ready"))
}

fn said(status: &str) -> Response {
    answer::json(Object::new().text("status", status).finish())
}
