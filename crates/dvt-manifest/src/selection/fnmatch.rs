//! Python's `fnmatch`, which dbt matches names with.

/// Whether the name matches the pattern: `*` any text, `?` one character, `[abc]`, `[a-z]`, `[!a]` a class.
#[must_use]
pub fn fnmatch(name: &str, pattern: &str) -> bool {
    let name: Vec<char> = name.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    let (mut at, mut pattern_at) = (0, 0);
    // Where to resume after the last `*` when what follows it did not match: one more character goes to the `*`.
    let mut resume: Option<(usize, usize)> = None;
    while at < name.len() {
        let step = match pattern.get(pattern_at) {
            Some('*') => {
                resume = Some((pattern_at + 1, at));
                pattern_at += 1;
                continue;
            }
            Some('?') => Some(pattern_at + 1),
            Some('[') => match class(&pattern[pattern_at..], name[at]) {
                Some((true, length)) => Some(pattern_at + length),
                Some((false, _)) => None,
                None => (name[at] == '[').then_some(pattern_at + 1),
            },
            Some(&literal) => (literal == name[at]).then_some(pattern_at + 1),
            None => None,
        };
        match (step, resume) {
            (Some(next), _) => {
                pattern_at = next;
                at += 1;
            }
            (None, Some((after_star, start))) => {
                pattern_at = after_star;
                at = start + 1;
                resume = Some((after_star, start + 1));
            }
            (None, None) => return false,
        }
    }
    pattern[pattern_at..].iter().all(|&character| character == '*')
}

/// Whether the class at the start of the pattern holds the character, and the class's length; `None` when the bracket
/// is never closed and so stands for itself.
fn class(pattern: &[char], character: char) -> Option<(bool, usize)> {
    let mut start = 1;
    let is_negated = pattern.get(start) == Some(&'!');
    if is_negated {
        start += 1;
    }
    // A `]` right after the bracket is a member of the class.
    let end = (start + 1..pattern.len()).find(|&index| pattern[index] == ']')?;
    let members = &pattern[start..end];
    let mut index = 0;
    let mut holds = false;
    while index < members.len() {
        if index + 2 < members.len() && members[index + 1] == '-' {
            holds |= (members[index]..=members[index + 2]).contains(&character);
            index += 3;
        } else {
            holds |= members[index] == character;
            index += 1;
        }
    }
    Some((holds != is_negated, end + 1))
}
