//! Redshift's functions that DataFusion has with the same meaning.
//! Source: Amazon Redshift developer guide, "SQL functions reference". Left out on purpose: `avg` (of integers it is an integer
//! there), `sum` (its types), `round`, `concat` and `||`, `trim` and its kin, `substr`, `upper` and `lower` beyond ASCII, dates.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    ("coalesce", "coalesce"),
    ("nvl", "coalesce"),
    ("nullif", "nullif"),
    ("char_length", "character_length"),
    ("character_length", "character_length"),
    ("len", "character_length"),
    ("length", "character_length"),
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
