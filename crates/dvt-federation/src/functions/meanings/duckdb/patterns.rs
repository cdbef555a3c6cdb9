//! Moments by a pattern, as DuckDB writes (`strftime`) and reads them (`strptime`).
//! Source: DuckDB docs, "Date Format Functions".

use super::super::super::calendar::{DAY, Moment, days, month_length};
use super::{DAYS, MONTHS};

/// A part of a pattern.
enum Piece {
    Text(char),
    /// The letter of a specifier, and whether it is written without zeros before it.
    Field(char, bool),
}

fn pieces(pattern: &str) -> Result<Vec<Piece>, String> {
    let mut found = Vec::new();
    let mut rest = pattern.chars();
    while let Some(letter) = rest.next() {
        if letter != '%' {
            found.push(Piece::Text(letter));
            continue;
        }
        match rest.next() {
            Some('-') => match rest.next() {
                Some(letter @ ('d' | 'm' | 'y' | 'H' | 'I' | 'M' | 'S' | 'j')) => {
                    found.push(Piece::Field(letter, true))
                }
                _ => return Err(format!("the pattern `{pattern}` is not known")),
            },
            Some('%') => found.push(Piece::Text('%')),
            // What stands for several.
            Some('c') => found.extend(pieces("%Y-%m-%d %H:%M:%S")?),
            Some('x') => found.extend(pieces("%Y-%m-%d")?),
            Some('X') => found.extend(pieces("%H:%M:%S")?),
            Some(letter) => found.push(Piece::Field(letter, false)),
            None => return Err("a pattern ends with `%`".to_owned()),
        }
    }
    Ok(found)
}

fn refused(letter: char) -> String {
    format!("`%{letter}` is not supported across connections")
}

/// `strftime(moment, pattern)`.
pub(super) fn written(micros: i64, pattern: &str) -> Result<String, String> {
    let moment = Moment::of(micros);
    let since_january = moment.day_of_year() - 1;
    let weekday = moment.weekday();
    let monday_based = (weekday + 6) % 7;
    let at = |names: &[&'static str], at: i64| usize::try_from(at).map_or("", |at| names[at % names.len()]);
    let mut text = String::new();
    for piece in pieces(pattern)? {
        let (letter, is_short) = match piece {
            Piece::Text(letter) => {
                text.push(letter);
                continue;
            }
            Piece::Field(letter, is_short) => (letter, is_short),
        };
        let number = |number: i64, width: usize| {
            if is_short { number.to_string() } else { format!("{number:0width$}") }
        };
        let twelve = if moment.hour() % 12 == 0 { 12 } else { moment.hour() % 12 };
        text += &match letter {
            'a' => at(&DAYS, weekday)[..3].to_owned(),
            'A' => at(&DAYS, weekday).to_owned(),
            'b' | 'h' => at(&MONTHS, moment.month - 1)[..3].to_owned(),
            'B' => at(&MONTHS, moment.month - 1).to_owned(),
            'w' => weekday.to_string(),
            'u' => (monday_based + 1).to_string(),
            'd' => number(moment.day, 2),
            'm' => number(moment.month, 2),
            'y' => number(moment.year.abs() % 100, 2),
            'Y' if (0..=9999).contains(&moment.year) => format!("{:04}", moment.year),
            'H' => number(moment.hour(), 2),
            'I' => number(twelve, 2),
            'M' => number(moment.minute(), 2),
            'S' => number(moment.second(), 2),
            'g' => format!("{:03}", moment.micros() / 1000),
            'f' => format!("{:06}", moment.micros()),
            'p' => if moment.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
            'j' => number(moment.day_of_year(), 3),
            'U' => number((since_january - weekday + 7) / 7, 2),
            'W' => number((since_january - monday_based + 7) / 7, 2),
            'G' => format!("{:04}", moment.iso_week().0),
            'V' => number(moment.iso_week().1, 2),
            other => return Err(refused(other)),
        };
    }
    Ok(text)
}

/// `strptime(text, pattern)`: microseconds since 1970-01-01. `Ok(None)` where the text does not follow the pattern.
///
/// # Errors
/// For a pattern that is not known here.
pub(super) fn read(text: &str, pattern: &str) -> Result<Option<i64>, String> {
    let mut reader = Reader { rest: text.trim_start(), ..Reader::default() };
    let pieces = pieces(pattern.trim_start())?;
    let mut follows = true;
    for piece in pieces {
        follows = follows
            && match piece {
                Piece::Text(letter) => reader.skip(letter),
                Piece::Field(letter, _) => reader.field(letter)?,
            };
    }
    if !follows || !reader.rest.trim_end().is_empty() {
        return Ok(None);
    }
    Ok(reader.moment())
}

#[derive(Default)]
struct Reader<'t> {
    rest: &'t str,
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Of a clock of twelve hours.
    is_afternoon: Option<bool>,
}

