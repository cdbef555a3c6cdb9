//! What an engine means by its operators, as data.

use crate::functions::{DivisionRule, IntegerWidth};
use dvt_sql::Dialect;

/// The meaning of one dialect's operators.
pub(super) struct Rules {
    /// How exact numbers are divided; `None`: not by a rule of its own.
    pub(super) division: Option<DivisionRule>,
    /// Exact numbers are divided as floats, and what remains of a division by zero is NULL.
    pub(super) divides_as_float: bool,
    /// Dividing by zero gives NULL.
    pub(super) division_by_zero_is_null: bool,
    /// `date - date` is a number of days, `date + 1` the next day, `date + interval` a timestamp.
    pub(super) date_arithmetic: bool,
    /// `date + interval` is a date if the interval has no part of a day, else a timestamp.
    pub(super) intervals_may_keep_dates: bool,
    /// Casting to an integer rounds.
    pub(super) casts_round: bool,
    /// A number that is cast to `numeric` or `decimal` stays as it is, whatever the digits.
    pub(super) numbers_keep_their_kind: bool,
    /// `||` joins text.
    pub(super) concatenates: bool,
    /// Each exact number has a scale of its own, which shows when it becomes text; floats are rounded to even.
    pub(super) values_have_scales: bool,
    /// How wide the sum of two integers is; one that does not fit is an error.
    pub(super) integers: IntegerWidth,
    /// A whole number that fits 32 bits has 32 bits.
    pub(super) literals_are_narrow: bool,
    /// LIKE takes ASCII letters of either case for equal.
    pub(super) like_ignores_case: bool,
    /// Dates and times are texts, and every value has one form as text.
    pub(super) stores_texts: bool,
}

impl Rules {
    pub(super) fn of(dialect: &Dialect) -> Option<Self> {
        match dialect.name {
            "postgres" => Some(Self {
                division: Some(DivisionRule::Postgres),
                divides_as_float: false,
                division_by_zero_is_null: false,
                date_arithmetic: true,
                intervals_may_keep_dates: false,
                casts_round: true,
                numbers_keep_their_kind: false,
                concatenates: true,
                values_have_scales: true,
                integers: IntegerWidth::OfTheSides,
                literals_are_narrow: true,
                like_ignores_case: false,
                stores_texts: false,
            }),
            "mysql" | "mariadb" => Some(Self {
                division: Some(DivisionRule::MySql),
                divides_as_float: false,
                division_by_zero_is_null: true,
                date_arithmetic: false,
                intervals_may_keep_dates: true,
                casts_round: true,
                numbers_keep_their_kind: false,
                concatenates: false,
                values_have_scales: false,
                integers: IntegerWidth::Whole,
                literals_are_narrow: false,
                like_ignores_case: false,
                stores_texts: false,
            }),
            "sqlite" => Some(Self {
                division: None,
                divides_as_float: false,
                division_by_zero_is_null: true,
                date_arithmetic: false,
                intervals_may_keep_dates: false,
                casts_round: false,
                numbers_keep_their_kind: true,
                concatenates: true,
                values_have_scales: false,
                integers: IntegerWidth::Whole,
                literals_are_narrow: false,
                like_ignores_case: true,
                stores_texts: true,
            }),
            "duckdb" => Some(Self {
                division: None,
                divides_as_float: true,
                division_by_zero_is_null: false,
                date_arithmetic: true,
                intervals_may_keep_dates: false,
                casts_round: true,
                numbers_keep_their_kind: false,
                concatenates: true,
                values_have_scales: false,
                integers: IntegerWidth::OfTheSides,
                literals_are_narrow: true,
                like_ignores_case: false,
                stores_texts: false,
            }),
            _ => None,
        }
    }
}
