//! Python's `datetime` objects: datetime, date, time, timedelta, time zones.

use super::datetime_format::{format_datetime, isoformat};
use crate::engine::Interpreter;
use crate::error::{Flow, raise};
use crate::{Args, Object, Value};
use chrono::{
    DateTime as ChronoDateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Timelike,
    Utc,
};
use serde_json::Value as Json;

/// A time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Zone {
    Utc,
    Fixed(FixedOffset),
    Named(chrono_tz::Tz),
}

impl Zone {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Utc => "UTC".to_owned(),
            Self::Fixed(offset) => format!("UTC{offset}"),
            Self::Named(zone) => zone.name().to_owned(),
        }
    }

    /// The offset from UTC at a local time.
    pub(crate) fn offset_at_local(self, local: NaiveDateTime) -> FixedOffset {
        let utc = FixedOffset::east_opt(0);
        match self {
            Self::Utc => utc,
            Self::Fixed(offset) => Some(offset),
            Self::Named(zone) => zone.offset_from_local_datetime(&local).earliest().map(|offset| offset.fix()).or(utc),
        }
        .unwrap_or_else(|| Utc.fix())
    }

    fn offset_at_utc(self, utc: NaiveDateTime) -> FixedOffset {
        match self {
            Self::Utc => Utc.fix(),
            Self::Fixed(offset) => offset,
            Self::Named(zone) => zone.offset_from_utc_datetime(&utc).fix(),
        }
    }
}

/// `datetime.datetime`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DateTime {
    pub(crate) local: NaiveDateTime,
    pub(crate) zone: Option<Zone>,
}

impl DateTime {
    pub(crate) fn naive(local: NaiveDateTime) -> Self {
        Self { local, zone: None }
    }

    pub(crate) fn utc(value: ChronoDateTime<Utc>) -> Self {
        Self { local: value.naive_utc(), zone: Some(Zone::Utc) }
    }

    pub(crate) fn offset(&self) -> Option<FixedOffset> {
        self.zone.map(|zone| zone.offset_at_local(self.local))
    }

    /// Microseconds since 1970 in UTC; a time without zone counts as UTC.
    pub(crate) fn micros(&self) -> i128 {
        let offset = self.offset().map_or(0, |offset| offset.local_minus_utc());
        i128::from(self.local.and_utc().timestamp_micros()) - i128::from(offset) * 1_000_000
    }

    pub(crate) fn in_zone(&self, zone: Zone) -> Self {
        let utc = micros_to_naive(self.micros()).unwrap_or(self.local);
        let offset = zone.offset_at_utc(utc);
        Self { local: utc + chrono::TimeDelta::seconds(i64::from(offset.local_minus_utc())), zone: Some(zone) }
    }
}

/// The date and time at a number of microseconds, `None` out of range.
pub(crate) fn micros_to_naive(micros: i128) -> Option<NaiveDateTime> {
    Some(ChronoDateTime::<Utc>::from_timestamp_micros(i64::try_from(micros).ok()?)?.naive_utc())
}

fn from_parts(value: Option<NaiveDateTime>) -> Result<NaiveDateTime, Flow> {
    value.ok_or_else(|| raise("date value out of range"))
}

/// Takes `year`, `month`, … from the arguments, with what they are now as default.
pub(crate) fn replaced(args: &mut Args, now: Option<NaiveDateTime>) -> Result<NaiveDateTime, Flow> {
    let mut part = |name: &str, current: Option<i64>| -> Result<u32, Flow> {
        let value = match args.optional_int(name)? {
            Some(value) => value,
            None => i128::from(current.ok_or_else(|| raise(format!("missing required argument '{name}'")))?),
        };
        u32::try_from(value).map_err(|_| raise(format!("{name} is out of range")))
    };
    let year = part("year", now.map(|now| i64::from(now.year())))?;
    let month = part("month", now.map(|now| i64::from(now.month())))?;
    let day = part("day", now.map(|now| i64::from(now.day())))?;
    let hour = part("hour", now.map_or(Some(0), |now| Some(i64::from(now.hour()))))?;
    let minute = part("minute", now.map_or(Some(0), |now| Some(i64::from(now.minute()))))?;
    let second = part("second", now.map_or(Some(0), |now| Some(i64::from(now.second()))))?;
    let micro = part("microsecond", now.map_or(Some(0), |now| Some(i64::from(now.nanosecond() / 1000))))?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).unwrap_or(0), month, day);
    let date = date.ok_or_else(|| raise("day is out of range for month"))?;
    from_parts(date.and_hms_micro_opt(hour, minute, second, micro))
}

