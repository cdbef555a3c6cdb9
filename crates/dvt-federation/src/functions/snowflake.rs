//! Snowflake's functions that DataFusion has with the same meaning.
//! Source: Snowflake's documentation, "All functions". Left out on purpose: `sum` and `avg` (their types), `greatest`, `least`
//! and `concat` (NULL there when one value is NULL), `trim` and its kin, `substr`, dates, `round`.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    ("coalesce", "coalesce"),
    ("ifnull", "coalesce"),
    ("nvl", "coalesce"),
    ("nullif", "nullif"),
    ("length", "character_length"),
    ("len", "character_length"),
    ("count", "count"),
    ("max", "max"),
    ("min", "min"),
    ("dense_rank", "dense_rank"),
    ("first_value", "first_value"),
    ("lag", "lag"),
    ("last_value", "last_value"),
    ("lead", "lead"),
    ("rank", "rank"),
    ("row_number", "row_number"),
];
