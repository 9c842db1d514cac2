//! What a misspelt word was meant to be.

/// The nearest of the words that are known; None: there are none.
pub fn nearest<'a>(misspelt: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words are none of ours, and the work grows with their length.
    let start: String = misspelt.chars().take(64).collect();
    known.min_by_key(|word| distance(&start, word))
}

/// Levenshtein's distance, a row at a time.
pub fn distance(left: &str, right: &str) -> usize {
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
