//! Casts with the author's meaning, and constants of types that the planner reads otherwise.

use super::CARRIER;
use super::tree::{call, number};
use crate::interval::parse_interval;
use datafusion::sql::sqlparser::ast::{
    self, CastKind, DataType, DateTimeField, ExactNumberInfo, Expr, Interval, TimezoneInfo, UnaryOperator, Value,
};

/// `CAST(x AS varchar(3))` cuts its value in databases but DuckDB and SQLite, while the planner forgets the length: it becomes the first
/// three characters of the cast. `numeric` without digits keeps those of its value.
pub(super) fn give_cast_meaning(expr: &mut Expr, dialect: &str) {
    let Expr::Cast { kind, expr: inner, data_type, .. } = expr else { return };
    let is_mysql = matches!(dialect, "mysql" | "mariadb");
    if dialect == "sqlite" {
        match data_type {
            DataType::Integer(_) | DataType::Int(_) | DataType::SmallInt(_) | DataType::TinyInt(_) => {
                *data_type = DataType::BigInt(None);
            }
            DataType::Char(None) | DataType::Character(None) => *data_type = DataType::Text,
            DataType::Real | DataType::Float(_) => *data_type = DataType::DoublePrecision,
            _ => {}
        }
    }
    // Without a length its CHAR keeps all of a text.
    if is_mysql && matches!(data_type, DataType::Char(None) | DataType::Character(None)) {
        *data_type = DataType::Text;
    }
    if let Some(length) = text_length(data_type) {
        *data_type = DataType::Text;
        // These two read a length and forget it.
        if matches!(dialect, "duckdb" | "sqlite") {
            return;
        }
        let cast = std::mem::replace(expr, Expr::value(Value::Null));
        *expr = Expr::Substring {
            expr: Box::new(cast),
            substring_from: Some(number(1)),
            substring_for: Some(number(length)),
            special: true,
            shorthand: false,
        };
        return;
    }
    if let DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) = data_type {
        match (dialect, &digits) {
            ("postgres", ExactNumberInfo::None) => {
                let (precision, scale) = CARRIER;
                *digits = ExactNumberInfo::PrecisionAndScale(u64::from(precision), i64::from(scale));
            }
            ("duckdb", ExactNumberInfo::None) => *digits = ExactNumberInfo::PrecisionAndScale(18, 3),
            ("mysql" | "mariadb", ExactNumberInfo::None) => *digits = ExactNumberInfo::PrecisionAndScale(10, 0),
            ("postgres" | "mysql" | "mariadb" | "duckdb", ExactNumberInfo::Precision(precision)) => {
                *digits = ExactNumberInfo::PrecisionAndScale(*precision, 0);
            }
            _ => {}
        }
        return;
    }
    if is_mysql && let DataType::Datetime(digits) = data_type {
        let digits = digits.unwrap_or(0);
        *data_type = DataType::Timestamp(Some(6), TimezoneInfo::None);
        if digits < 6 {
            let cast = std::mem::replace(expr, Expr::value(Value::Null));
            // MySQL rounds the digits that go; MariaDB drops them.
            let name = if dialect == "mariadb" { "dvt_datetime_cut" } else { "dvt_datetime" };
            *expr = call(name, vec![cast, *number(digits)]);
        }
        return;
    }
    if is_mysql && matches!(data_type, DataType::Signed | DataType::SignedInteger) {
        *data_type = DataType::BigInt(None);
        return;
    }
    if dialect != "postgres" || !matches!(kind, CastKind::Cast | CastKind::DoubleColon) {
        return;
    }
    match data_type {
        DataType::Timestamp(..) => {
            if let Expr::Value(value) = inner.as_mut() {
                complete_time(&mut value.value);
            }
        }
        // A list as one text: '{1,2}'.
        DataType::Array(_) => {
            if let Some(elements) = array_elements(inner) {
                **inner = Expr::Array(ast::Array { elem: elements, named: true });
            }
        }
        DataType::JSON => *expr = call("dvt_to_json", vec![inner.as_ref().clone()]),
        DataType::JSONB => *expr = call("dvt_to_jsonb", vec![inner.as_ref().clone()]),
        DataType::Interval { .. } => {
            let written = Interval {
                value: inner.clone(),
                leading_field: None,
                leading_precision: None,
                last_field: None,
                fractional_seconds_precision: None,
            };
            if let Some(plain) = plain_interval(&written) {
                *expr = Expr::Interval(plain);
            }
        }
        _ => {}
    }
}