impl Reader<'_> {
    fn skip(&mut self, letter: char) -> bool {
        match self.rest.strip_prefix(letter) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn number(&mut self, most: usize) -> Option<i64> {
        let length = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        digits.parse().ok()
    }

    fn name(&mut self, names: &[&str], is_short: bool) -> Option<i64> {
        let found = names.iter().zip(1_i64..).find(|(name, _)| {
            let name = if is_short { &name[..3] } else { *name };
            self.rest.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name))
        });
        let (name, number) = found?;
        let length = if is_short { 3 } else { name.len() };
        self.rest = &self.rest[length..];
        Some(number)
    }

    /// Reads one specifier; false where the text has no such value.
    fn field(&mut self, letter: char) -> Result<bool, String> {
        let within =
            |number: Option<i64>, least: i64, most: i64| number.filter(|number| (least..=most).contains(number));
        let found = match letter {
            'Y' => {
                self.year = self.number(4);
                self.year
            }
            'y' => {
                self.year = self.number(2).map(|year| if year >= 69 { 1900 + year } else { 2000 + year });
                self.year
            }
            'm' => {
                self.month = within(self.number(2), 1, 12);
                self.month
            }
            'b' | 'h' => {
                self.month = self.name(&MONTHS, true);
                self.month
            }
            'B' => {
                self.month = self.name(&MONTHS, false);
                self.month
            }
            'a' => self.name(&DAYS, true),
            'A' => self.name(&DAYS, false),
            'd' => {
                self.day = within(self.number(2), 1, 31);
                self.day
            }
            'H' => within(self.number(2), 0, 23).inspect(|hour| self.hour = *hour),
            'I' => within(self.number(2), 1, 12).inspect(|hour| self.hour = *hour),
            'M' => within(self.number(2), 0, 59).inspect(|minute| self.minute = *minute),
            'S' => within(self.number(2), 0, 59).inspect(|second| self.second = *second),
            'f' | 'g' => {
                let before = self.rest.len();
                let most = if letter == 'f' { 6 } else { 3 };
                let number = self.number(most);
                let length = u32::try_from(before - self.rest.len()).unwrap_or(6);
                number.inspect(|number| self.micros = *number * 10_i64.pow(6 - length.min(6)))
            }
            'p' => {
                let half = self.rest.get(..2).map(str::to_ascii_lowercase);
                self.is_afternoon = match half.as_deref() {
                    Some("am") => Some(false),
                    Some("pm") => Some(true),
                    _ => return Ok(false),
                };
                self.rest = &self.rest[2..];
                Some(0)
            }
            other => return Err(refused(other)),
        };
        Ok(found.is_some())
    }

    fn moment(&self) -> Option<i64> {
        let (year, month, day) = (self.year.unwrap_or(1900), self.month.unwrap_or(1), self.day.unwrap_or(1));
        if day > month_length(year, month) {
            return None;
        }
        let hour = match self.is_afternoon {
            None => self.hour,
            Some(_) if self.hour > 12 => return None,
            Some(is_afternoon) => self.hour % 12 + if is_afternoon { 12 } else { 0 },
        };
        let clock = ((hour * 60 + self.minute) * 60 + self.second) * 1_000_000 + self.micros;
        Some(days(year, month, day) * DAY + clock)
    }
}
