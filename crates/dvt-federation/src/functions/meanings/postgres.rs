//! What PostgreSQL means by its functions.

use super::super::calendar::{DAY, format, interval_text, make_date, parse_date, parse_moment, timestamp_text};
use super::super::number_text::{Shown, Template};
use super::super::rowwise::Kind::{BigInt, Boolean, Date, Double, Exact, Integer, Interval, Text, Timestamp, Zoned};
use super::super::rowwise::{Definition, Value};
use super::super::zones::{clock_at, instant_at};
use super::moments::{aged, date_part, elapsed, extract, regular, stretched, truncated};
use super::{Computed, character_count, day, double, integer, logarithm, micros, of, part, span, string, text};
use crate::interval::parse_interval;
use arrow::datatypes::{Decimal256Type, DecimalType, IntervalMonthDayNano, i256};

/// The table.
pub(in super::super) const POSTGRES: &[Definition] = &[
    Definition {
        name: "postgres_text",
        meanings: &[
            of(&[Boolean], Text, postgres_text),
            of(&[BigInt], Text, postgres_text),
            of(&[Double], Text, postgres_text),
            of(&[Text], Text, postgres_text),
            of(&[Timestamp], Text, postgres_text),
            of(&[Interval], Text, postgres_text),
        ],
    },
    Definition { name: "double_digits", meanings: &[of(&[Double], Text, |values| double_digits(double(&values[0])))] },
    Definition {
        name: "postgres_sign",
        meanings: &[
            of(&[Integer], Double, sign_of),
            of(&[BigInt], Double, sign_of),
            of(&[Exact(0)], Exact(0), sign_of),
            of(&[Double], Double, sign_of),
        ],
    },
    Definition {
        name: "postgres_chr",
        meanings: &[of(&[Integer], Text, |values| {
            match u32::try_from(integer(&values[0])).ok().filter(|code| *code > 0) {
                None => Err("null character not permitted".to_owned()),
                Some(code) => match char::from_u32(code) {
                    Some(letter) => string(letter),
                    None => Err(format!("requested character not valid for encoding: {code}")),
                },
            }
        })],
    },
    Definition {
        name: "postgres_date_trunc",
        meanings: &[
            of(&[Text, Timestamp], Timestamp, truncated),
            of(&[Text, Zoned], Zoned, truncated),
            // A date is midnight of the session's zone.
            of(&[Text, Date], Zoned, truncated),
        ],
    },
    Definition {
        name: "dvt_at_zone",
        meanings: &[
            of(&[Text, Timestamp], Zoned, |values| {
                instant_at(text(&values[0]), micros(&values[1])).map(Value::Timestamp)
            }),
            of(&[Text, Zoned], Timestamp, |values| {
                clock_at(text(&values[0]), micros(&values[1])).map(Value::Timestamp)
            }),
            // The instant at which the day begins on the session's clock.
            of(&[Text, Date], Timestamp, |values| clock_at(text(&values[0]), micros(&values[1])).map(Value::Timestamp)),
        ],
    },
    Definition {
        name: "postgres_extract",
        meanings: &[
            of(&[Text, Date], Exact(6), extract),
            of(&[Text, Timestamp], Exact(6), extract),
            of(&[Text, Interval], Exact(6), extract),
        ],
    },
    Definition {
        name: "postgres_date_part",
        meanings: &[
            of(&[Text, Date], Double, date_part),
            of(&[Text, Timestamp], Double, date_part),
            of(&[Text, Interval], Double, date_part),
        ],
    },
    Definition {
        name: "postgres_to_char",
        meanings: &[
            of(&[Timestamp, Text], Text, |values| string(format(micros(&values[0]), text(&values[1]))?)),
            of(&[Integer, Text], Text, number_by_template),
            of(&[BigInt, Text], Text, number_by_template),
            of(&[Exact(0), Text], Text, number_by_template),
            of(&[Double, Text], Text, number_by_template),
        ],
    },
    Definition {
        name: "postgres_width_bucket",
        meanings: &[
            of(&[Double, Double, Double, Integer], Integer, bucket),
            of(&[Exact(0), Exact(0), Exact(0), Integer], Integer, exact_bucket),
        ],
    },
    Definition {
        name: "postgres_to_date",
        meanings: &[of(&[Text, Text], Date, |values| day(parse_date(text(&values[0]), text(&values[1]))?))],
    },
    Definition {
        name: "postgres_to_timestamp",
        meanings: &[
            of(&[Text, Text], Zoned, |values| {
                let (day, micros) = parse_moment(text(&values[0]), text(&values[1]))?;
                let moment = day.checked_mul(DAY).and_then(|midnight| midnight.checked_add(micros));
                moment.map(Value::Timestamp).ok_or_else(|| "timestamp out of range".to_owned())
            }),
            of(&[Double], Zoned, |values| {
                let micros = (double(&values[0]) * 1e6).round_ties_even();
                if micros.abs() > 9e18 {
                    return Err("timestamp out of range".to_owned());
                }
                #[expect(clippy::cast_possible_truncation, reason = "within range")]
                Ok(Value::Timestamp(micros as i64))
            }),
            of(&[Exact(0)], Zoned, |values| {
                let Value::Exact(seconds, scale) = values[0] else { return Ok(Value::Null) };
                let out_of_range = || "timestamp out of range".to_owned();
                let shown = Decimal256Type::format_decimal(seconds, 76, scale);
                let micros = shown.parse::<f64>().map_err(|_| out_of_range())? * 1e6;
                if micros.abs() > 9e18 {
                    return Err(out_of_range());
                }
                #[expect(clippy::cast_possible_truncation, reason = "within range")]
                Ok(Value::Timestamp(micros.round_ties_even() as i64))
            }),
        ],
    },
    Definition {
        name: "postgres_date_bin",
        meanings: &[
            of(&[Interval, Timestamp, Timestamp], Timestamp, binned),
            of(&[Interval, Zoned, Zoned], Zoned, binned),
            of(&[Text, Timestamp, Timestamp], Timestamp, binned),
            of(&[Text, Zoned, Zoned], Zoned, binned),
        ],
    },
    Definition {
        name: "gcd",
        meanings: &[
            of(&[Integer, Integer], Integer, |values| divisor(values, i64::from(i32::MAX))),
            of(&[BigInt, BigInt], BigInt, |values| divisor(values, i64::MAX)),
        ],
    },
    Definition {
        name: "lcm",
        meanings: &[
            of(&[Integer, Integer], Integer, |values| multiple(values, i64::from(i32::MAX))),
            of(&[BigInt, BigInt], BigInt, |values| multiple(values, i64::MAX)),
        ],
    },
    Definition {
        name: "postgres_make_date",
        meanings: &[of(&[Integer, Integer, Integer], Date, |values| {
            let (year, month, number) = (integer(&values[0]), integer(&values[1]), integer(&values[2]));
            let found = make_date(year, month, number);
            day(found.ok_or_else(|| format!("date field value out of range: {year}-{month:02}-{number:02}"))?)
        })],
    },
    Definition {
        name: "postgres_age",
        meanings: &[of(&[Timestamp, Timestamp], Interval, |values| aged(micros(&values[0]), micros(&values[1])))],
    },
    Definition {
        name: "elapsed",
        meanings: &[of(&[Timestamp, Timestamp], Interval, elapsed), of(&[Zoned, Zoned], Interval, elapsed)],
    },
    Definition {
        name: "postgres_make_interval",
        meanings: &[of(&[Integer, Integer, Integer, Integer, Integer, Integer, Double], Interval, |values| {
            let part = |at: usize| integer(&values[at]);
            let months = i32::try_from(part(0) * 12 + part(1));
            let days = i32::try_from(part(2) * 7 + part(3));
            let seconds = (double(&values[6]) * 1e6).round_ties_even();
            if !seconds.is_finite() || seconds.abs() > 9e15 {
                return Err("interval out of range".to_owned());
            }
            #[expect(clippy::cast_possible_truncation, reason = "within range")]
            let micros = part(4) * 3_600_000_000 + part(5) * 60_000_000 + seconds as i64;
            match (months, days, micros.checked_mul(1000)) {
                (Ok(months), Ok(days), Some(nanoseconds)) => {
                    Ok(Value::Interval(IntervalMonthDayNano::new(months, days, nanoseconds)))
                }
                _ => Err("interval out of range".to_owned()),
            }
        })],
    },
    Definition {
        name: "postgres_make_timestamp",
        meanings: &[of(&[Integer, Integer, Integer, Integer, Integer, Double], Timestamp, |values| {
            let part = |at: usize| integer(&values[at]);
            let (hour, minute, second) = (part(3), part(4), double(&values[5]));
            let day = make_date(part(0), part(1), part(2));
            let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0.0..60.0).contains(&second);
            match day.and_then(|day| day.checked_mul(DAY)) {
                Some(midnight) if is_time => {
                    #[expect(clippy::cast_possible_truncation, reason = "below a minute")]
                    let micros = (second * 1e6).round_ties_even() as i64;
                    let micros = hour * 3_600_000_000 + minute * 60_000_000 + micros;
                    midnight
                        .checked_add(micros)
                        .map(Value::Timestamp)
                        .ok_or_else(|| "timestamp out of range".to_owned())
                }
                _ => Err("date/time field value out of range".to_owned()),
            }
        })],
    },
    Definition {
        name: "interval_order",
        meanings: &[of(&[Interval], Exact(0), |values| {
            let interval = span(&values[0]);
            let days = i128::from(interval.months) * 30 + i128::from(interval.days);
            Ok(Value::Exact(i256::from_i128(days * i128::from(DAY) + i128::from(interval.nanoseconds / 1000)), 0))
        })],
    },
    Definition {
        name: "interval_times",
        meanings: &[of(&[Interval, Double], Interval, |values| stretched(values, |part, factor| part * factor))],
    },
    Definition {
        name: "interval_over",
        meanings: &[of(&[Interval, Double], Interval, |values| match double(&values[1]) {
            0.0 => Err("division by zero".to_owned()),
            _ => stretched(values, |part, factor| part / factor),
        })],
    },
    Definition { name: "justify_days", meanings: &[of(&[Interval], Interval, |values| regular(values, true, false))] },
    Definition { name: "justify_hours", meanings: &[of(&[Interval], Interval, |values| regular(values, false, true))] },
    Definition {
        name: "justify_interval",
        meanings: &[of(&[Interval], Interval, |values| regular(values, true, true))],
    },
    Definition {
        name: "to_hex",
        meanings: &[
            of(&[Integer], Text, |values| string(format!("{:x}", integer(&values[0]) & 0xffff_ffff))),
            of(&[BigInt], Text, |values| string(format!("{:x}", integer(&values[0])))),
        ],
    },
    Definition {
        name: "bit_length",
        meanings: &[of(&[Text], Integer, |values| {
            Ok(Value::Integer(i64::try_from(text(&values[0]).len()).unwrap_or(i64::MAX).saturating_mul(8)))
        })],
    },
    Definition {
        name: "quote_literal",
        meanings: &[of(&[Text], Text, |values| {
            let text = text(&values[0]);
            let doubled = text.replace('\'', "''").replace('\\', "\\\\");
            string(if text.contains('\\') { format!(" E'{doubled}'") } else { format!("'{doubled}'") })
        })],
    },
    Definition {
        name: "overlay_text",
        meanings: &[
            of(&[Text, Text, Integer], Text, |values| overlay(values, character_count(text(&values[1])))),
            of(&[Text, Text, Integer, Integer], Text, |values| overlay(values, integer(&values[3]))),
        ],
    },
    Definition {
        name: "double_power",
        meanings: &[of(&[Double, Double], Double, |values| {
            let (base, exponent) = (double(&values[0]), double(&values[1]));
            let power = base.powf(exponent);
            match () {
                () if base == 0.0 && exponent < 0.0 => Err("zero raised to a negative power is undefined".to_owned()),
                () if base < 0.0 && exponent.fract() != 0.0 => {
                    Err("a negative number raised to a non-integer power yields a complex result".to_owned())
                }
                () => finite(power, base.is_finite() && exponent.is_finite()),
            }
        })],
    },
    Definition {
        name: "double_sqrt",
        meanings: &[of(&[Double], Double, |values| match double(&values[0]) {
            number if number < 0.0 => Err("cannot take square root of a negative number".to_owned()),
            number => Ok(Value::Double(number.sqrt())),
        })],
    },
    Definition { name: "double_sin", meanings: &[of(&[Double], Double, |values| circular(&values[0], f64::sin))] },
    Definition { name: "double_cos", meanings: &[of(&[Double], Double, |values| circular(&values[0], f64::cos))] },
    Definition { name: "double_tan", meanings: &[of(&[Double], Double, |values| circular(&values[0], f64::tan))] },
    Definition { name: "double_asin", meanings: &[of(&[Double], Double, |values| arc(&values[0], f64::asin))] },
    Definition { name: "double_acos", meanings: &[of(&[Double], Double, |values| arc(&values[0], f64::acos))] },
    Definition {
        name: "double_atan",
        meanings: &[of(&[Double], Double, |values| Ok(Value::Double(double(&values[0]).atan())))],
    },
    Definition {
        name: "double_atan2",
        meanings: &[of(&[Double, Double], Double, |values| {
            Ok(Value::Double(double(&values[0]).atan2(double(&values[1]))))
        })],
    },
    Definition {
        name: "double_cbrt",
        meanings: &[of(&[Double], Double, |values| Ok(Value::Double(double(&values[0]).cbrt())))],
    },
    Definition {
        name: "double_radians",
        meanings: &[of(&[Double], Double, |values| {
            Ok(Value::Double(double(&values[0]) * (std::f64::consts::PI / 180.0)))
        })],
    },
    Definition {
        name: "double_degrees",
        meanings: &[of(&[Double], Double, |values| {
            Ok(Value::Double(double(&values[0]) / (std::f64::consts::PI / 180.0)))
        })],
    },
    Definition {
        name: "double_exp",
        meanings: &[of(&[Double], Double, |values| finite(double(&values[0]).exp(), double(&values[0]).is_finite()))],
    },
    Definition {
        name: "double_ln",
        meanings: &[of(&[Double], Double, |values| logarithm(double(&values[0]), f64::ln))],
    },
    Definition {
        name: "double_log",
        meanings: &[of(&[Double], Double, |values| logarithm(double(&values[0]), f64::log10))],
    },
];

