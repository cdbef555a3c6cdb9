//! The clock that SQLite's date functions read: a text or number, put forward by modifiers.
//!
//! A moment is kept as it was written, as fields, until something has to be counted; then it is milliseconds since the start
//! of the Julian day count. Which of the two a modifier works on shows: `2023-02-31` stays in February until it is counted.
//! Source: sqlite.org, "Date And Time Functions", and the library itself by `expressions_give_what_sqlite_gives`.

use super::super::super::calendar::{civil, days, month_length};
use super::super::super::rowwise::Value;
use super::numbers::whole_number;
use super::stored_text;

pub(super) const DAY: i64 = 86_400_000;
/// 1970-01-01 on the Julian count.
pub(super) const EPOCH: i64 = 210_866_760_000_000;
/// 9999-12-31 23:59:59.999.
const LAST: i64 = 464_269_060_799_999;
/// The day numbers that a plain number may be: below is what 9999 ends with.
const LAST_DAY_NUMBER: f64 = 5_373_484.5;

/// A moment and its fields, as a function shows them.
pub(super) struct Shown {
    /// Milliseconds on the Julian count.
    pub(super) count: i64,
    pub(super) year: i64,
    pub(super) month: i64,
    pub(super) day: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: f64,
    /// Asked for by `subsec`.
    pub(super) with_millis: bool,
}

/// The moment that a call's arguments name; `None` is NULL.
///
/// # Errors
/// For what depends on the machine: the moment of the call as a text of a column, the local time zone.
pub(super) fn shown(arguments: &[Value]) -> Result<Option<Shown>, String> {
    let Some((first, modifiers)) = arguments.split_first() else { return Ok(None) };
    let Some(mut clock) = Clock::of(first)? else { return Ok(None) };
    for (place, modifier) in modifiers.iter().enumerate() {
        let text = stored_text(modifier);
        if ["localtime", "utc"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Err(format!(
                "the modifier `{text}` depends on the machine; it is not supported across connections"
            ));
        }
        if clock.modify(&text, place == 0).is_none() {
            return Ok(None);
        }
    }
    if modifiers.is_empty() && clock.date.is_some_and(|(.., day)| day > 28) {
        // The 31st of February is one of March.
        let _ = clock.counted();
        clock.date = None;
    }
    Ok(clock.shown())
}

#[derive(Default)]
struct Clock {
    count: Option<i64>,
    date: Option<(i64, i64, i64)>,
    time: Option<(i64, i64, f64)>,
    /// A number of which nothing says yet whether it counts days or seconds.
    number: Option<f64>,
    /// How many minutes the written fields are ahead of UTC.
    zone: i64,
    /// How many days the day is past the end of its month.
    overflow: i64,
    with_millis: bool,
}

impl Clock {
    fn of(value: &Value) -> Result<Option<Self>, String> {
        let text = match value {
            #[expect(clippy::cast_precision_loss, reason = "a number is a double there")]
            Value::Integer(number) => return Ok(Some(Self::of_number(*number as f64))),
            Value::Double(number) => return Ok(Some(Self::of_number(*number))),
            Value::Null => return Ok(None),
            value => stored_text(value),
        };
        let written = Self::of_date(text.as_bytes()).or_else(|| Self::of_time(text.as_bytes()));
        if written.is_some() {
            return Ok(written);
        }
        if ["now", "subsec", "subsecond"].iter().any(|word| text.eq_ignore_ascii_case(word)) {
            return Err(format!("`{text}` as the value of a column is not supported across connections"));
        }
        Ok(whole_number(&text).map(Self::of_number))
    }

    #[expect(clippy::cast_possible_truncation, reason = "within the bounds of the count")]
    fn of_number(number: f64) -> Self {
        let is_day = (0.0..LAST_DAY_NUMBER).contains(&number);
        let count = is_day.then_some((number * 86_400_000.0 + 0.5) as i64);
        Self { count, number: Some(number), ..Self::default() }
    }

