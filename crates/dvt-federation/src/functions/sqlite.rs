//! SQLite's functions that are computed here with the same meaning.
//! Source: sqlite.org, "Built-In Scalar SQL Functions", "Date And Time Functions", "Aggregate Functions". Left out on purpose:
//! what gives values of one type or another (`json_extract`, `typeof`), bytes (`zeroblob`, `unhex`), and `random`.

use super::Names;

pub(super) const FUNCTIONS: Names = &[
    // Conditional.
    ("coalesce", "sqlite_coalesce"),
    ("ifnull", "sqlite_coalesce"),
    ("nullif", "nullif"),
    // Text.
    ("btrim", "sqlite_trim"),
    ("char", "sqlite_char"),
    ("concat", "sqlite_concat"),
    ("concat_ws", "sqlite_concat_ws"),
    ("format", "sqlite_printf"),
    ("hex", "sqlite_hex"),
    ("instr", "sqlite_instr"),
    ("length", "sqlite_length"),
    ("lower", "sqlite_lower"),
    ("ltrim", "sqlite_ltrim"),
    ("octet_length", "sqlite_octet_length"),
    ("printf", "sqlite_printf"),
    ("quote", "sqlite_quote"),
    ("replace", "sqlite_replace"),
    ("rtrim", "sqlite_rtrim"),
    ("split_part", "sqlite_split_part"),
    ("substr", "sqlite_substr"),
    ("substring", "sqlite_substr"),
    ("trim", "sqlite_trim"),
    ("unicode", "sqlite_unicode"),
    ("upper", "sqlite_upper"),
    // Numbers.
    ("abs", "abs"),
    ("round", "sqlite_round"),
    ("sign", "signum"),
    // Moments.
    ("date", "sqlite_date"),
    ("datetime", "sqlite_datetime"),
    ("julianday", "sqlite_julianday"),
    ("strftime", "sqlite_strftime"),
    ("time", "sqlite_time"),
    ("unixepoch", "sqlite_unixepoch"),
    // Aggregates.
    ("avg", "avg"),
    ("count", "count"),
    ("max", "max"),
    ("min", "min"),
    ("sum", "sum"),
    // Windows.
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
    // What other words become.
    ("dvt_greatest", "sqlite_greatest"),
    ("dvt_group_concat", "string_agg"),
    ("dvt_least", "sqlite_least"),
    ("dvt_md5", "md5"),
    ("dvt_now", "now"),
    ("dvt_now_millis", "sqlite_now"),
    ("dvt_substr", "sqlite_substr"),
    ("dvt_unixepoch_subsec", "sqlite_unixepoch_subsec"),
];