/// The start of the stretch of time that holds the moment.
fn binned(values: &[Value]) -> Computed {
    let stride = match &values[0] {
        Value::Text(text) => match parse_interval(text, None) {
            Some((months, days, micros)) => IntervalMonthDayNano::new(months, days, micros.saturating_mul(1000)),
            None => return Err(format!("invalid input syntax for type interval: \"{text}\"")),
        },
        interval => span(interval),
    };
    let (moment, origin) = (micros(&values[1]), micros(&values[2]));
    if stride.months != 0 {
        return Err("timestamps cannot be binned into intervals containing months or years".to_owned());
    }
    let stride = i64::from(stride.days).checked_mul(DAY).and_then(|days| days.checked_add(stride.nanoseconds / 1000));
    let stride = stride.ok_or("interval out of range")?;
    if stride <= 0 {
        return Err("stride must be greater than zero".to_owned());
    }
    let since = moment.checked_sub(origin).ok_or("interval out of range")?;
    origin
        .checked_add(since - since.rem_euclid(stride))
        .map(Value::Timestamp)
        .ok_or("timestamp out of range".to_owned())
}

fn greatest_divisor(mut one: u64, mut two: u64) -> u64 {
    while two != 0 {
        (one, two) = (two, one % two);
    }
    one
}

