//! The calendar that PostgreSQL computes with: civil dates, ISO weeks, ages, and the patterns of `to_char` and `to_date`.

use arrow::datatypes::IntervalMonthDayNano;

pub(super) const DAY: i64 = 86_400_000_000;
const HOUR: i64 = 3_600_000_000;
const MINUTE: i64 = 60_000_000;
const SECOND: i64 = 1_000_000;

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
const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Year (astronomical: 0 is 1 BC), month and day of a day counted from 1970-01-01.
pub(super) fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The day counted from 1970-01-01.
pub(super) fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

pub(super) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// A timestamp taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) days: i64,
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    /// Microseconds of the day.
    pub(super) time: i64,
}

impl Moment {
    pub(super) fn of(micros: i64) -> Self {
        let number = micros.div_euclid(DAY);
        let (year, month, day) = civil(number);
        Self { days: number, year, month, day, time: micros.rem_euclid(DAY) }
    }

    pub(super) fn hour(&self) -> i64 {
        self.time / HOUR
    }

    pub(super) fn minute(&self) -> i64 {
        self.time / MINUTE % 60
    }

    pub(super) fn second(&self) -> i64 {
        self.time / SECOND % 60
    }

    pub(super) fn micros(&self) -> i64 {
        self.time % SECOND
    }

    /// 0 is Sunday.
    pub(super) fn weekday(&self) -> i64 {
        (self.days + 4).rem_euclid(7)
    }

    pub(super) fn day_of_year(&self) -> i64 {
        self.days - days(self.year, 1, 1) + 1
    }

    /// The ISO year and week.
    pub(super) fn iso_week(&self) -> (i64, i64) {
        let monday_based = (self.weekday() + 6) % 7;
        let thursday = self.days - monday_based + 3;
        let (year, _, _) = civil(thursday);
        (year, (thursday - days(year, 1, 1)) / 7 + 1)
    }

    pub(super) fn quarter(&self) -> i64 {
        (self.month - 1) / 3 + 1
    }

    /// The year as people count, and whether it is before Christ.
    fn shown_year(&self) -> (i64, bool) {
        if self.year <= 0 { (1 - self.year, true) } else { (self.year, false) }
    }
}

/// `2024-02-29 23:59:59.5`, `0044-03-15 00:00:00 BC`.
pub(super) fn timestamp_text(micros: i64) -> String {
    let moment = Moment::of(micros);
    let (year, before) = moment.shown_year();
    let clock = clock_text(moment.time);
    let suffix = if before { " BC" } else { "" };
    format!("{year:04}-{:02}-{:02} {clock}{suffix}", moment.month, moment.day)
}

/// `23:59:59.5`.
fn clock_text(micros: i64) -> String {
    let mut text = format!("{:02}:{:02}:{:02}", micros / HOUR, micros / MINUTE % 60, micros / SECOND % 60);
    let fraction = micros % SECOND;
    if fraction != 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    text
}

/// `1 year 2 mons -3 days +04:05:06`, as PostgreSQL's style `postgres` has it.
pub(super) fn interval_text(interval: IntervalMonthDayNano) -> String {
    let mut text = String::new();
    let mut before_negative = false;
    for (number, unit) in [(interval.months / 12, "year"), (interval.months % 12, "mon"), (interval.days, "day")] {
        if number != 0 {
            let space = if text.is_empty() { "" } else { " " };
            let plus = if before_negative && number > 0 { "+" } else { "" };
            let plural = if number == 1 { "" } else { "s" };
            text += &format!("{space}{plus}{number} {unit}{plural}");
            before_negative = number < 0;
        }
    }
    let micros = interval.nanoseconds / 1000;
    if micros != 0 || text.is_empty() {
        let space = if text.is_empty() { "" } else { " " };
        let sign = if micros < 0 {
            "-"
        } else if before_negative {
            "+"
        } else {
            ""
        };
        text += &format!("{space}{sign}{}", clock_text(i64::try_from(micros.unsigned_abs()).unwrap_or(i64::MAX)));
    }
    text
}

