//! `Prefer: wait=N` (RFC 7240): how long a caller waits for a device. Other preferences are none of ours and are ignored.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName};
use axum::response::Response;
use tidings_model::Limits;

use super::answer;
use crate::error::Failure;
use crate::executor::Waited;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The wait that is preferred; where it stands more than once the first counts.
pub(crate) fn wait(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
    let mut waits = values.flat_map(|value| value.split(',')).filter_map(named_wait);
    let Some(value) = waits.next() else { return Ok(None) };
    let seconds = value.bytes().all(|digit| digit.is_ascii_digit()).then(|| value.parse().ok()).flatten();
    let seconds = seconds.filter(|seconds| (1..=Limits::WAIT_S).contains(seconds));
    let refused = || Failure::invalid("Prefer", format!("must say wait=N with N from 1 to {} seconds", Limits::WAIT_S));
    seconds.map(Duration::from_secs).map(Some).ok_or_else(refused)
}

/// Says that the caller was let wait.
pub(crate) fn applied(response: &mut Response, waited: &Waited, patience: Duration) {
    if *waited != Waited::No {
        answer::set(response, APPLIED, &format!("wait={}", patience.as_secs()));
    }
}

/// The value of a preference that is `wait`, without its parameters.
fn named_wait(preference: &str) -> Option<&str> {
    let (named, _) = preference.split_once(';').unwrap_or((preference, ""));
    let (name, value) = named.split_once('=').unwrap_or((named, ""));
    name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
}

#[cfg(test)]
mod tests;
