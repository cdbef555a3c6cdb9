//! The parser's errors in Jinja's words, which dbt's users know and look for.

/// What Jinja says for a message of the parser; `found` is the text at the place of the error.
pub(super) fn in_jinjas_words(message: &str, found: &str) -> String {
    if let Some(tag) = message.strip_prefix("unknown statement ") {
        return format!("Encountered unknown tag '{}'.", tag.trim_matches('`'));
    }
    let (got, expected) = match message.strip_prefix("unexpected ") {
        Some(rest) => rest.split_once(", expected ").map_or((rest, None), |(got, expected)| (got, Some(expected))),
        None => return message.to_owned(),
    };
    let got = token(got, found);
    match (got.as_str(), expected) {
        ("end of comment", _) => "Missing end of comment tag".to_owned(),
        ("end of raw block", _) => "Missing end of raw directive".to_owned(),
        ("character", _) => match found.chars().next() {
            Some(character) => format!("unexpected char '{character}'"),
            None => message.to_owned(),
        },
        ("end of template", Some("expression") | None) => "unexpected 'end of template'".to_owned(),
        (got, Some(expected)) => format!("expected token '{}', got '{got}'", token(expected, "")),
        ("end of print statement" | "end of statement block", None) => format!("Expected an expression, got '{got}'"),
        (got, None) => format!("unexpected '{got}'"),
    }
}

/// A token as Jinja calls it.
fn token(word: &str, found: &str) -> String {
    match word {
        "end of variable block" => "end of print statement".to_owned(),
        "end of block" => "end of statement block".to_owned(),
        "end of input" => "end of template".to_owned(),
        "identifier" if !found.is_empty() => found.to_owned(),
        "identifier" => "name".to_owned(),
        other => other.trim_matches('`').to_owned(),
    }
}

/// What Jinja says of a block that is not closed.
pub(super) fn unclosed(keyword: &str) -> String {
    let ends = match keyword {
        "if" => "'elif' or 'else' or 'endif'".to_owned(),
        "for" => "'endfor' or 'else'".to_owned(),
        other => format!("'end{other}'"),
    };
    format!(
        "Unexpected end of template. Jinja was looking for the following tags: {ends}. The innermost block that needs to \
         be closed is '{keyword}'."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_jinjas() {
        let check = |message: &str, found: &str, expected: &str| assert_eq!(in_jinjas_words(message, found), expected);
        check("unknown statement endif", "", "Encountered unknown tag 'endif'.");
        check(
            "unexpected identifier, expected end of variable block",
            "b",
            "expected token 'end of print statement', got 'b'",
        );
        check("unexpected `=`, expected end of block", "=", "expected token 'end of statement block', got '='");
        check("unexpected end of variable block", "", "Expected an expression, got 'end of print statement'");
        check("unexpected character", "$x", "unexpected char '$'");
        check("something else", "", "something else");
    }
}
