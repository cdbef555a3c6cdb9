//! `modules.datetime` and `modules.pytz`.

use super::datetime::{Date, DateTime, TimeDelta, Zone, ZoneValue, micros_to_naive, replaced};
use super::datetime_format::{parse_datetime, parse_iso};
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::value::{Dict, to_float};
use crate::{Args, Object, Value};
use chrono::{FixedOffset, NaiveTime, Utc};

/// `modules.datetime`.
pub(super) fn module() -> Value {
    let mut module = Dict::new();
    for (name, class) in [
        ("datetime", Class::DateTime),
        ("date", Class::Date),
        ("time", Class::Time),
        ("timedelta", Class::TimeDelta),
        ("timezone", Class::Zone),
        ("tzinfo", Class::Zone),
    ] {
        module.set(name, Value::object(class));
    }
    module.set("UTC", Value::object(ZoneValue(Zone::Utc)));
    Value::dict(module)
}

/// `modules.pytz`.
pub(super) fn pytz() -> Value {
    Value::object(Pytz)
}

#[derive(Debug)]
struct Pytz;

impl Object for Pytz {
    fn type_name(&self) -> &str {
        "module"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "utc" | "UTC" => Some(Value::object(ZoneValue(Zone::Utc))),
            "all_timezones" => {
                Some(Value::list(chrono_tz::TZ_VARIANTS.iter().map(|zone| Value::from(zone.name())).collect()))
            }
            _ => None,
        }
    }

    fn methods(&self) -> &'static [&'static str] {
        &["timezone", "FixedOffset"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        match name {
            "timezone" => Some(args.required_str("zone").and_then(|name| {
                if name.eq_ignore_ascii_case("utc") {
                    return Ok(Value::object(ZoneValue(Zone::Utc)));
                }
                let zone: chrono_tz::Tz = name.parse().map_err(|_| raise(format!("UnknownTimeZoneError: '{name}'")))?;
                Ok(Value::object(ZoneValue(Zone::Named(zone))))
            })),
            "FixedOffset" => Some(args.required("minutes").and_then(|minutes| {
                let seconds = minutes.as_int().and_then(|minutes| i32::try_from(minutes * 60).ok());
                let offset = seconds.and_then(FixedOffset::east_opt);
                let offset = offset.ok_or_else(|| args.wrong_type("minutes", "a number of minutes", &minutes))?;
                Ok(Value::object(ZoneValue(Zone::Fixed(offset))))
            })),
            _ => None,
        }
    }
}

/// A class of the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    DateTime,
    Date,
    Time,
    TimeDelta,
    Zone,
}

impl Object for Class {
    fn type_name(&self) -> &str {
        "type"
    }

    fn display(&self) -> String {
        let name = match self {
            Self::DateTime => "datetime",
            Self::Date => "date",
            Self::Time => "time",
            Self::TimeDelta => "timedelta",
            Self::Zone => "timezone",
        };
        format!("<class 'datetime.{name}'>")
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let end_of_time = || chrono::NaiveDate::from_ymd_opt(9999, 12, 31);
        let start_of_time = || chrono::NaiveDate::from_ymd_opt(1, 1, 1);
        match (self, name) {
            (Self::Zone, "utc") => Some(Value::object(ZoneValue(Zone::Utc))),
            (Self::DateTime, "max") => end_of_time()?.and_hms_micro_opt(23, 59, 59, 999_999).map(Value::datetime),
            (Self::DateTime, "min") => start_of_time()?.and_hms_opt(0, 0, 0).map(Value::datetime),
            (Self::Date, "max") => end_of_time().map(Value::date),
            (Self::Date, "min") => start_of_time().map(Value::date),
            _ => None,
        }
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, _: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        Some(self.construct(args))
    }

    fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::DateTime | Self::Date => {
                &["now", "utcnow", "today", "strptime", "fromisoformat", "fromtimestamp", "utcfromtimestamp", "combine"]
            }
            _ => &[],
        }
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        self.methods().contains(&name).then(|| {
            if matches!(name, "now" | "utcnow" | "today") {
                interpreter.context.invocation.uses.clock();
            }
            self.class_method(name, args)
        })
    }
}

