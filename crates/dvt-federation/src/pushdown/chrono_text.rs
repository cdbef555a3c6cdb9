//! Dates and timestamps as ISO text, for the years that every engine can read (1 to 9999).

use arrow::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};

/// `1995-03-15`, `None` outside the years 1 to 9999.
pub(super) fn date_text(days: i32) -> Option<String> {
    let text = date32_to_datetime(days)?.date().to_string();
    is_common(&text).then_some(text)
}

/// `1995-03-15 12:30:00.000001`, `None` outside the years 1 to 9999.
pub(super) fn timestamp_text(micros: i64) -> Option<String> {
    let text = timestamp_us_to_datetime(micros)?.format("%Y-%m-%d %H:%M:%S%.6f").to_string();
    is_common(&text).then_some(text)
}

/// Four digits of year and no sign, and not the year zero.
fn is_common(text: &str) -> bool {
    text.as_bytes().get(4) == Some(&b'-') && !text.starts_with(['-', '+']) && !text.starts_with("0000")
}
