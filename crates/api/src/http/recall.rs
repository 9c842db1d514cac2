//! `DELETE /v1/messages/{id}`: a message is taken back.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tidings_json::Object;
use tidings_model::MessageId;

use super::path::decoded;
use super::users::no_query;
use super::{Face, answer, caller};
use crate::error::Failure;
use crate::executor::unknown_message;

pub(crate) async fn delete(State(face): State<Face>, request: Request) -> Result<Response, Failure> {
    no_query(&request)?;
    let caller = caller::of(request.extensions())?;
    let id = named(request.uri().path())?;
    let running = face.executor.admit()?;
    face.executor.recall(&caller, running, id).await?;
    let body = Object::new().text("id", &id.to_string()).text("state", "recalled").finish();
    Ok((StatusCode::ACCEPTED, answer::json(body)).into_response())
}

/// What is no id names no message.
fn named(path: &str) -> Result<MessageId, Failure> {
    let last = path.rsplit('/').next().unwrap_or_default();
    Ok(decoded(last).and_then(|text| text.parse().ok()).ok_or_else(unknown_message)?)
}