/// `age(to, from)`: years, months, days and time, borrowing days from the month before the later one.
pub(super) fn age(to: i64, from: i64) -> Option<IntervalMonthDayNano> {
    let (later, earlier, sign) = if to >= from { (to, from, 1) } else { (from, to, -1) };
    let (end, start) = (Moment::of(later), Moment::of(earlier));
    let mut time = end.time - start.time;
    let mut day = end.day - start.day;
    let mut months = (end.year - start.year) * 12 + end.month - start.month;
    if time < 0 {
        time += DAY;
        day -= 1;
    }
    if day < 0 {
        // Counted on from the earlier side in the order that was asked for, as PostgreSQL does.
        day += month_length(start.year, start.month);
        months -= 1;
    }
    let months = i32::try_from(months * sign).ok()?;
    let day = i32::try_from(day * sign).ok()?;
    Some(IntervalMonthDayNano::new(months, day, time.checked_mul(1000)? * sign))
}

/// The interval with each part stretched. What is left of months becomes days of 30 in a month, what is left of days
/// becomes time, rounded to microseconds where PostgreSQL rounds; `None` when a part does not fit.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "looked at before, and as PostgreSQL")]
pub(super) fn stretch(interval: IntervalMonthDayNano, by: impl Fn(f64) -> f64) -> Option<IntervalMonthDayNano> {
    const SECONDS_OF_DAY: f64 = 86_400.0;
    let whole = |number: f64| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&number).then_some(number.trunc());
    let rounded = |seconds: f64| (seconds * 1e6).round_ties_even() / 1e6;
    let (months, days) = (by(f64::from(interval.months)), by(f64::from(interval.days)));
    let (whole_months, whole_days) = (whole(months)?, whole(days)?);
    let days_of_months = rounded((months - whole_months) * 30.0);
    let mut seconds = rounded((days - whole_days + days_of_months - days_of_months.trunc()) * SECONDS_OF_DAY);
    let mut more_days = days_of_months.trunc();
    if seconds.abs() >= SECONDS_OF_DAY {
        let full = (seconds / SECONDS_OF_DAY).trunc();
        more_days += full;
        seconds -= full * SECONDS_OF_DAY;
    }
    let micros = (by((interval.nanoseconds / 1000) as f64) + seconds * 1e6).round_ties_even();
    let days = whole(whole_days + more_days)?;
    let nanoseconds = (micros.abs() < 9e15).then(|| micros as i64 * 1000)?;
    Some(IntervalMonthDayNano::new(whole_months as i32, days as i32, nanoseconds))
}

/// One piece of a pattern: the word, or text as it is.
enum Piece {
    Word { word: &'static str, fill: bool, ordinal: Option<bool>, spelled: String },
    Plain(char),
}

/// Longest first where one begins another.
const WORDS: [&str; 39] = [
    "SSSSS", "SSSS", "HH24", "HH12", "HH", "MI", "MS", "US", "SS", "A.M.", "P.M.", "AM", "PM", "Y,YYY", "YYYY", "YYY",
    "YY", "IYYY", "IDDD", "IW", "ID", "MONTH", "MON", "MM", "DAY", "DDD", "DD", "DY", "D", "WW", "W", "CC", "J", "Q",
    "RM", "B.C.", "BC", "AD", "Y",
];

fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            let inside = &rest[1..];
            let end = inside.find('"').unwrap_or(inside.len());
            pieces.extend(inside[..end].chars().map(Piece::Plain));
            rest = inside.get(end + 1..).unwrap_or("");
            continue;
        }
        let (fill, after) = match rest.get(..2) {
            Some(prefix) if prefix.eq_ignore_ascii_case("FM") => (false, &rest[2..]),
            _ => (true, rest),
        };
        let found =
            WORDS.iter().find(|word| after.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word)));
        let Some(word) = found else {
            if first.is_ascii_alphabetic() || first == '\\' {
                return Err(format!(
                    "the pattern `{pattern}` holds `{first}`, which is not supported across connections"
                ));
            }
            pieces.push(Piece::Plain(first));
            rest = &rest[first.len_utf8()..];
            continue;
        };
        let spelled = after[..word.len()].to_owned();
        rest = &after[word.len()..];
        let ordinal = match rest.get(..2) {
            Some("TH") => Some(true),
            Some("th") => Some(false),
            _ => None,
        };
        if ordinal.is_some() {
            rest = &rest[2..];
        }
        pieces.push(Piece::Word { word, fill, ordinal, spelled });
    }
    Ok(pieces)
}

