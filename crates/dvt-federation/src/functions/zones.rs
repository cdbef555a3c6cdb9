//! Clocks and instants: what `AT TIME ZONE` does in PostgreSQL.

use chrono::{DateTime, Duration, LocalResult, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use std::str::FromStr;

fn zone(name: &str) -> Result<Tz, String> {
    let known = match name.to_ascii_uppercase().as_str() {
        "UTC" | "GMT" | "Z" | "ZULU" | "UCT" => Some(Tz::UTC),
        _ => None,
    };
    // Names of zones are compared without case; a bare offset means the opposite of what it says there.
    known.or_else(|| Tz::from_str(name).ok()).or_else(|| insensitive(name)).ok_or_else(|| {
        format!("the time zone `{name}` is not supported across connections: name it as in `Europe/Berlin`")
    })
}

/// The clock of the zone at an instant, both in microseconds.
pub(super) fn clock_at(name: &str, instant: i64) -> Result<i64, String> {
    let moment = DateTime::from_timestamp_micros(instant).ok_or("timestamp out of range")?;
    Ok(zone(name)?.from_utc_datetime(&moment.naive_utc()).naive_local().and_utc().timestamp_micros())
}

/// The instant at which the zone's clock shows this. Of two, the one in standard time; a time that is skipped is read as
/// though the clocks had not been put forward yet.
pub(super) fn instant_at(name: &str, clock: i64) -> Result<i64, String> {
    let zone = zone(name)?;
    let local = DateTime::from_timestamp_micros(clock).ok_or("timestamp out of range")?.naive_utc();
    let offset = |at: &NaiveDateTime| match zone.offset_from_local_datetime(at) {
        LocalResult::Single(offset) | LocalResult::Ambiguous(_, offset) => Some(offset.fix()),
        LocalResult::None => None,
    };
    let offset = match offset(&local) {
        Some(offset) => offset,
        None => offset(&(local - Duration::hours(3))).ok_or("a time that the zone does not have")?,
    };
    Ok(clock - i64::from(offset.local_minus_utc()) * 1_000_000)
}

fn insensitive(name: &str) -> Option<Tz> {
    chrono_tz::TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instants are those of PostgreSQL 15, in seconds.
    #[test]
    fn changes_of_the_clock_are_read_as_postgres_does() {
        let instant = |text: &str, zone: &str| {
            let clock = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap().and_utc().timestamp_micros();
            instant_at(zone, clock).map(|micros| micros / 1_000_000)
        };
        assert_eq!(instant("2024-01-15 12:00", "Europe/Berlin"), Ok(1_705_316_400));
        assert_eq!(instant("2024-07-15 12:00", "europe/berlin"), Ok(1_721_037_600));
        // Skipped, then twice.
        assert_eq!(instant("2024-03-31 02:30", "Europe/Berlin"), Ok(1_711_848_600));
        assert_eq!(instant("2024-10-27 02:30", "Europe/Berlin"), Ok(1_729_992_600));
        assert_eq!(instant("2024-01-15 12:00", "UTC"), Ok(1_705_320_000));
        assert!(instant("2024-01-15 12:00", "Nowhere").is_err());
        assert_eq!(clock_at("America/New_York", 1_705_320_000_000_000), Ok(1_705_302_000_000_000));
    }
}
