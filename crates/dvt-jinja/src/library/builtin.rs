//! The text of the built-in global package, `macros/` of this crate.

use super::{GLOBAL_PACKAGE, MacroFile};
use dvt_diagnostics::SourceFile;

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../macros/", $path)))),*]
    };
}

/// Paths below `macros/` and their text.
const FILES: &[(&str, &str)] = files![
    "adapters/apply_grants.sql",
    "adapters/columns.sql",
    "adapters/freshness.sql",
    "adapters/indexes.sql",
    "adapters/metadata.sql",
    "adapters/persist_docs.sql",
    "adapters/relation.sql",
    "adapters/runtime.sql",
    "adapters/schema.sql",
    "adapters/show.sql",
    "adapters/timestamps.sql",
    "adapters/validate_sql.sql",
    "etc/datetime.sql",
    "etc/statement.sql",
    "generic_test_sql/accepted_values.sql",
    "generic_test_sql/not_null.sql",
    "generic_test_sql/relationships.sql",
    "generic_test_sql/unique.sql",
    "get_custom_name/get_custom_alias.sql",
    "get_custom_name/get_custom_database.sql",
    "get_custom_name/get_custom_schema.sql",
    "get_custom_name/get_latest_version_pointer_alias.sql",
    "materializations/configs.sql",
    "materializations/hooks.sql",
    "materializations/models/incremental/column_helpers.sql",
    "materializations/models/incremental/is_incremental.sql",
    "materializations/models/landing.sql",
    "materializations/models/table.sql",
    "materializations/models/view.sql",
    "materializations/seeds/helpers.sql",
    "materializations/seeds/seed.sql",
    "materializations/tests/helpers.sql",
    "materializations/tests/test.sql",
    "materializations/tests/where_subquery.sql",
    "relations/column/columns_spec_ddl.sql",
    "relations/create.sql",
    "relations/create_backup.sql",
    "relations/create_intermediate.sql",
    "relations/drop.sql",
    "relations/drop_backup.sql",
    "relations/rename.sql",
    "relations/rename_intermediate.sql",
    "relations/replace.sql",
    "relations/schema.sql",
    "relations/table/create.sql",
    "relations/table/drop.sql",
    "relations/table/rename.sql",
    "relations/table/replace.sql",
    "relations/view/create.sql",
    "relations/view/drop.sql",
    "relations/view/rename.sql",
    "relations/view/replace.sql",
    "tests/generic/builtin.sql",
    "utils/any_value.sql",
    "utils/array_append.sql",
    "utils/array_concat.sql",
    "utils/array_construct.sql",
    "utils/bool_or.sql",
    "utils/cast.sql",
    "utils/cast_bool_to_text.sql",
    "utils/concat.sql",
    "utils/data_types.sql",
    "utils/date.sql",
    "utils/date_spine.sql",
    "utils/date_trunc.sql",
    "utils/dateadd.sql",
    "utils/datediff.sql",
    "utils/equals.sql",
    "utils/escape_single_quotes.sql",
    "utils/except.sql",
    "utils/generate_series.sql",
    "utils/hash.sql",
    "utils/intersect.sql",
    "utils/last_day.sql",
    "utils/length.sql",
    "utils/listagg.sql",
    "utils/literal.sql",
    "utils/position.sql",
    "utils/replace.sql",
    "utils/right.sql",
    "utils/safe_cast.sql",
    "utils/split_part.sql",
];

/// The files of the built-in package `dbt`.
#[must_use]
pub fn builtin_macro_files() -> Vec<MacroFile> {
    FILES
        .iter()
        .map(|(path, text)| MacroFile::new(GLOBAL_PACKAGE, SourceFile::new(format!("dbt/macros/{path}"), *text)))
        .collect()
}
