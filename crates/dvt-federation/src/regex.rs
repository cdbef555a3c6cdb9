//! PostgreSQL's regular expressions in the words of the engine's, where both find the same.
//!
//! Whether there is a match does not depend on which alternative is tried first; what is matched does, and PostgreSQL takes
//! the longest. So alternatives and lazy repetition are taken for tests only. A dot matches a line's end there.
//! Source: PostgreSQL manual, "POSIX Regular Expressions"; the documentation of the crate `regex`.

/// What is asked of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    IsMatch,
    Match,
}

/// The pattern for the engine; `None` where it might find something else.
pub(crate) fn translate(pattern: &str, asked: Asked) -> Option<String> {
    let mut out = "(?s)".to_owned();
    let mut letters = pattern.chars().peekable();
    let is_test = asked == Asked::IsMatch;
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push_str(escape(letters.next()?, false)?),
            '[' => class(&mut letters, &mut out)?,
            '(' => {
                out.push('(');
                if letters.peek() == Some(&'?') {
                    letters.next();
                    (letters.next()? == ':').then_some(())?;
                    out.push_str("?:");
                }
            }
            '|' if !is_test => return None,
            '*' | '+' | '?' | '}' => {
                out.push(letter);
                match letters.peek() {
                    Some('?') if !is_test => return None,
                    Some('?') => out.extend(letters.next()),
                    // A second repetition means another thing in each.
                    Some('*' | '+') => return None,
                    _ => {}
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// What a letter after a backslash stands for.
fn escape(letter: char, in_class: bool) -> Option<&'static str> {
    Some(match letter {
        'd' if in_class => "0-9",
        'd' => "[0-9]",
        'D' if !in_class => "[^0-9]",
        's' => r"\s",
        'S' if !in_class => r"\S",
        'w' => r"\w",
        'W' if !in_class => r"\W",
        'n' => r"\n",
        't' => r"\t",
        'r' => r"\r",
        '.' => r"\.",
        '\\' => r"\x5c",
        '(' => r"\(",
        ')' => r"\)",
        '[' => r"\[",
        ']' => r"\]",
        '{' => r"\{",
        '}' => r"\}",
        '*' => r"\*",
        '+' => r"\+",
        '?' => r"\?",
        '|' => r"\|",
        '^' => r"\^",
        '$' => r"\$",
        '-' => r"\-",
        '/' => "/",
        '"' => "\"",
        '\'' => "'",
        ',' => ",",
        ':' => ":",
        '@' => "@",
        '_' => "_",
        '%' => "%",
        '#' => r"\#",
        '&' => r"\&",
        '=' => "=",
        '!' => "!",
        ' ' => " ",
        _ => return None,
    })
}

/// A set of letters, up to its closing bracket.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Option<()> {
    out.push('[');
    if letters.peek() == Some(&'^') {
        out.extend(letters.next());
    }
    let mut is_first = true;
    loop {
        match letters.next()? {
            ']' if !is_first => break,
            ']' => out.push_str(r"\]"),
            '\\' => out.push_str(escape(letters.next()?, true)?),
            '[' if letters.peek() == Some(&':') => {
                let name: String = letters.by_ref().take_while(|letter| *letter != ']').collect();
                match name.as_str() {
                    ":digit:" => out.push_str("0-9"),
                    ":space:" => out.push_str(r"\s"),
                    _ => return None,
                }
            }
            '[' if matches!(letters.peek(), Some('.' | '=')) => return None,
            '[' => out.push_str(r"\["),
            '&' => out.push_str(r"\&"),
            '~' => out.push_str(r"\~"),
            other => out.push(other),
        }
        is_first = false;
    }
    out.push(']');
    Some(())
}

/// The replacement for the engine: `\1` is a group, `\&` all of the match.
pub(crate) fn translate_replacement(replacement: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = replacement.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => out.push_str("$$"),
            '\\' => match letters.next()? {
                '&' => out.push_str("${0}"),
                digit @ '1'..='9' => out.push_str(&format!("${{{digit}}}")),
                _ => return None,
            },
            other => out.push(other),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_find_the_same_are_taken() {
        let both = |pattern: &str, expected: &str| {
            assert_eq!(translate(pattern, Asked::Match).as_deref(), Some(expected), "{pattern}");
        };
        both(r"^\d+-[a-z]{2,3}$", "(?s)^[0-9]+-[a-z]{2,3}$");
        both(r"[^[:space:]\]&]\.", r"(?s)[^\s\]\&]\.");
        both(r"(?:a.b)?", "(?s)(?:a.b)?");
        for (pattern, is_test) in [
            ("a|ab", true),
            ("a.*?b", true),
            (r"\yword\y", false),
            (r"(?i)a", false),
            (r"(a)\1", false),
            ("[[:alpha:]]", false),
        ] {
            assert_eq!(translate(pattern, Asked::IsMatch).is_some(), is_test, "{pattern}");
            assert_eq!(translate(pattern, Asked::Match), None, "{pattern}");
        }
        assert_eq!(translate_replacement(r"<\1$\&>").as_deref(), Some("<${1}$$${0}>"));
        assert_eq!(translate_replacement(r"\\"), None);
    }
}
