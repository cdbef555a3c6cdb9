//! Dates of properties, in the form that dbt writes.

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeZone};

/// A date or time as `2030-01-01T00:00:00+00:00`; one without a time zone is in the machine's. A text that is neither
/// stays as it is.
pub(crate) fn normal_date(text: &str) -> String {
    let text = text.trim();
    let written = |at: &dyn Fn() -> Option<String>| at().unwrap_or_else(|| text.to_owned());
    if let Ok(at) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return at.to_rfc3339();
    }
    let naive = NaiveDate::parse_from_str(text, "%Y-%m-%d")
        .map(|date| date.and_time(NaiveTime::MIN))
        .or_else(|_| NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|_| NaiveDateTime::parse_from_str(&text.replacen(' ', "T", 1), "%Y-%m-%dT%H:%M"));
    written(&|| Some(Local.from_local_datetime(naive.as_ref().ok()?).earliest()?.to_rfc3339()))
}

/// A date or time as Python's `isoformat` writes it: with a time zone only where there is one.
pub(crate) fn python_moment(text: &str) -> Option<String> {
    let text = text.trim().replacen(' ', "T", 1);
    let micros = |format: &str, nanos: u32| if nanos == 0 { format.to_owned() } else { format!("{format}%.6f") };
    if let Ok(at) = DateTime::parse_from_rfc3339(&text) {
        return Some(at.format(&(micros("%Y-%m-%dT%H:%M:%S", at.timestamp_subsec_nanos()) + "%:z")).to_string());
    }
    let naive = NaiveDate::parse_from_str(&text, "%Y-%m-%d")
        .map(|date| date.and_time(NaiveTime::MIN))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S%.f"))
        .or_else(|_| NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M"))
        .ok()?;
    Some(naive.format(&micros("%Y-%m-%dT%H:%M:%S", naive.and_utc().timestamp_subsec_nanos())).to_string())
}

/// The moment that such a text means.
pub(crate) fn moment(text: &str) -> Option<DateTime<chrono::FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}

#[cfg(test)]
mod tests {
    use super::normal_date;

    #[test]
    fn dates_have_a_time_and_a_zone() {
        assert!(normal_date("2030-01-02").starts_with("2030-01-02T00:00:00"));
        assert_eq!(normal_date("2030-01-02T03:04:05+02:00"), "2030-01-02T03:04:05+02:00");
        assert_eq!(normal_date("2030-01-02 03:04:05Z"), "2030-01-02T03:04:05+00:00");
        assert_eq!(normal_date("soon"), "soon");
    }
}
