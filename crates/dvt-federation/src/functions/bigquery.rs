//! BigQuery's functions that DataFusion has with the same meaning.
//! Source: GoogleSQL for BigQuery, "Functions, operators, and conditionals". Left out on purpose: `sum` and `avg` (their types),
//! `length` (bytes of BYTES), `greatest` and `least` (NaN), `concat`, `trim` and its kin, `substr`, `upper` and `lower` beyond
//! ASCII, dates, `round`, what an `INT64` may not overflow.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    ("coalesce", "coalesce"),
    ("ifnull", "coalesce"),
    ("nullif", "nullif"),
    ("char_length", "character_length"),
    ("character_length", "character_length"),
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
