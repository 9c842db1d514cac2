//! A request's body: bounded, in time, and JSON by the strict rules.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError};
use tidings_json::{Json, Kind};
use tidings_model::{Code, Refusal};
use tokio::time::timeout;

use crate::error::Failure;

/// More is refused.
pub(crate) const BYTES_MAX: usize = 1 << 20;
/// Of a body that is too large so much is let go by, for so long: many clients look for the answer only when they have sent it all,
/// and one that is cut off while it sends loses the answer.
const LET_BY_MAX: usize = 8 << 20;
const LET_BY: Duration = Duration::from_secs(1);
/// From the head to the body's last byte.
const PATIENCE: Duration = Duration::from_secs(60);

/// The body as one JSON object; its content type is not looked at.
pub(crate) async fn object(headers: &HeaderMap, body: Body) -> Result<Json, Failure> {
    let bytes = bytes(headers, body).await?;
    parse(&bytes)
}

/// One JSON object.
pub(crate) fn parse(bytes: &[u8]) -> Result<Json, Failure> {
    let json = Json::parse(bytes).map_err(|error| Failure::new(Code::InvalidJson, format!("the body is no JSON: {error}")))?;
    match json.kind() {
        Kind::Object => Ok(json),
        Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Array => {
            Err(Failure::new(Code::InvalidJson, "the body must be a JSON object"))
        }
    }
}

async fn bytes(headers: &HeaderMap, body: Body) -> Result<axum::body::Bytes, Failure> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if let Some(actual) = announced.filter(|actual| *actual > BYTES_MAX as u64) {
        // Who expects a word first has sent nothing yet.
        if !headers.contains_key(header::EXPECT) && actual <= LET_BY_MAX as u64 {
            // What does not come in time is cut off.
            let _ = timeout(LET_BY, let_by(body)).await;
        }
        return Err(too_large(Some(actual)));
    }
    let read = timeout(PATIENCE, axum::body::to_bytes(body, BYTES_MAX)).await;
    let read = read.map_err(|_| Failure::new(Code::Timeout, "the body did not come within 60 s"))?;
    read.map_err(|error| {
        let inner = error.into_inner();
        if inner.is::<LengthLimitError>() {
            too_large(None)
        } else {
            Failure::new(Code::InvalidJson, format!("the body broke off: {inner}"))
        }
    })
}

async fn let_by(mut body: Body) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn too_large(actual: Option<u64>) -> Failure {
    let size = actual.map_or_else(|| "larger".to_owned(), |actual| format!("{actual} bytes"));
    let mut refusal = Refusal::new(Code::PayloadTooLarge, format!("the body is {size}, the limit is {BYTES_MAX}"));
    (refusal.limit, refusal.actual) = (Some(BYTES_MAX as u64), actual);
    refusal.into()
}