/// `to_char(timestamp, pattern)`.
pub(super) fn format(micros: i64, pattern: &str) -> Result<String, String> {
    let moment = Moment::of(micros);
    let (year, before) = moment.shown_year();
    let mut text = String::new();
    for piece in pieces(pattern)? {
        let (word, fill, ordinal, spelled) = match piece {
            Piece::Plain(character) => {
                text.push(character);
                continue;
            }
            Piece::Word { word, fill, ordinal, spelled } => (word, fill, ordinal, spelled),
        };
        let number = |number: i64, width: usize| if fill { format!("{number:0width$}") } else { number.to_string() };
        let name = |name: &str, width: usize| {
            let cased = cased(name, &spelled);
            if fill && width > 0 { format!("{cased:<width$}") } else { cased }
        };
        let twelve = if moment.hour() % 12 == 0 { 12 } else { moment.hour() % 12 };
        let half = if moment.hour() < 12 { "am" } else { "pm" };
        let like_spelled = |text: &str| {
            if spelled.starts_with(|first: char| first.is_ascii_uppercase()) {
                text.to_uppercase()
            } else {
                text.to_owned()
            }
        };
        let month = usize::try_from(moment.month - 1).unwrap_or(0);
        let weekday = usize::try_from(moment.weekday()).unwrap_or(0);
        let shown = match word {
            "HH24" => number(moment.hour(), 2),
            "HH12" | "HH" => number(twelve, 2),
            "MI" => number(moment.minute(), 2),
            "SS" => number(moment.second(), 2),
            "MS" => number(moment.micros() / 1000, 3),
            "US" => number(moment.micros(), 6),
            "SSSS" | "SSSSS" => (moment.time / SECOND).to_string(),
            "AM" | "PM" => like_spelled(half),
            "A.M." | "P.M." => like_spelled(if half == "am" { "a.m." } else { "p.m." }),
            "BC" | "AD" => like_spelled(if before { "bc" } else { "ad" }),
            "B.C." => like_spelled(if before { "b.c." } else { "a.d." }),
            "Y,YYY" => format!("{},{:03}", year / 1000, year % 1000),
            "YYYY" => number(year, 4),
            "YYY" => number(year % 1000, 3),
            "YY" => number(year % 100, 2),
            "Y" => number(year % 10, 1),
            "IYYY" => number(moment.iso_week().0, 4),
            "IW" => number(moment.iso_week().1, 2),
            "ID" => ((moment.weekday() + 6) % 7 + 1).to_string(),
            "IDDD" => {
                let (_, week) = moment.iso_week();
                number((week - 1) * 7 + (moment.weekday() + 6) % 7 + 1, 3)
            }
            "MONTH" => name(MONTHS[month], 9),
            "MON" => name(&MONTHS[month][..3], 0),
            "MM" => number(moment.month, 2),
            "DAY" => name(DAYS[weekday], 9),
            "DY" => name(&DAYS[weekday][..3], 0),
            "DDD" => number(moment.day_of_year(), 3),
            "DD" => number(moment.day, 2),
            "D" => (moment.weekday() + 1).to_string(),
            "WW" => number((moment.day_of_year() - 1) / 7 + 1, 2),
            "W" => ((moment.day - 1) / 7 + 1).to_string(),
            "CC" if !before => number((year + 99) / 100, 2),
            "J" => (moment.days + 2_440_588).to_string(),
            "Q" => moment.quarter().to_string(),
            "RM" => {
                const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
                let shown = if spelled == "rm" { ROMAN[month].to_lowercase() } else { ROMAN[month].to_owned() };
                if fill { format!("{shown:<4}") } else { shown }
            }
            other => return Err(format!("`{other}` is not supported across connections")),
        };
        let ending = ordinal.map(|is_upper| {
            let digits = shown.trim_start_matches(|first: char| !first.is_ascii_digit());
            let ending =
                match (digits.len() > 1 && digits.as_bytes()[digits.len() - 2] == b'1', digits.as_bytes().last()) {
                    (false, Some(b'1')) => "st".to_owned(),
                    (false, Some(b'2')) => "nd".to_owned(),
                    (false, Some(b'3')) => "rd".to_owned(),
                    _ => "th".to_owned(),
                };
            if is_upper { ending.to_uppercase() } else { ending }
        });
        text += &shown;
        text += &ending.unwrap_or_default();
    }
    Ok(text)
}

