//! The known key that a misspelt one was meant to be.

use tidings_model::distance;

use super::keys::KEYS;

/// Letters that are wrong, missing or too many in what is still a slip.
const SLIP: usize = 2;

/// The nearest key.
pub(crate) fn key(misspelt: &str) -> &'static str {
    let names = KEYS.iter().map(|key| key.name);
    names.min_by_key(|name| away(misspelt, name)).expect("the table has keys")
}

/// A key without a table, spelt almost right.
pub(crate) fn is_slip_of_a_top_key(word: &str) -> bool {
    KEYS.iter().any(|key| !key.name.contains('.') && distance(word, key.name) <= SLIP)
}

/// A word alone may be a table, or a key that has lost its table.
fn away(misspelt: &str, name: &str) -> usize {
    let whole = distance(misspelt, name);
    match name.split_once('.') {
        Some((table, key)) if !misspelt.contains('.') => whole.min(distance(misspelt, table) + 1).min(distance(misspelt, key) + 1),
        _ => whole,
    }
}