    /// `[-]YYYY-MM-DD`, perhaps with a time behind it.
    fn of_date(text: &[u8]) -> Option<Self> {
        let (text, is_negative) = match text.strip_prefix(b"-") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let mut digits = Digits { text };
        let year = digits.number(4, 0, 9999, Some(b'-'))?;
        let month = digits.number(2, 1, 12, Some(b'-'))?;
        let day = digits.number(2, 1, 31, None)?;
        let from = digits.text.iter().position(|byte| !is_space(*byte) && *byte != b'T').unwrap_or(digits.text.len());
        let rest = &digits.text[from..];
        let mut clock = if rest.is_empty() { Self::default() } else { Self::of_time(rest)? };
        let (mut year, mut month, mut day) = (year, month, day);
        if let Some((24, minute, second)) = clock.time {
            clock.time = Some((0, minute, second));
            day += 1;
            if day > month_length(year, month) {
                day -= month_length(year, month);
                (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            }
        }
        clock.date = Some((if is_negative { -year } else { year }, month, day));
        clock.note_overflow();
        if clock.zone != 0 {
            clock.counted()?;
        }
        Some(clock)
    }

    /// `HH:MM[:SS[.fff…]]`, perhaps with a zone.
    fn of_time(text: &[u8]) -> Option<Self> {
        let mut digits = Digits { text };
        let hour = digits.number(2, 0, 24, Some(b':'))?;
        let minute = digits.number(2, 0, 59, None)?;
        let mut second = 0.0;
        let mut fraction = 0.0;
        if let Some(rest) = digits.text.strip_prefix(b":") {
            digits.text = rest;
            second = f64::from(i32::try_from(digits.number(2, 0, 59, None)?).ok()?);
            if let [b'.', next, ..] = digits.text
                && next.is_ascii_digit()
            {
                let length = digits.text[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                let (mut shown, mut scale) = (0.0, 1.0);
                for byte in &digits.text[1..=length] {
                    shown = shown * 10.0 + f64::from(byte - b'0');
                    scale *= 10.0;
                }
                // Never the next second.
                fraction = f64::min(shown / scale, 0.999);
                digits.text = &digits.text[length + 1..];
            }
        }
        if hour == 24 && (minute != 0 || second != 0.0 || fraction != 0.0) {
            return None;
        }
        let zone = zone_of(digits.text)?;
        Some(Self { time: Some((hour, minute, second + fraction)), zone, ..Self::default() })
    }

    /// The moment as a count; from here on the count is what it is.
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a minute")]
    fn counted(&mut self) -> Option<i64> {
        if let Some(count) = self.count {
            return Some(count);
        }
        let (year, month, day) = match (self.date, self.time) {
            (Some(date), _) => date,
            (None, Some((24, minute, second))) => {
                self.time = Some((0, minute, second));
                (2000, 1, 2)
            }
            _ => (2000, 1, 1),
        };
        if !(-4713..=9999).contains(&year) || self.number.is_some() {
            return None;
        }
        let mut count = days(year, month, day) * DAY + EPOCH;
        if let Some((hour, minute, second)) = self.time {
            count += hour * 3_600_000 + minute * 60_000 + (second * 1000.0 + 0.5) as i64;
            if self.zone != 0 {
                count -= self.zone * 60_000;
                self.forget_fields();
            }
        }
        self.count = Some(count);
        self.count
    }

    fn forget_fields(&mut self) {
        (self.date, self.time, self.zone) = (None, None, 0);
    }

    fn date_fields(&mut self) -> Option<(i64, i64, i64)> {
        let date = match (self.date, self.count) {
            (Some(date), _) => date,
            (None, None) => (2000, 1, 1),
            (None, Some(count)) if (0..=LAST).contains(&count) => civil((count - EPOCH).div_euclid(DAY)),
            (None, Some(_)) => return None,
        };
        self.date = Some(date);
        self.date
    }

    fn time_fields(&mut self) -> Option<(i64, i64, f64)> {
        if self.time.is_none() {
            let of_day = (self.counted()? - EPOCH).rem_euclid(DAY);
            #[expect(clippy::cast_precision_loss, reason = "of a minute")]
            let second = (of_day % 60_000) as f64 / 1000.0;
            self.time = Some((of_day / 3_600_000, of_day / 60_000 % 60, second));
            self.number = None;
        }
        self.time
    }

    fn note_overflow(&mut self) {
        if let Some((year, month, day)) = self.date {
            self.overflow = (day - month_length(year, month)).max(0);
        }
    }

    fn shown(mut self) -> Option<Shown> {
        let count = self.counted().filter(|count| (0..=LAST).contains(count))?;
        let (year, month, day) = self.date_fields()?;
        let (hour, minute, second) = self.time_fields()?;
        Some(Shown { count, year, month, day, hour, minute, second, with_millis: self.with_millis })
    }

    /// Puts the moment forward or back; `None` where there is no such modifier, or not for this moment.
    fn modify(&mut self, modifier: &str, is_first: bool) -> Option<()> {
        let lower = modifier.to_ascii_lowercase();
        match lower.as_str() {
            "auto" if is_first => self.choose_epoch(),
            "ceiling" => {
                self.counted()?;
                self.forget_fields();
                self.overflow = 0;
            }
            "floor" => {
                let count = self.counted()?;
                self.count = Some(count - self.overflow * DAY);
                self.forget_fields();
            }
            "julianday" if is_first && self.number.is_some() && self.count.is_some() => self.number = None,
            "unixepoch" if is_first => {
                let millis = self.number? * 1000.0 + 210_866_760_000_000.0;
                if !(0.0..464_269_060_800_000.0).contains(&millis) {
                    return None;
                }
                self.set_millis(millis);
            }
            "subsec" | "subsecond" => self.with_millis = true,
            "start of day" | "start of month" | "start of year" => {
                let (year, month, day) = self.whole_day((0, 0, 0.0))?;
                self.date = Some(match lower.as_str() {
                    "start of day" => (year, month, day),
                    "start of month" => (year, month, 1),
                    _ => (year, 1, 1),
                });
            }
            "end of day" | "end of month" | "end of year" => {
                let (year, month, _) = self.whole_day((23, 59, 59.999))?;
                match lower.as_str() {
                    "end of day" => {}
                    "end of year" => self.date = Some((year, 12, 31)),
                    _ => {
                        self.set_month(year, month + 1, 1);
                        self.count = Some(self.counted()? - DAY);
                        self.forget_fields();
                    }
                }
            }
            _ => match lower.strip_prefix("weekday ") {
                Some(wanted) => self.reach_weekday(wanted)?,
                None if lower.starts_with(|first: char| first.is_ascii_digit() || first == '+' || first == '-') => {
                    self.shift(&lower)?;
                }
                None => return None,
            },
        }
        Some(())
    }

    /// A number that is no day of the Julian count is one of seconds since 1970, if it can be.
    fn choose_epoch(&mut self) {
        match self.number {
            Some(number) if self.count.is_none() => {
                if (-210_866_760_000.0..=253_402_300_799.0).contains(&number) {
                    self.set_millis(number * 1000.0 + 210_866_760_000_000.0);
                }
            }
            _ => self.number = None,
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "within the bounds of the count")]
    fn set_millis(&mut self, millis: f64) {
        self.forget_fields();
        self.count = Some((millis + 0.5) as i64);
        self.number = None;
    }

    /// The date, at another time of the day.
    fn whole_day(&mut self, time: (i64, i64, f64)) -> Option<(i64, i64, i64)> {
        if self.count.is_none() && self.date.is_none() && self.time.is_none() {
            return None;
        }
        let date = self.date_fields()?;
        (self.time, self.zone, self.count, self.number) = (Some(time), 0, None, None);
        Some(date)
    }

    /// The next such weekday, or this one; the one before, or this one, for a number with a minus.
    fn reach_weekday(&mut self, wanted: &str) -> Option<()> {
        let number = whole_number(wanted).filter(|number| number.abs() <= 6.0 && number.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most 6")]
        let number = number.abs() as i64;
        self.date_fields()?;
        self.time_fields()?;
        (self.zone, self.count) = (0, None);
        let count = self.counted()?;
        let today = ((count + 129_600_000) / DAY) % 7;
        if today != number {
            let back = if wanted.contains('-') { 7 } else { 0 };
            self.count = Some(count + ((number - today).rem_euclid(7) - back) * DAY);
        }
        self.forget_fields();
        Some(())
    }

    /// `±NNN units`, `±HH:MM[:SS[.fff]]`, `±YYYY-MM-DD[ HH:MM[:SS]]`.
    fn shift(&mut self, text: &str) -> Option<()> {
        let bytes = text.as_bytes();
        let is_year = |end: usize| bytes[1..end].iter().all(u8::is_ascii_digit);
        let end = (1..bytes.len()).find(|at| match bytes[*at] {
            b':' => true,
            b'-' => matches!(at, 5 | 6) && is_year(*at),
            byte => is_space(byte),
        });
        let end = end.unwrap_or(bytes.len());
        // A letter of several bytes is no part of a number.
        let amount = whole_number(text.get(..end)?)?;
        let is_back = bytes[0] == b'-';
        match bytes.get(end) {
            Some(b'-') => self.shift_date(bytes, end - 1, is_back),
            Some(b':') => {
                let from = usize::from(!bytes[0].is_ascii_digit());
                self.shift_time(&bytes[from..], is_back)
            }
            _ => self.shift_units(amount, text[end..].trim_start_matches(|letter: char| is_space_letter(letter))),
        }
    }

    fn shift_date(&mut self, text: &[u8], year_digits: usize, is_back: bool) -> Option<()> {
        if !matches!(text[0], b'+' | b'-') {
            return None;
        }
        let mut digits = Digits { text: &text[1..] };
        let years = digits.number(year_digits, 0, 14_712, Some(b'-'))?;
        let months = digits.number(2, 0, 11, Some(b'-'))?;
        let more_days = digits.number(2, 0, 30, None)?;
        let (year, month, day) = self.date_fields()?;
        self.time_fields()?;
        let sign = if is_back { -1 } else { 1 };
        self.set_month(year + sign * years, month + sign * months, day);
        let count = self.counted()?;
        (self.date, self.time) = (None, None);
        self.count = Some(count + sign * more_days * DAY);
        match digits.text {
            [] => Some(()),
            [first, time @ ..] if is_space(*first) => {
                let mut looked = Digits { text: time };
                looked.number(2, 0, 24, Some(b':'))?;
                looked.number(2, 0, 59, None)?;
                self.shift_time(time, is_back)
            }
            _ => None,
        }
    }

    fn shift_time(&mut self, text: &[u8], is_back: bool) -> Option<()> {
        let length = (Self::of_time(text)?.counted()? - EPOCH).rem_euclid(DAY);
        let count = self.counted()?;
        self.forget_fields();
        self.count = Some(if is_back { count - length } else { count + length });
        Some(())
    }

    #[expect(clippy::cast_possible_truncation, reason = "within the limits of each unit")]
    fn shift_units(&mut self, amount: f64, unit: &str) -> Option<()> {
        if !(3..=10).contains(&unit.len()) {
            return None;
        }
        // Name, how many there may be at most, seconds of one.
        let (limit, seconds) = match unit.strip_suffix('s').unwrap_or(unit) {
            "second" => (4.6427e14_f32, 1.0),
            "minute" => (7.7379e12, 60.0),
            "hour" => (1.2897e11, 3600.0),
            "day" => (5_373_485.0, 86_400.0),
            "month" => (176_546.0, 2_592_000.0),
            "year" => (14_713.0, 31_536_000.0),
            _ => return None,
        };
        if amount.abs() >= f64::from(limit) {
            return None;
        }
        self.counted()?;
        self.overflow = 0;
        let mut rest = amount;
        if unit.starts_with("month") || unit.starts_with("year") {
            let (year, month, day) = self.date_fields()?;
            self.time_fields()?;
            let whole = amount.trunc() as i64;
            if unit.starts_with("month") {
                self.set_month(year, month + whole, day);
            } else {
                self.set_month(year + whole, month, day);
            }
            rest = amount.fract();
        }
        let half = if amount < 0.0 { -0.5 } else { 0.5 };
        let count = self.counted()?;
        self.count = Some(count + (rest * 1000.0 * seconds + half) as i64);
        self.forget_fields();
        Some(())
    }

    /// The same day of another month, which may be past its end.
    fn set_month(&mut self, year: i64, month: i64, day: i64) {
        let months = year * 12 + month - 1;
        self.date = Some((months.div_euclid(12), months.rem_euclid(12) + 1, day));
        self.note_overflow();
        self.count = None;
    }
}

/// Minutes ahead of UTC behind a time: `Z`, `+HH:MM`, or nothing.
fn zone_of(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii_start();
    let (rest, zone) = match text {
        [] => return Some(0),
        [b'Z' | b'z', rest @ ..] => (rest, 0),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let mut digits = Digits { text: rest };
            let hours = digits.number(2, 0, 14, Some(b':'))?;
            let minutes = hours * 60 + digits.number(2, 0, 59, None)?;
            (digits.text, if *sign == b'-' { -minutes } else { minutes })
        }
        _ => return None,
    };
    rest.iter().all(|byte| is_space(*byte)).then_some(zone)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

fn is_space_letter(letter: char) -> bool {
    u8::try_from(letter).is_ok_and(is_space)
}

/// Numbers of a fixed count of digits, one after the other.
struct Digits<'t> {
    text: &'t [u8],
}

impl Digits<'_> {
    fn number(&mut self, count: usize, least: i64, most: i64, then: Option<u8>) -> Option<i64> {
        let (digits, rest) = self.text.split_at_checked(count)?;
        let number = digits
            .iter()
            .try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))?;
        if !(least..=most).contains(&number) {
            return None;
        }
        self.text = match then {
            Some(then) => rest.strip_prefix(&[then])?,
            None => rest,
        };
        Some(number)
    }
}

impl Shown {
    /// What `date` gives.
    pub(super) fn date(&self) -> String {
        let sign = if self.year < 0 { "-" } else { "" };
        format!("{sign}{:04}-{:02}-{:02}", self.year.abs() % 10_000, self.month, self.day)
    }

    /// What `time` gives.
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a minute")]
    pub(super) fn time(&self) -> String {
        let (hour, minute) = (self.hour, self.minute);
        if self.with_millis {
            let millis = (1000.0 * self.second + 0.5) as i64;
            format!("{hour:02}:{minute:02}:{:02}.{:03}", millis / 1000, millis % 1000)
        } else {
            format!("{hour:02}:{minute:02}:{:02}", self.second as i64)
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "days with a fraction are a double there")]
    pub(super) fn julian_day(&self) -> f64 {
        self.count as f64 / 86_400_000.0
    }

    /// Seconds since 1970, cut towards the past.
    pub(super) fn seconds(&self) -> i64 {
        self.count / 1000 - EPOCH / 1000
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds with a fraction are a double there")]
    pub(super) fn exact_seconds(&self) -> f64 {
        (self.count - EPOCH) as f64 / 1000.0
    }
}
