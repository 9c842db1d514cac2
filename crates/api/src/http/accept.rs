//! What a caller likes to read (RFC 9110, section 12.5.1), as far as anybody asks.

use axum::http::{HeaderMap, header};

/// JSON is asked for by its name; `*/*`, which every tool sends, is not a wish.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(names_json)
}

fn names_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let named = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    named && !parts.any(refuses)
}

/// `q=0`, in any of its spellings: not this one.
fn refuses(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q") && value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0)
}

#[cfg(test)]
mod tests;
