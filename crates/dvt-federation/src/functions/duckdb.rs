//! DuckDB's functions that DataFusion has with the same meaning.
//! Source: DuckDB docs, "Functions". Left out on purpose: `avg` (DOUBLE there, also of decimals), `substr` and its kin
//! (negative positions count from the end), `date_trunc` (a DATE of a DATE there), `date_part`, `round`.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    ("coalesce", "coalesce"),
    ("ifnull", "coalesce"),
    ("nullif", "nullif"),
    ("greatest", "greatest"),
    ("least", "least"),
    ("concat", "concat"),
    ("length", "character_length"),
    ("lower", "lower_letters"),
    ("ltrim", "ltrim"),
    ("md5", "md5"),
    ("replace", "replace"),
    ("rtrim", "rtrim"),
    ("starts_with", "starts_with"),
    ("trim", "btrim"),
    ("upper", "upper_letters"),
    ("abs", "abs"),
    ("bool_and", "bool_and"),
    ("bool_or", "bool_or"),
    ("count", "count"),
    ("max", "max"),
    ("min", "min"),
    ("sum", "sum"),
    ("dense_rank", "dense_rank"),
    ("first_value", "first_value"),
    ("lag", "lag"),
    ("last_value", "last_value"),
    ("lead", "lead"),
    ("ntile", "ntile"),
    ("rank", "rank"),
    ("row_number", "row_number"),
];
