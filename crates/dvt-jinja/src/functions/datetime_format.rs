//! `strftime`, `strptime` and `isoformat` with Python's directives.

use super::datetime::{DateTime, Zone};
use chrono::{Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Python's `isoformat(sep)`.
pub(super) fn isoformat(datetime: &DateTime, separator: char) -> String {
    let local = datetime.local;
    let micros = local.nanosecond() / 1000;
    let mut text = format!("{:04}-{:02}-{:02}{separator}", local.year(), local.month(), local.day());
    text.push_str(&format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()));
    if micros > 0 {
        text.push_str(&format!(".{micros:06}"));
    }
    if let Some(offset) = datetime.offset() {
        text.push_str(&offset_text(offset, ":"));
    }
    text
}

fn offset_text(offset: FixedOffset, separator: &str) -> String {
    let seconds = offset.local_minus_utc();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.abs();
    format!("{sign}{:02}{separator}{:02}", seconds / 3600, seconds / 60 % 60)
}

/// Python's `strftime(format)`.
pub(super) fn format_datetime(datetime: &DateTime, format: &str) -> String {
    let local = datetime.local;
    let mut out = String::with_capacity(format.len() * 2);
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let strips = characters.next_if(|flag| matches!(flag, '-' | '#')).is_some();
        let Some(directive) = characters.next() else {
            out.push('%');
            break;
        };
        let month = MONTHS[local.month0() as usize];
        let day = DAYS[local.weekday().num_days_from_monday() as usize];
        let hour12 = match local.hour() % 12 {
            0 => 12,
            hour => hour,
        };
        let number = |value: u32, width: usize| if strips { value.to_string() } else { format!("{value:0width$}") };
        let text = match directive {
            'Y' => format!("{:04}", local.year()),
            'y' => number(u32::try_from(local.year().rem_euclid(100)).unwrap_or(0), 2),
            'C' => number(u32::try_from(local.year().div_euclid(100)).unwrap_or(0), 2),
            'm' => number(local.month(), 2),
            'd' => number(local.day(), 2),
            'e' => format!("{:>2}", local.day()),
            'H' => number(local.hour(), 2),
            'I' => number(hour12, 2),
            'k' => format!("{:>2}", local.hour()),
            'l' => format!("{hour12:>2}"),
            'M' => number(local.minute(), 2),
            'S' => number(local.second(), 2),
            'f' => format!("{:06}", local.nanosecond() / 1000),
            'j' => number(local.ordinal(), 3),
            'B' => month.to_owned(),
            'b' | 'h' => month[..3].to_owned(),
            'A' => day.to_owned(),
            'a' => day[..3].to_owned(),
            'p' => if local.hour() < 12 { "AM" } else { "PM" }.to_owned(),
            'w' => local.weekday().num_days_from_sunday().to_string(),
            'u' => local.weekday().number_from_monday().to_string(),
            'U' => number((local.ordinal0() + 7 - local.weekday().num_days_from_sunday()) / 7, 2),
            'W' => number((local.ordinal0() + 7 - local.weekday().num_days_from_monday()) / 7, 2),
            'V' => number(local.iso_week().week(), 2),
            'G' => local.iso_week().year().to_string(),
            'z' => datetime.offset().map(|offset| offset_text(offset, "")).unwrap_or_default(),
            'Z' => datetime.zone.map(Zone::name).unwrap_or_default(),
            's' => local.and_utc().timestamp().to_string(),
            'F' => format_datetime(datetime, "%Y-%m-%d"),
            'T' | 'X' => format_datetime(datetime, "%H:%M:%S"),
            'D' | 'x' => format_datetime(datetime, "%m/%d/%y"),
            'R' => format_datetime(datetime, "%H:%M"),
            'c' => format_datetime(datetime, "%a %b %e %H:%M:%S %Y"),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            other => format!("%{other}"),
        };
        out.push_str(&text);
    }
    out
}

/// What was read so far.
struct Parsed {
    year: i32,
    month: u32,
    day: u32,
    ordinal: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
    is_pm: Option<bool>,
    zone: Option<Zone>,
}

/// Python's `strptime(text, format)`; the error is Python's message.
pub(super) fn parse_datetime(text: &str, format: &str) -> Result<DateTime, String> {
    let mismatch = || format!("time data '{text}' does not match format '{format}'");
    let mut parsed = Parsed {
        year: 1900,
        month: 1,
        day: 1,
        ordinal: None,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
        is_pm: None,
        zone: None,
    };
    let format = format
        .replace("%F", "%Y-%m-%d")
        .replace("%T", "%H:%M:%S")
        .replace("%X", "%H:%M:%S")
        .replace("%D", "%m/%d/%y")
        .replace("%R", "%H:%M");
    let mut rest = text;
    let mut directives = format.chars().peekable();
    while let Some(character) = directives.next() {
        if character.is_whitespace() {
            rest = rest.trim_start();
            continue;
        }
        if character != '%' {
            rest = rest.strip_prefix(character).ok_or_else(mismatch)?;
            continue;
        }
        directives.next_if(|flag| matches!(flag, '-' | '#'));
        let directive = directives.next().ok_or("stray % in format")?;
        rest = read_directive(directive, rest, &mut parsed).ok_or_else(mismatch)?;
    }
    if !rest.is_empty() {
        return Err(format!("unconverted data remains: {rest}"));
    }
    if let Some(is_pm) = parsed.is_pm {
        parsed.hour = parsed.hour % 12 + if is_pm { 12 } else { 0 };
    }
    let date = match parsed.ordinal {
        Some(ordinal) => NaiveDate::from_yo_opt(parsed.year, ordinal),
        None => NaiveDate::from_ymd_opt(parsed.year, parsed.month, parsed.day),
    };
    let time = NaiveTime::from_hms_micro_opt(parsed.hour, parsed.minute, parsed.second, parsed.micros);
    match (date, time) {
        (Some(date), Some(time)) => Ok(DateTime { local: NaiveDateTime::new(date, time), zone: parsed.zone }),
        _ => Err("day is out of range for month".to_owned()),
    }
}

