//! Texts by a pattern: `strftime` and `printf`.

use super::super::super::calendar::civil;
use super::super::super::rowwise::Value;
use super::clock::{DAY, EPOCH, Shown};
use super::numbers::{Decimals, Wanted, integer, number};
use super::stored_text;

/// The longest field that a pattern may ask for.
const LONGEST: usize = 1 << 24;

/// `strftime`; `None` for a pattern with a letter that SQLite does not know.
#[expect(clippy::cast_possible_truncation, reason = "seconds of a minute")]
pub(super) fn strftime(pattern: &str, moment: &Shown) -> Option<String> {
    let Shown { year, month, day, hour, minute, second, .. } = *moment;
    let today = (moment.count - EPOCH).div_euclid(DAY);
    let monday_based = (today + 3).rem_euclid(7);
    let sunday_based = (today + 4).rem_euclid(7);
    let day_of_year = |day: i64, year: i64| day - super::super::super::calendar::days(year, 1, 1);
    let since_january = day_of_year(today, year);
    let thursday = today + 3 - monday_based;
    let (iso_year, ..) = civil(thursday);
    let twelve = if hour % 12 == 0 { 12 } else { hour % 12 };
    let half = if hour >= 12 { "PM" } else { "AM" };
    let second_of_minute = second as i64;
    let mut text = String::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        text += &match rest.next()? {
            'd' => format!("{day:02}"),
            'e' => format!("{day:2}"),
            'f' => padded(&Decimals::of(second.min(59.999), Wanted::Fraction(3), 16).plain(3, true), 6),
            'F' => format!("{}-{month:02}-{day:02}", of_four(year)),
            'G' => of_four(iso_year),
            'g' => format!("{:02}", iso_year % 100),
            'H' => format!("{hour:02}"),
            'k' => format!("{hour:2}"),
            'I' => format!("{twelve:02}"),
            'l' => format!("{twelve:2}"),
            'j' => format!("{:03}", since_january + 1),
            'J' => general(moment.julian_day(), 16),
            'm' => format!("{month:02}"),
            'M' => format!("{minute:02}"),
            'p' => half.to_owned(),
            'P' => half.to_lowercase(),
            'R' => format!("{hour:02}:{minute:02}"),
            's' if moment.with_millis => {
                let seconds = moment.exact_seconds();
                let digits = Decimals::of(seconds.abs(), Wanted::Fraction(3), 16).plain(3, true);
                if seconds < 0.0 { format!("-{digits}") } else { digits }
            }
            's' => moment.seconds().to_string(),
            'S' => format!("{second_of_minute:02}"),
            'T' => format!("{hour:02}:{minute:02}:{second_of_minute:02}"),
            'u' => (monday_based + 1).to_string(),
            'w' => sunday_based.to_string(),
            'U' => format!("{:02}", (since_january - sunday_based + 7) / 7),
            'V' => format!("{:02}", day_of_year(thursday, iso_year) / 7 + 1),
            'W' => format!("{:02}", (since_january - monday_based + 7) / 7),
            'Y' => of_four(year),
            '%' => "%".to_owned(),
            _ => return None,
        };
    }
    Some(text)
}

/// A year with four digits, sign included.
fn of_four(year: i64) -> String {
    format!("{year:04}")
}

fn padded(text: &str, width: usize) -> String {
    format!("{text:0>width$}")
}

/// As `%.Ng` writes a number.
fn general(number: f64, digits: i32) -> String {
    let decimals = Decimals::of(number.abs(), Wanted::Significant(digits), 16);
    let exponent = decimals.point - 1;
    let text = if exponent < -4 || exponent >= digits {
        decimals.scientific(digits - 1, false, 'e')
    } else {
        decimals.plain(digits - 1 - exponent, false)
    };
    if number < 0.0 { format!("-{text}") } else { text }
}

/// What stands between `%` and the letter.
#[derive(Default)]
struct Field {
    is_left: bool,
    /// What stands before a number that is not negative.
    sign: Option<char>,
    has_zeros: bool,
    /// `!`: characters are counted instead of bytes, and digits up to 20.
    is_wide: bool,
    has_thousands: bool,
    width: usize,
    precision: Option<usize>,
}