fn zone_argument(args: &mut Args, name: &str) -> Result<Option<Zone>, Flow> {
    match args.optional(name)? {
        None | Some(Value::None) => Ok(None),
        Some(value) => match value.downcast::<ZoneValue>() {
            Some(zone) => Ok(Some(zone.0)),
            None => Err(args.wrong_type(name, "a time zone", &value)),
        },
    }
}

impl Object for DateTime {
    fn type_name(&self) -> &str {
        "datetime.datetime"
    }

    fn display(&self) -> String {
        isoformat(self, ' ')
    }

    fn repr(&self) -> String {
        let now = self.local;
        let mut text = format!(
            "datetime.datetime({}, {}, {}, {}, {}",
            now.year(),
            now.month(),
            now.day(),
            now.hour(),
            now.minute()
        );
        let micros = now.nanosecond() / 1000;
        if now.second() > 0 || micros > 0 {
            text.push_str(&format!(", {}", now.second()));
        }
        if micros > 0 {
            text.push_str(&format!(", {micros}"));
        }
        if let Some(zone) = self.zone {
            text.push_str(&format!(", tzinfo={}", ZoneValue(zone).repr()));
        }
        text + ")"
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let int = |number: u32| Value::Int(i128::from(number));
        Some(match name {
            "year" => Value::Int(i128::from(self.local.year())),
            "month" => int(self.local.month()),
            "day" => int(self.local.day()),
            "hour" => int(self.local.hour()),
            "minute" => int(self.local.minute()),
            "second" => int(self.local.second()),
            "microsecond" => int(self.local.nanosecond() / 1000),
            "tzinfo" => self.zone.map_or(Value::None, |zone| Value::object(ZoneValue(zone))),
            _ => return None,
        })
    }

    fn methods(&self) -> &'static [&'static str] {
        &[
            "strftime",
            "isoformat",
            "date",
            "time",
            "timetz",
            "replace",
            "timestamp",
            "astimezone",
            "weekday",
            "isoweekday",
            "isocalendar",
            "utcoffset",
            "tzname",
            "toordinal",
            "ctime",
        ]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        self.methods().contains(&name).then(|| {
            let value = match name {
                "strftime" => Value::from(format_datetime(self, &args.required_str("format")?)),
                "isoformat" => {
                    let separator = args.optional_str("sep")?.and_then(|sep| sep.chars().next()).unwrap_or('T');
                    Value::from(isoformat(self, separator))
                }
                "ctime" => Value::from(format_datetime(self, "%a %b %e %H:%M:%S %Y")),
                "date" => Value::date(self.local.date()),
                "time" | "timetz" => Value::time(self.local.time()),
                "replace" => {
                    let zone = match args.keyword.shift_remove("tzinfo") {
                        None => self.zone,
                        Some(Value::None) => None,
                        Some(value) => match value.downcast::<ZoneValue>() {
                            Some(zone) => Some(zone.0),
                            None => return Err(args.wrong_type("tzinfo", "a time zone", &value)),
                        },
                    };
                    Value::object(Self { local: replaced(args, Some(self.local))?, zone })
                }
                #[expect(clippy::cast_precision_loss, reason = "Python's timestamp() is a float")]
                "timestamp" => Value::Float(self.micros() as f64 / 1e6),
                "astimezone" => {
                    let zone = zone_argument(args, "tz")?.unwrap_or(Zone::Utc);
                    Value::object(self.in_zone(zone))
                }
                "weekday" | "isoweekday" | "isocalendar" | "toordinal" => {
                    return calendar(self.local.date(), name, args);
                }
                "utcoffset" => self.offset().map_or(Value::None, |offset| {
                    Value::object(TimeDelta(i128::from(offset.local_minus_utc()) * 1_000_000))
                }),
                _ => self.zone.map_or(Value::None, |zone| Value::from(zone.name())),
            };
            args.finish()?;
            Ok(value)
        })
    }

    fn order(&self) -> Option<i128> {
        Some(self.micros())
    }

    fn equals(&self, other: &dyn Object) -> bool {
        let other: &dyn std::any::Any = other;
        other
            .downcast_ref::<Self>()
            .is_some_and(|other| self.zone.is_some() == other.zone.is_some() && self.micros() == other.micros())
    }

    fn arithmetic(&self, operator: char, other: &Value) -> Option<Value> {
        if let Some(delta) = other.downcast::<TimeDelta>() {
            let sign = match operator {
                '+' => 1,
                '-' => -1,
                _ => return None,
            };
            let micros = i128::from(self.local.and_utc().timestamp_micros()) + sign * delta.0;
            return Some(Value::object(Self { local: micros_to_naive(micros)?, zone: self.zone }));
        }
        let other = other.downcast::<Self>()?;
        (operator == '-').then(|| Value::object(TimeDelta(self.micros() - other.micros())))
    }

    fn isoformat(&self) -> Option<String> {
        Some(isoformat(self, 'T'))
    }

    fn formatted(&self, spec: &str) -> Option<String> {
        Some(format_datetime(self, spec))
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::from(isoformat(self, 'T')))
    }
}

