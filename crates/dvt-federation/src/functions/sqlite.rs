//! SQLite's functions that DataFusion has with the same meaning.
//! Source: sqlite.org, "Built-In Scalar SQL Functions", "Aggregate Functions". `min` and `max` of several arguments,
//! `round` (REAL there) and the date functions are left out.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    ("coalesce", "coalesce"),
    ("ifnull", "coalesce"),
    ("nullif", "nullif"),
    ("instr", "sqlite_instr"),
    ("length", "character_length"),
    ("lower", "sqlite_lower"),
    ("ltrim", "ltrim"),
    ("replace", "replace"),
    ("rtrim", "rtrim"),
    ("substr", "sqlite_substr"),
    ("substring", "sqlite_substr"),
    ("trim", "btrim"),
    ("unicode", "sqlite_unicode"),
    ("upper", "sqlite_upper"),
    ("abs", "abs"),
    ("sign", "signum"),
    ("avg", "avg"),
    ("count", "count"),
    ("max", "max"),
    ("min", "min"),
    ("sum", "sum"),
    ("cume_dist", "cume_dist"),
    ("dense_rank", "dense_rank"),
    ("first_value", "first_value"),
    ("lag", "lag"),
    ("last_value", "last_value"),
    ("lead", "lead"),
    ("nth_value", "nth_value"),
    ("ntile", "ntile"),
    ("percent_rank", "percent_rank"),
    ("rank", "rank"),
    ("row_number", "row_number"),
    ("btrim", "btrim"),
    // What `substr` becomes.
    ("dvt_substr", "sqlite_substr"),
];