fn divisor(values: &[Value], largest: i64) -> Computed {
    let found = greatest_divisor(integer(&values[0]).unsigned_abs(), integer(&values[1]).unsigned_abs());
    fitting(found.into(), largest)
}

fn multiple(values: &[Value], largest: i64) -> Computed {
    let (one, two) = (integer(&values[0]).unsigned_abs(), integer(&values[1]).unsigned_abs());
    match greatest_divisor(one, two) {
        0 => Ok(Value::Integer(0)),
        divisor => fitting(u128::from(one / divisor) * u128::from(two), largest),
    }
}

fn fitting(number: u128, largest: i64) -> Computed {
    let name = if largest == i64::MAX { "bigint" } else { "integer" };
    let fits = i64::try_from(number).ok().filter(|number| *number <= largest);
    fits.map(Value::Integer).ok_or_else(|| format!("{name} out of range"))
}

/// PostgreSQL's shortest text of a double.
pub(in super::super) fn double_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if number == 0.0 || (-4..15).contains(&exponent) {
        return format!("{number}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// The text of a value as PostgreSQL casts it.
fn postgres_text(values: &[Value]) -> Computed {
    string(match &values[0] {
        Value::Boolean(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => double_text(*number),
        Value::Text(text) => text.clone(),
        Value::Timestamp(micros) => timestamp_text(*micros),
        Value::Interval(interval) => interval_text(*interval),
        other => return Err(format!("{other:?} has no text")),
    })
}

/// The 15 significant digits that a double is worth as an exact number.
fn double_digits(number: f64) -> Computed {
    if !number.is_finite() {
        return Err("NaN and infinities are not supported as numeric across connections".to_owned());
    }
    let scientific = format!("{number:.14e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().map_err(|_| "a double without an exponent".to_owned())?;
    let sign = if mantissa.starts_with('-') { "-" } else { "" };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_end_matches('0');
    let point = usize::try_from(exponent + 1);
    string(match point {
        _ if digits.is_empty() => "0".to_owned(),
        Ok(point) if point >= digits.len() => format!("{sign}{digits}{}", "0".repeat(point - digits.len())),
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0))),
    })
}

fn sign_of(values: &[Value]) -> Computed {
    Ok(match &values[0] {
        Value::Exact(number, _) => Value::Exact(number.signum(), 0),
        Value::Integer(number) => Value::Double(match number.signum() {
            0 => 0.0,
            1 => 1.0,
            _ => -1.0,
        }),
        value => match double(value) {
            0.0 => Value::Double(0.0),
            number if number.is_nan() => Value::Double(number),
            number => Value::Double(number.signum()),
        },
    })
}

fn overlay(values: &[Value], length: i64) -> Computed {
    let (whole, with, start) = (text(&values[0]), text(&values[1]), integer(&values[2]));
    if start <= 0 {
        return Err("negative substring length not allowed".to_owned());
    }
    let before = part(whole, 1, start - 1);
    let after = part(whole, start.saturating_add(length), i64::MAX / 2);
    string(format!("{before}{with}{after}"))
}

/// Of an angle, which has to be finite.
fn circular(angle: &Value, compute: fn(f64) -> f64) -> Computed {
    let angle = double(angle);
    if angle.is_infinite() { Err("input is out of range".to_owned()) } else { Ok(Value::Double(compute(angle))) }
}

/// Of a number from -1 to 1.
fn arc(number: &Value, compute: fn(f64) -> f64) -> Computed {
    let number = double(number);
    if number.abs() > 1.0 { Err("input is out of range".to_owned()) } else { Ok(Value::Double(compute(number))) }
}

fn finite(number: f64, from_finite: bool) -> Computed {
    if number.is_infinite() && from_finite {
        Err("value out of range: overflow".to_owned())
    } else {
        Ok(Value::Double(number))
    }
}

/// `to_char(number, template)`.
fn number_by_template(values: &[Value]) -> Computed {
    let template = Template::read(text(&values[1]))?;
    let fraction = template.fraction();
    let shown = match &values[0] {
        Value::Integer(number) => exact_digits(i256::from(*number), 0, fraction),
        Value::Exact(number, scale) => exact_digits(*number, *scale, fraction),
        value => {
            let number = double(value);
            if !number.is_finite() {
                return Err("NaN and infinities by a template are not supported across connections".to_owned());
            }
            // A double has 15 digits there, whatever the template asks for.
            let fraction = fraction.min(15_usize.saturating_sub(format!("{:.0}", number.abs()).len()));
            Shown { digits: format!("{:.fraction$}", number.abs()), is_negative: number.is_sign_negative(), fraction }
        }
    };
    string(template.write(&shown))
}

/// The number with so many digits after the point, rounded half away from zero.
fn exact_digits(number: i256, scale: i8, fraction: usize) -> Shown {
    let text = number.to_string();
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
    let scale = usize::try_from(scale).unwrap_or(0);
    let mut digits: Vec<u8> = format!("{digits:0>width$}", width = scale + 1).into_bytes();
    if scale > fraction {
        let cut = digits.len() - (scale - fraction);
        let is_up = digits[cut] >= b'5';
        digits.truncate(cut);
        let mut carry = is_up;
        for digit in digits.iter_mut().rev() {
            match (carry, *digit) {
                (false, _) => break,
                (true, b'9') => *digit = b'0',
                (true, _) => {
                    *digit += 1;
                    carry = false;
                }
            }
        }
        if carry {
            digits.insert(0, b'1');
        }
    } else {
        digits.extend(std::iter::repeat_n(b'0', fraction - scale));
    }
    let is_zero = digits.iter().all(|digit| *digit == b'0');
    let mut digits: String = digits.into_iter().map(char::from).collect();
    if fraction > 0 {
        digits.insert(digits.len() - fraction, '.');
    }
    Shown { digits, is_negative: is_negative && !is_zero, fraction }
}

/// The bucket, of `count` between two bounds, that holds the number.
fn bucket(values: &[Value]) -> Computed {
    let (number, low, high) = (double(&values[0]), double(&values[1]), double(&values[2]));
    if number.is_nan() || !low.is_finite() || !high.is_finite() {
        return Err("operand and bounds must be numbers, the bounds finite".to_owned());
    }
    let count = bucket_count(&values[3], low == high)?;
    let (is_below, is_above, place) = if low < high {
        (number < low, number >= high, (number - low) / (high - low))
    } else {
        (number > low, number <= high, (low - number) / (low - high))
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "between 0 and the count")]
    let inside = ((count as f64 * place) as i64).min(count - 1) + 1;
    Ok(Value::Integer(match (is_below, is_above) {
        (true, _) => 0,
        (_, true) => count + 1,
        _ => inside,
    }))
}

