//! The known key that a misspelt one was meant to be.

use super::keys::KEYS;

/// The nearest key, and how many letters are wrong, missing or too many.
pub(crate) fn key(misspelt: &str) -> (&'static str, usize) {
    let distances = KEYS.iter().map(|key| (key.name, distance(misspelt, key.name)));
    distances.min_by_key(|(_, distance)| *distance).expect("the table has keys")
}

/// Levenshtein's distance, a row at a time.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let changed = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