/// The name in the case of the pattern's word: `MONTH`, `Month` or `month`.
fn cased(name: &str, spelled: &str) -> String {
    let mut letters = spelled.chars();
    match (letters.next().is_some_and(char::is_uppercase), letters.next().is_some_and(char::is_uppercase)) {
        (true, true) => name.to_uppercase(),
        (true, false) => name.to_owned(),
        _ => name.to_lowercase(),
    }
}

/// `to_date(text, pattern)`: the day counted from 1970-01-01.
pub(super) fn parse_date(text: &str, pattern: &str) -> Result<i64, String> {
    parse_moment(text, pattern).map(|(day, _)| day)
}

/// `to_timestamp(text, pattern)` for patterns of numbers and month names: the day counted from 1970-01-01, and the
/// microseconds since its midnight.
pub(super) fn parse_moment(text: &str, pattern: &str) -> Result<(i64, i64), String> {
    let (mut year, mut month, mut day) = (None, None, None);
    let (mut hour, mut minute, mut second, mut micros) = (0, 0, 0, 0);
    let mut rest = text;
    for piece in pieces(pattern)? {
        let (word, spelled) = match piece {
            Piece::Plain(expected) if expected.is_ascii_punctuation() || expected == ' ' => {
                match rest.chars().next() {
                    Some(found) if found == expected => rest = &rest[1..],
                    _ => return Err(format!("`{text}` does not follow the pattern `{pattern}`")),
                }
                continue;
            }
            Piece::Plain(other) => return Err(format!("the pattern `{pattern}` holds `{other}`")),
            Piece::Word { word, spelled, .. } => (word, spelled),
        };
        let digits = |most: usize, rest: &mut &str| -> Result<i64, String> {
            let length = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
            let number =
                rest[..length].parse().map_err(|_| format!("`{text}` does not follow the pattern `{pattern}`"))?;
            *rest = &rest[length..];
            Ok(number)
        };
        match word {
            "YYYY" => year = Some(digits(4, &mut rest)?),
            "HH24" => hour = digits(2, &mut rest)?,
            "MI" => minute = digits(2, &mut rest)?,
            "SS" => second = digits(2, &mut rest)?,
            // Digits after the point, as many as there are.
            "MS" | "US" => {
                let most = if word == "MS" { 3 } else { 6 };
                let before = rest.len();
                let number = digits(most, &mut rest)?;
                let count = u32::try_from(before - rest.len()).unwrap_or(6);
                micros += number * 10_i64.pow(6 - count.min(6));
            }
            "MM" => month = Some(digits(2, &mut rest)?),
            "DD" => day = Some(digits(2, &mut rest)?),
            "MON" => {
                let found = MONTHS
                    .iter()
                    .position(|name| rest.get(..3).is_some_and(|text| text.eq_ignore_ascii_case(&name[..3])));
                month = found.and_then(|found| i64::try_from(found + 1).ok());
                if month.is_none() {
                    return Err(format!("`{text}` does not follow the pattern `{pattern}`"));
                }
                rest = &rest[3..];
            }
            _ => return Err(format!("`{spelled}` is not supported across connections")),
        }
    }
    if !rest.is_empty() {
        return Err(format!("`{text}` does not follow the pattern `{pattern}`"));
    }
    let (year, month, day) = (year.unwrap_or(1), month.unwrap_or(1), day.unwrap_or(1));
    let out_of_range = || format!("date/time field value out of range: `{text}`");
    if hour > 23 || minute > 59 || second > 59 {
        return Err(out_of_range());
    }
    let day = make_date(year, month, day).ok_or_else(out_of_range)?;
    Ok((day, (hour * 3600 + minute * 60 + second) * 1_000_000 + micros))
}

/// The day, if it is one of the calendar.
pub(super) fn make_date(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_day = year != 0 && (1..=12).contains(&month) && day >= 1;
    let year = if year < 0 { year + 1 } else { year };
    (is_day && day <= month_length(year, month) && (-4712..=5_874_897).contains(&year)).then(|| days(year, month, day))
}
