//! Dates and times between their ISO text and numbers: days and microseconds from 1970 on.
//!
//! Source: PostgreSQL manual, "Date/Time Output" with `DateStyle` ISO, whose forms Redshift has; days of the Gregorian calendar
//! by the usual shift of the year's start to March.

const MICROSECONDS_OF_DAY: i64 = 86_400_000_000;

/// The days until a date, years counted with a year 0.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let year_of_era = shifted.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year (with a year 0), month and day.
fn date_of(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted_month + 2) / 5 + 1)
}

fn number(text: &str) -> Option<i64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// `2024-01-31`, and ` BC` behind it before the first year.
pub(crate) fn date(text: &str) -> Option<i64> {
    let (text, is_before) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut parts = text.split('-');
    let (year, month, day) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let days = days_of(if is_before { 1 - year } else { year }, month, day);
    (date_of(days).2 == day).then_some(days)
}

/// `12:34:56.789`, in microseconds.
pub(crate) fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let (hours, minutes, seconds) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    let is_fraction = fraction.len() <= 6 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    if parts.next().is_some() || !is_fraction || hours > 24 || minutes > 59 || seconds > 60 {
        return None;
    }
    let microseconds: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000_000 + microseconds)
}

/// `2024-01-31 12:34:56.789+02`: the instant where there is a zone, else the clock's time. The zone is there or not as asked.
pub(crate) fn timestamp(text: &str, has_zone: bool) -> Option<i64> {
    let (text, era) = match text.strip_suffix(" BC") {
        Some(text) => (text, " BC"),
        None => (text, ""),
    };
    let (day, clock) = text.split_once(' ')?;
    let (clock, west) = match clock.find(['+', '-']) {
        Some(at) if has_zone => (&clock[..at], offset(&clock[at..])?),
        None if !has_zone => (clock, 0),
        _ => return None,
    };
    let days = date(&format!("{day}{era}"))?;
    days.checked_mul(MICROSECONDS_OF_DAY)?.checked_add(time(clock)?)?.checked_sub(west)
}

/// `+02`, `-05:30`, `+00:19:32` in microseconds east.
fn offset(text: &str) -> Option<i64> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut seconds = 0;
    for (part, unit) in text[1..].split(':').zip([3600, 60, 1]) {
        seconds += number(part)? * unit;
    }
    Some(sign * seconds * 1_000_000)
}

/// The text of a day.
pub(crate) fn date_text(days: i64) -> String {
    let (year, month, day) = date_of(days);
    match year {
        1.. => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{:04}-{month:02}-{day:02} BC", 1 - year),
    }
}

/// The text of a time of day.
pub(crate) fn time_text(microseconds: i64) -> String {
    let (seconds, fraction) = (microseconds.div_euclid(1_000_000), microseconds.rem_euclid(1_000_000));
    let clock = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    if fraction == 0 { clock } else { format!("{clock}.{fraction:06}") }
}

/// The text of a moment; `zone` stands behind the clock's time.
pub(crate) fn timestamp_text(microseconds: i64, zone: &str) -> String {
    let day = date_text(microseconds.div_euclid(MICROSECONDS_OF_DAY));
    let clock = time_text(microseconds.rem_euclid(MICROSECONDS_OF_DAY));
    match day.strip_suffix(" BC") {
        Some(day) => format!("{day} {clock}{zone} BC"),
        None => format!("{day} {clock}{zone}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_back() {
        for text in
            ["1970-01-01", "2024-02-29", "1999-12-31", "0001-01-01", "0001-12-31 BC", "4713-01-01 BC", "12024-03-01"]
        {
            assert_eq!(date_text(date(text).unwrap()), text);
        }
        for text in ["1970-01-01 00:00:00", "1969-12-31 23:59:59.999999", "0044-03-15 12:00:00.5 BC"] {
            let again = timestamp_text(timestamp(text, false).unwrap(), "");
            assert_eq!(timestamp(&again, false), timestamp(text, false), "{again}");
        }
        assert_eq!(date("1970-01-02"), Some(1));
        assert_eq!(date("2000-03-01"), Some(11_017));
        assert_eq!(timestamp("1970-01-01 01:00:00+01", true), Some(0));
        assert_eq!(timestamp("1969-12-31 18:30:00.25-05:30", true), Some(250_000));
        assert_eq!(time_text(time("23:59:59.000001").unwrap()), "23:59:59.000001");
    }

    #[test]
    fn what_is_no_date_or_time_is_none() {
        for text in ["", "2024-02-30", "2024-13-01", "infinity", "24-1", "2024-01-01x"] {
            assert_eq!(date(text), None, "{text}");
        }
        assert_eq!(timestamp("2024-01-01", false), None);
        assert_eq!(timestamp("2024-01-01 00:00:00", true), None);
        assert_eq!(timestamp("2024-01-01 00:00:00+00", false), None);
        assert_eq!(time("12:34:56.1234567"), None);
    }
}
