//! The fixed words of the semantic layer.

pub(super) const METRIC_TYPES: &[&str] = &["simple", "ratio", "cumulative", "derived", "conversion"];

pub(super) const AGGREGATIONS: &[&str] =
    &["sum", "min", "max", "count_distinct", "sum_boolean", "average", "percentile", "median", "count"];

/// From the finest to the coarsest.
pub(super) const GRANULARITIES: &[&str] = &[
    "nanosecond",
    "microsecond",
    "millisecond",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "quarter",
    "year",
];

pub(super) const PERIOD_AGGREGATIONS: &[&str] = &["first", "last", "average"];

pub(super) const CALCULATIONS: &[&str] = &["conversions", "conversion_rate"];

pub(super) const DIMENSION_TYPES: &[&str] = &["categorical", "time"];

pub(super) const ENTITY_TYPES: &[&str] = &["foreign", "natural", "primary", "unique"];

pub(super) const EXPORT_DESTINATIONS: &[&str] = &["table", "view"];