fn calendar(date: NaiveDate, name: &str, args: &mut Args) -> Result<Value, Flow> {
    args.finish()?;
    Ok(match name {
        "weekday" => Value::Int(i128::from(date.weekday().num_days_from_monday())),
        "isoweekday" => Value::Int(i128::from(date.weekday().number_from_monday())),
        "toordinal" => Value::Int(i128::from(date.num_days_from_ce())),
        _ => {
            let week = date.iso_week();
            let numbers =
                [i128::from(week.year()), i128::from(week.week()), i128::from(date.weekday().number_from_monday())];
            Value::tuple(numbers.into_iter().map(Value::Int).collect())
        }
    })
}

/// `datetime.date`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date(pub(crate) NaiveDate);

impl Object for Date {
    fn type_name(&self) -> &str {
        "datetime.date"
    }

    fn display(&self) -> String {
        self.0.to_string()
    }

    fn repr(&self) -> String {
        format!("datetime.date({}, {}, {})", self.0.year(), self.0.month(), self.0.day())
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        Some(match name {
            "year" => Value::Int(i128::from(self.0.year())),
            "month" => Value::Int(i128::from(self.0.month())),
            "day" => Value::Int(i128::from(self.0.day())),
            _ => return None,
        })
    }

    fn methods(&self) -> &'static [&'static str] {
        &["strftime", "isoformat", "replace", "weekday", "isoweekday", "isocalendar", "toordinal"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        let midnight = self.0.and_time(NaiveTime::MIN);
        match name {
            "strftime" => Some(
                args.required_str("format")
                    .map(|format| Value::from(format_datetime(&DateTime::naive(midnight), &format))),
            ),
            "isoformat" => Some(args.finish().map(|()| Value::from(self.0.to_string()))),
            "replace" => Some(replaced(args, Some(midnight)).map(|replaced| Value::date(replaced.date()))),
            "weekday" | "isoweekday" | "isocalendar" | "toordinal" => Some(calendar(self.0, name, args)),
            _ => None,
        }
    }

    fn order(&self) -> Option<i128> {
        Some(i128::from(self.0.num_days_from_ce()))
    }

    fn arithmetic(&self, operator: char, other: &Value) -> Option<Value> {
        const DAY: i128 = 86_400_000_000;
        let days = i128::from(self.0.num_days_from_ce());
        if let Some(delta) = other.downcast::<TimeDelta>() {
            let shift = delta.0.div_euclid(DAY);
            let days = if operator == '+' { days + shift } else { days - shift };
            return Some(Value::date(NaiveDate::from_num_days_from_ce_opt(i32::try_from(days).ok()?)?));
        }
        let other = other.downcast::<Self>()?;
        (operator == '-').then(|| Value::object(TimeDelta((days - i128::from(other.0.num_days_from_ce())) * DAY)))
    }

    fn isoformat(&self) -> Option<String> {
        Some(self.display())
    }

    fn formatted(&self, spec: &str) -> Option<String> {
        Some(format_datetime(&DateTime::naive(self.0.and_time(NaiveTime::MIN)), spec))
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::from(self.0.to_string()))
    }
}

/// `datetime.time`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time(pub(crate) NaiveTime);

impl Object for Time {
    fn type_name(&self) -> &str {
        "datetime.time"
    }

    fn display(&self) -> String {
        let micros = self.0.nanosecond() / 1000;
        let text = self.0.format("%H:%M:%S").to_string();
        if micros > 0 { format!("{text}.{micros:06}") } else { text }
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        Some(Value::Int(i128::from(match name {
            "hour" => self.0.hour(),
            "minute" => self.0.minute(),
            "second" => self.0.second(),
            "microsecond" => self.0.nanosecond() / 1000,
            _ => return None,
        })))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["isoformat", "strftime"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        match name {
            "isoformat" => Some(args.finish().map(|()| Value::from(self.display()))),
            "strftime" => Some(args.required_str("format").map(|format| {
                let local = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default().and_time(self.0);
                Value::from(format_datetime(&DateTime::naive(local), &format))
            })),
            _ => None,
        }
    }

    fn order(&self) -> Option<i128> {
        Some(i128::from(self.0.num_seconds_from_midnight()) * 1_000_000 + i128::from(self.0.nanosecond() / 1000))
    }

    fn isoformat(&self) -> Option<String> {
        Some(self.display())
    }

    fn formatted(&self, spec: &str) -> Option<String> {
        let local = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap_or_default().and_time(self.0);
        Some(format_datetime(&DateTime::naive(local), spec))
    }

    fn to_json(&self) -> Option<Json> {
        Some(Json::from(self.display()))
    }
}

/// `datetime.timedelta`, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeDelta(pub(crate) i128);

const MICROS_PER_DAY: i128 = 86_400_000_000;

impl Object for TimeDelta {
    fn type_name(&self) -> &str {
        "datetime.timedelta"
    }