/// `printf`.
///
/// # Errors
/// For a letter, or a flag of one, that is not on the list.
pub(super) fn printf(pattern: &str, arguments: &[Value]) -> Result<String, String> {
    let mut text = String::new();
    let mut given = arguments.iter();
    let mut rest = pattern.chars().peekable();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let mut field = Field::default();
        while let Some(flag) = rest.next_if(|flag| "-+ 0!,".contains(*flag)) {
            match flag {
                '-' => field.is_left = true,
                '+' | ' ' => field.sign = Some(flag),
                '0' => field.has_zeros = true,
                '!' => field.is_wide = true,
                _ => field.has_thousands = true,
            }
        }
        let mut size = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| -> Result<Option<i64>, String> {
            if rest.next_if_eq(&'*').is_some() {
                return Ok(Some(given.next().map_or(0, integer)));
            }
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            if digits.is_empty() {
                Ok(None)
            } else {
                digits.parse().map(Some).map_err(|_| "a width is too large".into())
            }
        };
        let width = size(&mut rest)?.unwrap_or(0);
        field.is_left |= width < 0;
        field.width = bounded(width)?;
        if rest.next_if_eq(&'.').is_some() {
            field.precision = Some(bounded(size(&mut rest)?.unwrap_or(0))?);
        }
        while rest.next_if_eq(&'l').is_some() {}
        let Some(letter) = rest.next() else {
            text.push('%');
            break;
        };
        text += &match letter {
            '%' => field.placed("%".to_owned()),
            'd' | 'i' => field.whole(given.next().map_or(0, integer)),
            'u' => {
                let number = given.next().map_or(0, integer).cast_unsigned();
                field.digits(number.to_string(), None)
            }
            'x' => field.digits(format!("{:x}", given.next().map_or(0, integer)), None),
            'X' => field.digits(format!("{:X}", given.next().map_or(0, integer)), None),
            'o' => field.digits(format!("{:o}", given.next().map_or(0, integer)), None),
            'f' | 'e' | 'E' | 'g' | 'G' => field.real(given.next().map_or(0.0, number), letter)?,
            's' | 'z' => field.text(given.next())?,
            'c' if field.precision.is_none_or(|precision| precision < 2) => {
                let first = given.next().map(stored_text).and_then(|text| text.chars().next());
                let first = first.ok_or("`%c` of an empty text is not supported across connections")?;
                field.is_wide = true;
                field.placed(first.to_string())
            }
            'q' | 'Q' | 'w' if field.width == 0 && field.precision.is_none() => quoted(given.next(), letter),
            other => return Err(format!("`%{other}` in this form is not supported across connections")),
        };
    }
    Ok(text)
}

fn bounded(size: i64) -> Result<usize, String> {
    usize::try_from(size.unsigned_abs())
        .ok()
        .filter(|size| *size <= LONGEST)
        .ok_or_else(|| format!("a field of {size} characters is not supported across connections"))
}

fn quoted(value: Option<&Value>, letter: char) -> String {
    let text = match value {
        None | Some(Value::Null) => return if letter == 'Q' { "NULL".to_owned() } else { "(NULL)".to_owned() },
        Some(value) => stored_text(value),
    };
    match letter {
        'q' => text.replace('\'', "''"),
        'Q' => format!("'{}'", text.replace('\'', "''")),
        _ => text.replace('"', "\"\""),
    }
}

impl Field {
    /// The text in its width.
    fn placed(&self, text: String) -> String {
        let length = if self.is_wide { text.chars().count() } else { text.len() };
        let blanks = " ".repeat(self.width.saturating_sub(length));
        if self.is_left { text + &blanks } else { blanks + &text }
    }

    fn text(&self, value: Option<&Value>) -> Result<String, String> {
        let text = match value {
            None | Some(Value::Null) => String::new(),
            Some(value) => stored_text(value),
        };
        let text = match self.precision {
            Some(kept) if self.is_wide => text.chars().take(kept).collect(),
            Some(kept) if kept < text.len() => match text.get(..kept) {
                Some(kept) => kept.to_owned(),
                None => return Err("a width that cuts a letter apart is not supported: write `%!.Ns`".to_owned()),
            },
            _ => text,
        };
        Ok(self.placed(text))
    }

    fn whole(&self, number: i64) -> String {
        let sign = if number < 0 { Some('-') } else { self.sign };
        let mut digits = number.unsigned_abs().to_string();
        if self.has_thousands {
            digits = self.with_zeros(digits, sign);
            let bytes = digits.len();
            digits = digits
                .chars()
                .enumerate()
                .flat_map(|(at, digit)| {
                    (at > 0 && (bytes - at).is_multiple_of(3)).then_some(',').into_iter().chain([digit])
                })
                .collect();
            return self.placed(sign.into_iter().chain(digits.chars()).collect());
        }
        self.digits(digits, sign)
    }

    fn with_zeros(&self, digits: String, sign: Option<char>) -> String {
        let by_width = if self.has_zeros { self.width.saturating_sub(usize::from(sign.is_some())) } else { 0 };
        let wanted = self.precision.unwrap_or(0).max(by_width);
        format!("{digits:0>wanted$}")
    }

    fn digits(&self, digits: String, sign: Option<char>) -> String {
        let digits = self.with_zeros(digits, sign);
        self.placed(sign.into_iter().chain(digits.chars()).collect())
    }

    fn real(&self, number: f64, letter: char) -> Result<String, String> {
        let not_shown = || Err("infinite numbers by a pattern are not supported across connections".to_owned());
        if !number.is_finite() {
            return not_shown();
        }
        if self.has_thousands || self.is_wide {
            return Err(format!("`,` and `!` of `%{letter}` are not supported across connections"));
        }
        let precision = i32::try_from(self.precision.unwrap_or(6)).map_err(|_| "a precision is too large")?;
        let sign = if number < 0.0 { Some('-') } else { self.sign };
        let shown = number.abs();
        let exponent_letter = if letter.is_ascii_uppercase() { 'E' } else { 'e' };
        let text = match letter {
            'f' => Decimals::of(shown, Wanted::Fraction(precision), 16).plain(precision, true),
            'e' | 'E' => {
                let decimals = Decimals::of(shown, Wanted::Significant(precision + 1), 16);
                decimals.scientific(precision, true, exponent_letter)
            }
            _ => general(shown, precision.max(1)).replace('e', &exponent_letter.to_string()),
        };
        let zeros = if self.has_zeros && !self.is_left {
            self.width.saturating_sub(text.len() + usize::from(sign.is_some()))
        } else {
            0
        };
        Ok(self.placed(sign.into_iter().chain("0".repeat(zeros).chars()).chain(text.chars()).collect()))
    }
}
