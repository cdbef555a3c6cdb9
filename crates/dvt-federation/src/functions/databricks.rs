//! Databricks' functions that DataFusion has with the same meaning.
//! Source: Databricks' SQL language reference, "Built-in functions". Left out on purpose: `sum` and `avg` (their types), `greatest`
//! and `least`, `concat` and `||` of what is no text, `trim` and its kin, `substr` (negative and zero places), `upper` and `lower`
//! beyond ASCII, dates, `round`.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    ("coalesce", "coalesce"),
    ("ifnull", "coalesce"),
    ("nvl", "coalesce"),
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
