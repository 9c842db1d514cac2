//! What a receiver's answer means for the batch.

use std::time::{Duration, SystemTime};

use hyper::header::RETRY_AFTER;
use hyper::{HeaderMap, StatusCode};

/// What the head of an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    /// There is something in it that the receiver will not have.
    Refused(String),
    /// Nothing is said of the events.
    Later {
        after: Option<Duration>,
        why: String,
    },
}

/// A 4xx speaks of what was sent, but for those three that speak of the moment. Also a 401 or a 404, which may well mean that
/// the URL is wrong: an event alone is parked by it, never dropped, and a sink that parks too many pauses.
pub(super) fn verdict(status: StatusCode, headers: &HeaderMap, now: SystemTime) -> Verdict {
    let code = status.as_u16();
    match code {
        200..=299 => Verdict::Taken,
        408 | 425 | 429 | 500.. => Verdict::Later { after: retry_after(headers, now), why: format!("answered {code}") },
        400..=499 => Verdict::Refused(format!("answered {code}")),
        300..=399 => {
            Verdict::Later { after: None, why: format!("answered {code}: a redirect is not followed, the URL must be the last one") }
        }
        _ => Verdict::Later { after: None, why: format!("answered {code}") },
    }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests;
