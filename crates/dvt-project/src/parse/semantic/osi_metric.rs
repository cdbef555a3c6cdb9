//! What an OSI metric's SQL expression means to the semantic layer.
//!
//! In: one expression. Out: an aggregation of one expression, or a ratio of two. Whatever is neither is taken for the sum of
//! the whole expression, as dbt takes it.

/// An expression, read.
#[derive(Debug, PartialEq)]
pub(super) struct Meaning {
    /// What is aggregated; without the dataset in front of a plain column.
    pub(super) expr: String,
    /// The dataset that the column names.
    pub(super) dataset: Option<String>,
    pub(super) kind: Kind,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    Aggregate { agg: &'static str, percentile: Option<f64> },
    Ratio(Box<[Meaning; 2]>),
}

impl Meaning {
    pub(super) fn of(expression: &str) -> Self {
        let text = expression.trim();
        if let Some(meaning) = aggregation(text) {
            return meaning;
        }
        if let Some((numerator, denominator)) = quotient(text) {
            let parts = [Self::of(unwrapped(numerator)), Self::of(unwrapped(denominator))];
            return Self { expr: text.to_owned(), dataset: None, kind: Kind::Ratio(Box::new(parts)) };
        }
        Self { expr: text.to_owned(), dataset: None, kind: Kind::Aggregate { agg: "sum", percentile: None } }
    }
}

/// The column's own name, without what stands before it; any other expression as it is.
pub(super) fn column_of(expression: &str) -> &str {
    match qualified(expression) {
        Some((_, column)) => column,
        None => expression,
    }
}

/// `orders.amount` as `orders` and `amount`.
fn qualified(expression: &str) -> Option<(&str, &str)> {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '"' | '$'))
    };
    let (dataset, column) = expression.rsplit_once('.')?;
    (dataset.split('.').all(is_name) && is_name(column)).then_some((dataset, column))
}

fn aggregation(text: &str) -> Option<Meaning> {
    let (function, argument, rest) = call(text)?;
    let function = function.to_ascii_uppercase();
    if !rest.is_empty() {
        return percentile(&function, argument, rest);
    }
    let (agg, argument) = match function.as_str() {
        "COUNT" => match word_and_rest(argument, "DISTINCT") {
            Some(distinct) if at_top_level(distinct, b',').next().is_none() => ("count_distinct", distinct),
            Some(_) => return None,
            None => ("count", argument),
        },
        "SUM" => match flag(argument) {
            Some(condition) => ("sum_boolean", condition),
            None if word_and_rest(argument, "CASE").is_some() => return None,
            None => ("sum", argument),
        },
        "AVG" => ("average", argument),
        "MIN" => ("min", argument),
        "MAX" => ("max", argument),
        _ => return None,
    };
    Some(meaning(agg, argument, None))
}

fn meaning(agg: &'static str, argument: &str, percentile: Option<f64>) -> Meaning {
    let argument = argument.trim();
    let dataset = qualified(argument).map(|(dataset, _)| dataset.to_owned());
    Meaning { expr: column_of(argument).to_owned(), dataset, kind: Kind::Aggregate { agg, percentile } }
}

/// `PERCENTILE_CONT(p) WITHIN GROUP (ORDER BY column)`.
fn percentile(function: &str, argument: &str, rest: &str) -> Option<Meaning> {
    let is_continuous = match function {
        "PERCENTILE_CONT" => true,
        "PERCENTILE_DISC" => false,
        _ => return None,
    };
    let group = word_and_rest(word_and_rest(rest, "WITHIN")?, "GROUP")?;
    let ordered = word_and_rest(word_and_rest(enclosed(group)?, "ORDER")?, "BY")?;
    let ordered = at_top_level(ordered, b',').next().map_or(ordered, |comma| &ordered[..comma]);
    let lower = ordered.to_ascii_lowercase();
    let end =
        [" asc", " desc"].iter().find_map(|word| lower.trim_end().strip_suffix(word)).map_or(ordered.len(), str::len);
    let share: f64 = argument.trim().parse().ok()?;
    // One half of a continuous distribution has a name of its own.
    if is_continuous && (share - 0.5).abs() < f64::EPSILON {
        return Some(meaning("median", &ordered[..end], None));
    }
    Some(meaning("percentile", &ordered[..end], Some(share)))
}

/// `CASE WHEN condition THEN 1 ELSE 0 END`: the condition.
fn flag(argument: &str) -> Option<&str> {
    let inner = word_and_rest(word_and_rest(argument, "CASE")?, "WHEN")?;
    let lower = inner.to_ascii_lowercase();
    let words: Vec<&str> = lower.split_whitespace().rev().take(5).collect();
    if words != ["end", "0", "else", "1", "then"] || lower.matches("then").count() > 1 {
        return None;
    }
    Some(inner[..lower.rfind("then")?].trim())
}

