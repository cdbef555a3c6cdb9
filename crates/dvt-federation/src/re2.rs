//! DuckDB's regular expressions (RE2's) in the words of the engine's, which are nearly the same: classes are of ASCII there.

/// The pattern for the engine; `None` where it might find something else.
pub(crate) fn translate(pattern: &str) -> Option<String> {
    let mut out = String::new();
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.push_str(&escape(letters.next()?, false)?),
            '[' => {
                out.push('[');
                if letters.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                class(&mut letters, &mut out)?;
            }
            // Flags and names are written in more than one way.
            '(' => {
                out.push('(');
                if letters.next_if_eq(&'?').is_some() {
                    (letters.next()? == ':').then_some(())?;
                    out.push_str("?:");
                }
            }
            '{' => {
                // `{,3}` is text there.
                letters.peek()?.is_ascii_digit().then_some(())?;
                out.push('{');
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// What a letter after a backslash stands for.
fn escape(letter: char, in_class: bool) -> Option<String> {
    let outside = |text: &str| (!in_class).then(|| text.to_owned());
    match letter {
        'd' => Some("[0-9]".to_owned()),
        'w' => Some("[0-9A-Za-z_]".to_owned()),
        's' => Some(r"[\t\n\f\r ]".to_owned()),
        'D' => outside("[^0-9]"),
        'W' => outside("[^0-9A-Za-z_]"),
        'S' => outside(r"[^\t\n\f\r ]"),
        'n' | 't' | 'r' | 'f' | 'v' => Some(format!("\\{letter}")),
        letter if letter.is_ascii_punctuation() => Some(format!("\\{letter}")),
        _ => None,
    }
}

/// The inside of `[…]`, with its end.
fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Option<()> {
    let mut is_first = true;
    loop {
        match letters.next()? {
            ']' if !is_first => {
                out.push(']');
                return Some(());
            }
            '\\' => out.push_str(&escape(letters.next()?, true)?),
            // `[:alpha:]` is read alike.
            '[' if letters.peek() == Some(&':') => {
                out.push_str("[:");
                letters.next();
                loop {
                    let letter = letters.next()?;
                    out.push(letter);
                    if letter == ':' {
                        (letters.next()? == ']').then_some(())?;
                        out.push(']');
                        break;
                    }
                }
            }
            // What the engine joins classes with is text there.
            letter @ ('&' | '~' | '[' | ']') => {
                out.push('\\');
                out.push(letter);
            }
            '-' if letters.peek() == Some(&'-') => return None,
            other => out.push(other),
        }
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn classes_are_of_ascii_and_text_stays_text() {
        for (pattern, expected) in [
            (r"\d+", Some("[0-9]+")),
            (r"[\w&&a]", Some(r"[[0-9A-Za-z_]\&\&a]")),
            ("[]a]", Some(r"[\]a]")),
            (r"\pL", None),
            (r"\bx", None),
            ("(?i)a", None),
            ("a{,3}", None),
            ("(?:a|b)*?", Some("(?:a|b)*?")),
            ("[[:alpha:]]", Some("[[:alpha:]]")),
        ] {
            assert_eq!(translate(pattern).as_deref(), expected, "{pattern}");
        }
    }
}