/// Adds the seconds that a text of a moment leaves out: `2024-01-01 10:00`.
pub(super) fn complete_time(value: &mut Value) {
    let Value::SingleQuotedString(text) = value else { return };
    let Some((date, time)) = text.split_once([' ', 'T']) else { return };
    let is_minutes = time.len() >= 5 && time.is_char_boundary(5) && time.as_bytes()[2] == b':';
    if is_minutes && date.len() >= 8 && !time[5..].starts_with([':', '.']) {
        *text = format!("{date} {}:00{}", &time[..5], &time[5..]);
    }
}

/// The elements of an array's text form, where none is quoted or nested.
fn array_elements(text: &Expr) -> Option<Vec<Expr>> {
    let Expr::Value(value) = text else { return None };
    let Value::SingleQuotedString(text) = &value.value else { return None };
    let inside = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    if inside.contains(['{', '}', '"', '\\']) {
        return None;
    }
    if inside.trim().is_empty() {
        return Some(Vec::new());
    }
    let element = |text: &str| match text.trim() {
        "" => None,
        null if null.eq_ignore_ascii_case("null") => Some(Expr::value(Value::Null)),
        text => Some(Expr::value(Value::SingleQuotedString(text.to_owned()))),
    };
    inside.split(',').map(element).collect()
}

fn text_length(data_type: &DataType) -> Option<u64> {
    use DataType::{Char, CharVarying, Character, CharacterVarying, Nvarchar, Varchar};
    let (Char(length)
    | CharVarying(length)
    | Character(length)
    | CharacterVarying(length)
    | Nvarchar(length)
    | Varchar(length)) = data_type
    else {
        return None;
    };
    match (length, data_type) {
        (Some(ast::CharacterLength::IntegerLength { length, .. }), _) => Some(*length),
        // CHAR without a length is one character.
        (None, Char(_) | Character(_)) => Some(1),
        _ => None,
    }
}

/// `INTERVAL (-5) DAY` says `INTERVAL -5 DAY`; the planner reads a constant only without the brackets.
pub(super) fn unwrap_amount(interval: &mut Interval) {
    fn amount(expr: &Expr) -> Option<String> {
        match expr {
            Expr::Nested(inner) => amount(inner),
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
                amount(expr).map(|amount| match amount.strip_prefix('-') {
                    Some(positive) => positive.to_owned(),
                    None => format!("-{amount}"),
                })
            }
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => Some(digits.clone()),
                _ => None,
            },
            _ => None,
        }
    }
    if let Some(amount) = amount(&interval.value) {
        *interval.value = Expr::value(Value::Number(amount, false));
    }
}

/// The interval in months, days and nanoseconds, where its text is a constant of a known form.
pub(super) fn plain_interval(interval: &Interval) -> Option<Interval> {
    if interval.leading_precision.is_some() || interval.last_field.is_some() {
        return None;
    }
    let text = match interval.value.as_ref() {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            _ => return None,
        },
        _ => return None,
    };
    let unit = match &interval.leading_field {
        None => None,
        Some(DateTimeField::Second) => Some("second"),
        Some(DateTimeField::Minute) => Some("minute"),
        Some(DateTimeField::Hour) => Some("hour"),
        Some(DateTimeField::Day) => Some("day"),
        Some(DateTimeField::Week(None)) => Some("week"),
        Some(DateTimeField::Month) => Some("month"),
        Some(DateTimeField::Year) => Some("year"),
        Some(_) => return None,
    };
    let (months, days, micros) = parse_interval(&text, unit)?;
    let nanoseconds = micros.checked_mul(1000)?;
    let plain = format!("{months} months {days} days {nanoseconds} nanoseconds");
    Some(Interval {
        value: Box::new(Expr::value(Value::SingleQuotedString(plain))),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}