impl Class {
    fn construct(self, args: &mut Args) -> Result<Value, Flow> {
        let value = match self {
            Self::DateTime => {
                let zone = args.keyword.shift_remove("tzinfo");
                let local = replaced(args, None)?;
                let zone = zone.and_then(|zone| zone.downcast::<ZoneValue>().map(|zone| zone.0));
                Value::object(DateTime { local, zone })
            }
            Self::Date => Value::date(replaced(args, None)?.date()),
            Self::Time => {
                let mut part = |name: &str| -> Result<u32, Flow> {
                    u32::try_from(args.optional_int(name)?.unwrap_or(0))
                        .map_err(|_| raise(format!("{name} is out of range")))
                };
                let (hour, minute, second, micro) =
                    (part("hour")?, part("minute")?, part("second")?, part("microsecond")?);
                let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micro);
                Value::time(time.ok_or_else(|| raise("the time is out of range"))?)
            }
            Self::TimeDelta => Value::object(timedelta(args)?),
            Self::Zone => {
                let offset = args.required("offset")?;
                let micros = offset.downcast::<TimeDelta>().map(|delta| delta.0);
                let seconds = micros.and_then(|micros| i32::try_from(micros / 1_000_000).ok());
                let offset = seconds.and_then(FixedOffset::east_opt);
                Value::object(ZoneValue(Zone::Fixed(offset.ok_or_else(|| raise("offset must be a timedelta"))?)))
            }
        };
        args.finish()?;
        Ok(value)
    }

    fn class_method(self, name: &str, args: &mut Args) -> Result<Value, Flow> {
        let zone = |args: &mut Args| -> Result<Option<Zone>, Flow> {
            let value = args.optional("tz")?;
            Ok(value.and_then(|value| value.downcast::<ZoneValue>().map(|zone| zone.0)))
        };
        let now = Utc::now();
        let datetime = match name {
            "now" => match zone(args)? {
                Some(zone) => DateTime::utc(now).in_zone(zone),
                None => DateTime::naive(now.naive_utc()),
            },
            "utcnow" | "today" => DateTime::naive(now.naive_utc()),
            "strptime" => {
                let (text, format) = (args.required_str("date_string")?, args.required_str("format")?);
                parse_datetime(&text, &format).map_err(raise)?
            }
            "fromisoformat" => parse_iso(&args.required_str("date_string")?).map_err(raise)?,
            "combine" => {
                let (date, time) = (args.required("date")?, args.required("time")?);
                match (date.downcast::<Date>(), time.downcast::<super::datetime::Time>()) {
                    (Some(date), Some(time)) => DateTime::naive(date.0.and_time(time.0)),
                    _ => return Err(raise("combine() takes a date and a time")),
                }
            }
            _ => {
                let seconds = args.required("timestamp")?;
                let seconds = to_float(&seconds).ok_or_else(|| args.wrong_type("timestamp", "a number", &seconds))?;
                let zone = zone(args)?;
                #[expect(clippy::cast_possible_truncation, reason = "the range is checked by micros_to_naive")]
                let local = micros_to_naive((seconds * 1e6).round() as i128);
                let local = local.ok_or_else(|| raise("timestamp out of range"))?;
                match zone {
                    Some(zone) => DateTime { local, zone: Some(Zone::Utc) }.in_zone(zone),
                    None => DateTime::naive(local),
                }
            }
        };
        args.finish()?;
        Ok(if self == Self::Date { Value::date(datetime.local.date()) } else { Value::object(datetime) })
    }
}

/// `timedelta(days, seconds, microseconds, milliseconds, minutes, hours, weeks)`.
fn timedelta(args: &mut Args) -> Result<TimeDelta, Flow> {
    let mut total = 0.0f64;
    let mut exact = 0i128;
    for (name, micros) in [
        ("days", 86_400_000_000i64),
        ("seconds", 1_000_000),
        ("microseconds", 1),
        ("milliseconds", 1_000),
        ("minutes", 60_000_000),
        ("hours", 3_600_000_000),
        ("weeks", 604_800_000_000),
    ] {
        match args.optional(name)? {
            None => {}
            Some(Value::Int(number)) => {
                exact = number
                    .checked_mul(i128::from(micros))
                    .and_then(|part| exact.checked_add(part))
                    .ok_or_else(|| raise("timedelta out of range"))?;
            }
            Some(value) => {
                let number = to_float(&value).ok_or_else(|| args.wrong_type(name, "a number", &value))?;
                #[expect(clippy::cast_precision_loss, reason = "the units are small")]
                let unit = micros as f64;
                total += number * unit;
            }
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "fractions of a microsecond are rounded")]
    let rounded = total.round() as i128;
    Ok(TimeDelta(exact + rounded))
}