/// Up to `width` digits from the front.
fn digits(text: &str, width: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
    Some((text[..length].parse().ok()?, &text[length..]))
}

fn named<'a>(text: &'a str, names: &[&str], is_short: bool) -> Option<(u32, &'a str)> {
    for (index, name) in names.iter().enumerate() {
        let name = if is_short { &name[..3] } else { name };
        if text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)) {
            return Some((u32::try_from(index).ok()?, &text[name.len()..]));
        }
    }
    None
}

fn read_directive<'a>(directive: char, text: &'a str, parsed: &mut Parsed) -> Option<&'a str> {
    let (value, rest) = match directive {
        'Y' => digits(text, 4)?,
        'm' | 'd' | 'e' | 'H' | 'I' | 'M' | 'S' | 'y' => digits(text.trim_start_matches(' '), 2)?,
        'j' => digits(text, 3)?,
        'B' => named(text, &MONTHS, false)?,
        'b' | 'h' => named(text, &MONTHS, true)?,
        'A' => return named(text, &DAYS, false).map(|(_, rest)| rest),
        'a' => return named(text, &DAYS, true).map(|(_, rest)| rest),
        'p' => {
            let (value, rest) = text.split_at_checked(2)?;
            parsed.is_pm = Some(match value.to_lowercase().as_str() {
                "am" => false,
                "pm" => true,
                _ => return None,
            });
            return Some(rest);
        }
        'f' => {
            let length = text.bytes().take(6).take_while(u8::is_ascii_digit).count();
            let value = format!("{:0<6}", &text[..length]);
            parsed.micros = if length == 0 { return None } else { value.parse().ok()? };
            return Some(&text[length..]);
        }
        'z' => return read_offset(text, parsed),
        'Z' => {
            let rest = text.strip_prefix("UTC").or_else(|| text.strip_prefix("GMT"))?;
            parsed.zone = Some(Zone::Utc);
            return Some(rest);
        }
        '%' => return text.strip_prefix('%'),
        _ => return None,
    };
    match directive {
        'Y' => parsed.year = i32::try_from(value).ok()?,
        'y' => parsed.year = i32::try_from(if value < 69 { 2000 + value } else { 1900 + value }).ok()?,
        'm' => parsed.month = value,
        'B' | 'b' | 'h' => parsed.month = value + 1,
        'd' | 'e' => parsed.day = value,
        'j' => parsed.ordinal = Some(value),
        'H' | 'I' => parsed.hour = value,
        'M' => parsed.minute = value,
        _ => parsed.second = value,
    }
    Some(rest)
}

fn read_offset<'a>(text: &'a str, parsed: &mut Parsed) -> Option<&'a str> {
    if let Some(rest) = text.strip_prefix('Z') {
        parsed.zone = Some(Zone::Utc);
        return Some(rest);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = digits(&text[1..], 2)?;
    let (minutes, rest) = digits(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    let seconds = sign * i32::try_from(hours * 3600 + minutes * 60).ok()?;
    parsed.zone = Some(if seconds == 0 { Zone::Utc } else { Zone::Fixed(FixedOffset::east_opt(seconds)?) });
    Some(rest)
}

/// Python's `fromisoformat`.
pub(super) fn parse_iso(text: &str) -> Result<DateTime, String> {
    let invalid = || format!("Invalid isoformat string: '{text}'");
    let date_format = "%Y-%m-%d";
    let Some((date, time)) = text.split_at_checked(10) else {
        return Err(invalid());
    };
    if time.is_empty() {
        return parse_datetime(date, date_format).map_err(|_| invalid());
    }
    let time = &time[time.chars().next().map_or(0, char::len_utf8)..];
    let zone_at = time.find(['+', '-', 'Z']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(zone_at);
    let clock_format = match (clock.matches(':').count(), clock.contains('.')) {
        (0, _) => "%H",
        (1, _) => "%H:%M",
        (_, true) => "%H:%M:%S.%f",
        _ => "%H:%M:%S",
    };
    let zone_format = if zone.is_empty() { "" } else { "%z" };
    parse_datetime(&format!("{date} {clock}{zone}"), &format!("{date_format} {clock_format}{zone_format}"))
        .map_err(|_| invalid())
}
