//! "Did you mean": the nearest known name.

/// The known name nearest to `wrong`, if one is near enough to be a likely slip (a third of its letters at most).
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (wrong.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| (edit_distance(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= limit || shares_most_words(wrong, name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// `amount` and `total_amount`: one name is a whole `_`-separated part of the other.
fn shares_most_words(wrong: &str, known: &str) -> bool {
    let (short, long) = if wrong.len() <= known.len() { (wrong, known) } else { (known, wrong) };
    short.len() >= 4 && (long.starts_with(&format!("{short}_")) || long.ends_with(&format!("_{short}")))
}

/// Damerau-Levenshtein distance with adjacent transpositions, in characters.
fn edit_distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let width = right.len() + 1;
    let mut rows = vec![0; (left.len() + 1) * width];
    for (column, cell) in rows.iter_mut().take(width).enumerate() {
        *cell = column;
    }
    for (i, a) in left.iter().enumerate() {
        rows[(i + 1) * width] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = rows[i * width + j] + usize::from(a != b);
            let mut best = substituted.min(rows[i * width + j + 1] + 1).min(rows[(i + 1) * width + j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                best = best.min(rows[(i - 1) * width + j - 1] + 1);
            }
            rows[(i + 1) * width + j + 1] = best;
        }
    }
    rows[left.len() * width + right.len()]
}
