//! What a caller likes to read (RFC 9110, section 12.5.1), as far as anybody asks.

use axum::http::{HeaderMap, header};

/// JSON is asked for by its name; `*/*`, which every tool sends, is not a wish.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    wants(headers, "application/json")
}

/// A stream of server-sent events, by its name, too.
pub(crate) fn wants_stream(headers: &HeaderMap) -> bool {
    wants(headers, "text/event-stream")
}

fn wants(headers: &HeaderMap, kind: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| names(range, kind))
}

fn names(range: &str, kind: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|named| named.eq_ignore_ascii_case(kind));
    named && !parts.any(refuses)
}

/// `q=0`, in any of its spellings: not this one.
fn refuses(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
}

#[cfg(test)]
mod tests;
