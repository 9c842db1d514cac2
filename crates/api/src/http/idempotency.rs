//! `Idempotency-Key`: the digests by which a repeated request is known.

use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use tidings_json::Json;
use tidings_model::{AppNo, Idempotency};

use crate::error::Failure;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The answer is the first one, again.
pub(crate) const REPLAY: HeaderName = HeaderName::from_static("idempotency-replay");
const BYTES_MAX: usize = 255;

/// The key, where the caller gave one. Two requests are equal when verb and canonical body are.
pub(crate) fn of(headers: &HeaderMap, app: AppNo, verb: &str, body: &Json) -> Result<Option<Idempotency>, Failure> {
    Ok(key(headers)?.map(|key| Idempotency { key: digest(&[&app.0.to_be_bytes(), key]), request: request(verb, body) }))
}

/// The key that another face got as text: one space with HTTP's, so it must be what a header could hold.
pub(crate) fn of_text(key: &str, app: AppNo, verb: &str, body: &Json) -> Result<Idempotency, Failure> {
    if !(1..=BYTES_MAX).contains(&key.len()) || key.chars().any(char::is_control) {
        return Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 bytes without control characters"));
    }
    Ok(Idempotency { key: digest(&[&app.0.to_be_bytes(), key.as_bytes()]), request: request(verb, body) })
}

/// The key of one item of a batch: that of the batch, and the item's number. No key of a caller holds a NUL.
pub(crate) fn of_item(headers: &HeaderMap, app: AppNo, number: usize, item: &Json) -> Result<Option<Idempotency>, Failure> {
    let number = (number as u64).to_be_bytes();
    Ok(key(headers)?
        .map(|key| Idempotency { key: digest(&[&app.0.to_be_bytes(), key, b"\0", &number]), request: request("messages:batch", item) }))
}

fn request(verb: &str, body: &Json) -> u64 {
    u64::from_be_bytes(digest(&[verb.as_bytes(), b"\0", body.canonical().as_bytes()]))
}

fn key(headers: &HeaderMap) -> Result<Option<&[u8]>, Failure> {
    let mut keys = headers.get_all(KEY).iter().map(|value| value.as_bytes());
    match (keys.next(), keys.next()) {
        (None, _) => Ok(None),
        (Some(key), None) if (1..=BYTES_MAX).contains(&key.len()) => Ok(Some(key)),
        (Some(_), None) => Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 bytes")),
        (Some(_), Some(_)) => Err(Failure::invalid("Idempotency-Key", "stands twice")),
    }
}

/// The first bytes of SHA-256 over the parts.
fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    let mut first = [0; N];
    first.copy_from_slice(&hash.finalize()[..N]);
    first
}