fn bucket_count(count: &Value, is_empty: bool) -> Result<i64, String> {
    match integer(count) {
        ..=0 => Err("count must be greater than zero".to_owned()),
        _ if is_empty => Err("lower bound cannot equal upper bound".to_owned()),
        count => Ok(count),
    }
}

fn exact_bucket(values: &[Value]) -> Computed {
    let too_long = || "a number has more digits than a decimal can hold".to_owned();
    let exact = |value: &Value| match value {
        Value::Exact(number, scale) => (*number, *scale),
        _ => (i256::ZERO, 0),
    };
    let scale = values[..3].iter().map(|value| exact(value).1).max().unwrap_or(0);
    let at_scale = |value: &Value| {
        let (number, own) = exact(value);
        let power = u32::try_from(i32::from(scale) - i32::from(own)).unwrap_or(0);
        i256::from_i128(10).checked_pow(power).and_then(|factor| number.checked_mul(factor)).ok_or_else(too_long)
    };
    let (number, low, high) = (at_scale(&values[0])?, at_scale(&values[1])?, at_scale(&values[2])?);
    let count = bucket_count(&values[3], low == high)?;
    let (is_below, is_above, of, length) = if low < high {
        (number < low, number >= high, number.wrapping_sub(low), high.wrapping_sub(low))
    } else {
        (number > low, number <= high, low.wrapping_sub(number), low.wrapping_sub(high))
    };
    if is_below || is_above {
        return Ok(Value::Integer(if is_below { 0 } else { count + 1 }));
    }
    let place = of.checked_mul(i256::from(count)).and_then(|of| of.checked_div(length)).ok_or_else(too_long)?;
    place
        .to_i128()
        .and_then(|place| i64::try_from(place).ok())
        .map(|place| Value::Integer(place + 1))
        .ok_or_else(too_long)
}