    fn display(&self) -> String {
        let days = self.0.div_euclid(MICROS_PER_DAY);
        let rest = self.0.rem_euclid(MICROS_PER_DAY);
        let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
        let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let fraction = if micros > 0 { format!(".{micros:06}") } else { String::new() };
        match days {
            0 => format!("{clock}{fraction}"),
            1 | -1 => format!("{days} day, {clock}{fraction}"),
            _ => format!("{days} days, {clock}{fraction}"),
        }
    }

    fn repr(&self) -> String {
        format!("datetime.timedelta({})", self.display())
    }

    fn is_true(&self) -> bool {
        self.0 != 0
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let rest = self.0.rem_euclid(MICROS_PER_DAY);
        Some(Value::Int(match name {
            "days" => self.0.div_euclid(MICROS_PER_DAY),
            "seconds" => rest / 1_000_000,
            "microseconds" => rest % 1_000_000,
            _ => return None,
        }))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["total_seconds"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        #[expect(clippy::cast_precision_loss, reason = "Python's total_seconds() is a float")]
        (name == "total_seconds").then(|| args.finish().map(|()| Value::Float(self.0 as f64 / 1e6)))
    }

    fn order(&self) -> Option<i128> {
        Some(self.0)
    }

    fn arithmetic(&self, operator: char, other: &Value) -> Option<Value> {
        if let Some(delta) = other.downcast::<Self>() {
            return match operator {
                '+' => Some(Value::object(Self(self.0 + delta.0))),
                '-' => Some(Value::object(Self(self.0 - delta.0))),
                #[expect(clippy::cast_precision_loss, reason = "the quotient of two spans is a float in Python")]
                '/' if delta.0 != 0 => Some(Value::Float(self.0 as f64 / delta.0 as f64)),
                'f' if delta.0 != 0 => Some(Value::Int(self.0.div_euclid(delta.0))),
                _ => None,
            };
        }
        match (operator, other) {
            ('+', Value::Object(object)) => object.arithmetic('+', &Value::object(*self)),
            ('*', _) => Some(Value::object(Self(self.0.checked_mul(other.as_int()?)?))),
            ('/' | 'f', Value::Int(divisor)) if *divisor != 0 => {
                let (quotient, rest) = (self.0.div_euclid(*divisor), self.0.rem_euclid(*divisor));
                let is_up =
                    operator == '/' && (rest * 2 > divisor.abs() || (rest * 2 == divisor.abs() && quotient % 2 != 0));
                Some(Value::object(Self(quotient + i128::from(is_up))))
            }
            #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as Python rounds it")]
            ('/', Value::Float(divisor)) if *divisor != 0.0 => {
                Some(Value::object(Self((self.0 as f64 / divisor).round() as i128)))
            }
            _ => None,
        }
    }
}

/// A `tzinfo`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZoneValue(pub(crate) Zone);

impl Object for ZoneValue {
    fn type_name(&self) -> &str {
        "datetime.tzinfo"
    }

    fn display(&self) -> String {
        self.0.name()
    }

    fn repr(&self) -> String {
        match self.0 {
            Zone::Utc => "<UTC>".to_owned(),
            other => format!("<DstTzInfo '{}'>", other.name()),
        }
    }

    fn is_true(&self) -> bool {
        true
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        (name == "zone").then(|| Value::from(self.0.name()))
    }

    fn methods(&self) -> &'static [&'static str] {
        &["localize", "normalize"]
    }

    fn call_method(&self, _: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Option<Result<Value, Flow>> {
        matches!(name, "localize" | "normalize").then(|| {
            let value = args.required("dt")?;
            args.keyword.shift_remove("is_dst");
            args.finish()?;
            let Some(datetime) = value.downcast::<DateTime>() else {
                return Err(args.wrong_type("dt", "a datetime", &value));
            };
            match (name, datetime.zone) {
                ("localize", Some(_)) => Err(raise("Not naive datetime (tzinfo is already set)")),
                ("localize", None) => Ok(Value::object(DateTime { local: datetime.local, zone: Some(self.0) })),
                _ => Ok(Value::object(datetime.in_zone(self.0))),
            }
        })
    }
}