/// Function name, what stands in its parentheses, and what follows them.
fn call(text: &str) -> Option<(&str, &str, &str)> {
    let open = text.find('(')?;
    let name = text[..open].trim_end();
    if name.is_empty() || !name.chars().all(|letter| letter.is_alphanumeric() || letter == '_') {
        return None;
    }
    let close = closing(text, open)?;
    Some((name, text[open + 1..close].trim(), text[close + 1..].trim()))
}

/// What stands in the parentheses that are all of the text.
fn enclosed(text: &str) -> Option<&str> {
    let text = text.trim();
    let close = text.starts_with('(').then(|| closing(text, 0))??;
    (close + 1 == text.len()).then(|| text[1..close].trim())
}

fn unwrapped(text: &str) -> &str {
    enclosed(text).unwrap_or(text)
}

/// The rest of a text that begins with the word.
fn word_and_rest<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let text = text.trim_start();
    let head = text.get(..word.len())?;
    let rest = &text[word.len()..];
    let ends = rest.chars().next().is_none_or(|next| !next.is_alphanumeric() && next != '_');
    (head.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start())
}

/// The two sides of a division that the whole text is.
fn quotient(text: &str) -> Option<(&str, &str)> {
    if [b'+', b'-', b'<', b'>', b'='].into_iter().any(|operator| at_top_level(text, operator).next().is_some()) {
        return None;
    }
    let last = at_top_level(text, b'/').last()?;
    let later_product = at_top_level(text, b'*').any(|product| product > last);
    let (numerator, denominator) = (text[..last].trim(), text[last + 1..].trim());
    (!later_product && !numerator.is_empty() && !denominator.is_empty()).then_some((numerator, denominator))
}

/// The place of the parenthesis that closes the one at `open`.
fn closing(text: &str, open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (place, byte) in outside_quotes(text).filter(|(place, _)| *place >= open) {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(place);
                }
            }
            _ => {}
        }
    }
    None
}

/// Where a character stands outside of quotes and parentheses.
fn at_top_level(text: &str, wanted: u8) -> impl Iterator<Item = usize> + '_ {
    let mut depth = 0i32;
    outside_quotes(text).filter_map(move |(place, byte)| {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        (byte == wanted && depth == 0).then_some(place)
    })
}

fn outside_quotes(text: &str) -> impl Iterator<Item = (usize, u8)> + '_ {
    let mut quote = None;
    text.bytes().enumerate().filter(move |(_, byte)| match quote {
        Some(open) => {
            if *byte == open {
                quote = None;
            }
            false
        }
        None if matches!(byte, b'\'' | b'"') => {
            quote = Some(*byte);
            false
        }
        None => true,
    })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Meaning};

    fn shown(expression: &str) -> String {
        fn show(meaning: &Meaning) -> String {
            let dataset = meaning.dataset.as_deref().map(|dataset| format!(" of {dataset}")).unwrap_or_default();
            match &meaning.kind {
                Kind::Aggregate { agg, percentile: None } => format!("{agg} [{}]{dataset}", meaning.expr),
                Kind::Aggregate { agg, percentile: Some(share) } => {
                    format!("{agg} {share} [{}]{dataset}", meaning.expr)
                }
                Kind::Ratio(parts) => format!("{} / {}", show(&parts[0]), show(&parts[1])),
            }
        }
        show(&Meaning::of(expression))
    }

    #[test]
    fn expressions_become_aggregations_and_ratios() {
        for (expression, expected) in [
            ("SUM(amount)", "sum [amount]"),
            ("sum(orders.amount)", "sum [amount] of orders"),
            ("SUM(price * (1 - discount))", "sum [price * (1 - discount)]"),
            ("COUNT(*)", "count [*]"),
            ("COUNT(DISTINCT orders.customer_id)", "count_distinct [customer_id] of orders"),
            ("AVG(a)", "average [a]"),
            ("SUM(CASE WHEN paid AND a > 1 THEN 1 ELSE 0 END)", "sum_boolean [paid AND a > 1]"),
            ("PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY o.amount DESC)", "median [amount] of o"),
            ("PERCENTILE_DISC(0.9) WITHIN GROUP (ORDER BY amount)", "percentile 0.9 [amount]"),
            ("(SUM(a)) / (COUNT(DISTINCT b))", "sum [a] / count_distinct [b]"),
            ("SUM(a) / SUM(b) / SUM(c)", "sum [a] / sum [b] / sum [c]"),
            // Neither: the whole expression, summed.
            ("SUM(a) + SUM(b)", "sum [SUM(a) + SUM(b)]"),
            ("SUM(a) / SUM(b) * 100", "sum [SUM(a) / SUM(b) * 100]"),
            ("COUNT(DISTINCT a, b)", "sum [COUNT(DISTINCT a, b)]"),
            ("SUM(')/(')", "sum [')/(']"),
            ("", "sum []"),
        ] {
            assert_eq!(shown(expression), expected, "{expression}");
        }
    }
}
