//! What a kind of engine may be trusted with, and what it costs there, as data.
//!
//! One row per kind of engine; an operator, type or construct that no row allows is never sent. Sources: the engines'
//! manuals, chapters on data types, comparison, aggregate functions and numeric results.

/// How an engine writes where NULLs stand in an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NullsInOrder {
    /// `NULLS FIRST`, `NULLS LAST`.
    Words,
    /// Only by another key before: `x IS NULL`.
    KeyBefore,
}

/// What a kind of engine computes exactly as the author's SQL is computed here.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) decimals: bool,
    pub(crate) dates: bool,
    pub(crate) timestamps: bool,
    pub(crate) booleans: bool,
    /// `LIKE` compares like ours: case-sensitive, `\` escapes.
    pub(crate) like: bool,
    /// `LIKE` takes ASCII letters of either case for equal, whatever the column's collation, and knows no escape.
    pub(crate) like_ignores_case: bool,
    /// The type's word stands before a date or timestamp literal.
    pub(crate) typed_literals: bool,
    /// Written behind text, it is compared by its code points whatever its column says.
    pub(crate) bytewise: Option<&'static str>,
    /// Joins, aggregates, DISTINCT and top-k may be sent at all.
    pub(crate) subplans: bool,
    /// `+`, `-` and `*` of decimals are exact and as wide as their result needs.
    pub(crate) decimal_arithmetic: bool,
    /// The word for a 64-bit integer in a cast; `None`: integers are not computed with, since one that does not fit does
    /// not fail there.
    pub(crate) bigint: Option<&'static str>,
    /// The word for a 32-bit integer whose sums are 32 bits wide, and an error where they do not fit.
    pub(crate) integer: Option<&'static str>,
    /// Casts to a decimal are exact.
    pub(crate) decimal_cast: Option<&'static str>,
    pub(crate) nulls_in_order: NullsInOrder,
    /// Two relations are joined in reasonable time only where an index finds the rows of one of them.
    pub(crate) joins_need_index: bool,
    /// Where there is such an index, it is what finds them: rows are joined one by one.
    pub(crate) joins_by_index: bool,
    /// A list of keys longer than this is written as a subquery over an array.
    pub(crate) array_above: Option<usize>,
    /// Of a row called `unsettled`: whether a transaction wrote it that may have overtaken one which is still open.
    pub(crate) unsettled: Option<&'static str>,
    pub(crate) costs: Costs,
}

/// Nanoseconds of processor time, both sides together; rough, for choosing between plans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Costs {
    /// A row sent to us, besides its bytes.
    pub(crate) row: f64,
    /// A byte sent to us.
    pub(crate) byte: f64,
    /// A row that goes through a join there.
    pub(crate) join: f64,
    /// A row that is grouped there.
    pub(crate) group: f64,
    /// A row that is grouped there in the order of an index.
    pub(crate) group_ordered: f64,
}

/// The same for the engine in process.
pub(crate) const LOCAL: Costs = Costs { row: 0.0, byte: 0.0, join: 80.0, group: 100.0, group_ordered: 100.0 };

static POSTGRES: Rules = Rules {
    decimals: true,
    dates: true,
    timestamps: true,
    booleans: true,
    like: true,
    like_ignores_case: false,
    typed_literals: true,
    bytewise: Some(" COLLATE \"C\""),
    subplans: true,
    decimal_arithmetic: true,
    bigint: Some("bigint"),
    integer: Some("integer"),
    decimal_cast: Some("numeric"),
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: false,
    joins_by_index: false,
    array_above: Some(200),
    // The row's writer is as young as the oldest transaction that this very snapshot takes for unfinished, or younger. (Ages
    // that have gone round the clock are those of frozen rows.) Who is known to work in another database writes nothing here.
    unsettled: Some(
        "pg_catalog.age(unsettled.xmin) BETWEEN 0 AND (SELECT max(pg_catalog.age((open.number % 4294967296)::text::xid)) \
         FROM pg_catalog.txid_snapshot_xip(pg_catalog.txid_current_snapshot()) AS open (number) \
         WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_stat_activity AS other \
         WHERE other.datname <> pg_catalog.current_database() AND other.backend_xid = (open.number % 4294967296)::text::xid) \
         AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_prepared_xacts AS other \
         WHERE other.database <> pg_catalog.current_database() AND other.transaction = (open.number % 4294967296)::text::xid))",
    ),
    costs: Costs { row: 250.0, byte: 4.0, join: 120.0, group: 200.0, group_ordered: 120.0 },
};

static MYSQL: Rules = Rules {
    decimals: true,
    dates: true,
    timestamps: true,
    booleans: false,
    like: false,
    like_ignores_case: false,
    typed_literals: true,
    bytewise: None,
    subplans: true,
    decimal_arithmetic: true,
    bigint: Some("signed"),
    integer: None,
    decimal_cast: Some("decimal"),
    nulls_in_order: NullsInOrder::KeyBefore,
    joins_need_index: true,
    joins_by_index: true,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 500.0, byte: 6.0, join: 1200.0, group: 1500.0, group_ordered: 250.0 },
};

/// SQLite keeps decimals, dates and booleans in whatever form they were written; only what has one form there (integers,
/// reals, text) can be compared by it. Its integer arithmetic turns into reals where it would overflow.
static SQLITE: Rules = Rules {
    decimals: false,
    dates: false,
    timestamps: false,
    booleans: false,
    like: false,
    like_ignores_case: true,
    typed_literals: false,
    bytewise: None,
    subplans: true,
    decimal_arithmetic: false,
    bigint: None,
    integer: None,
    decimal_cast: None,
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: false,
    joins_by_index: true,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 400.0, byte: 3.0, join: 800.0, group: 700.0, group_ordered: 300.0 },
};

/// A lake's SQL, and DuckDB's, runs in this very process: what is read less of counts, where it is joined does not.
static LAKE: Rules = Rules {
    decimals: true,
    dates: true,
    timestamps: true,
    booleans: true,
    like: true,
    like_ignores_case: false,
    typed_literals: true,
    bytewise: None,
    subplans: false,
    decimal_arithmetic: false,
    bigint: None,
    integer: None,
    decimal_cast: None,
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: false,
    joins_by_index: true,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 0.0, byte: 1.0, join: 80.0, group: 100.0, group_ordered: 100.0 },
};

/// Spark's too, whatever its ANSI mode. Only what is compared value by value is sent; a TIMESTAMP literal there is an instant, so none is written.
static DATABRICKS: Rules = Rules {
    decimals: true,
    dates: true,
    timestamps: false,
    booleans: true,
    like: false,
    like_ignores_case: false,
    typed_literals: true,
    bytewise: None,
    subplans: false,
    decimal_arithmetic: false,
    bigint: None,
    integer: None,
    decimal_cast: None,
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: false,
    joins_by_index: false,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 300.0, byte: 5.0, join: 120.0, group: 200.0, group_ordered: 200.0 },
};

/// PostgreSQL's child and not its equal: blanks at the end of a text do not count in comparisons (its columns say so), averages of
/// integers are integers, decimals have 38 digits. What is compared value by value is sent; nothing is computed there.
static REDSHIFT: Rules = Rules {
    decimals: true,
    dates: true,
    timestamps: true,
    booleans: true,
    like: false,
    like_ignores_case: false,
    typed_literals: true,
    bytewise: None,
    subplans: false,
    decimal_arithmetic: false,
    bigint: None,
    integer: None,
    decimal_cast: None,
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: false,
    joins_by_index: false,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 400.0, byte: 6.0, join: 120.0, group: 200.0, group_ordered: 200.0 },
};

/// A number with a point is a FLOAT64 there, and a TIMESTAMP literal an instant: neither is written. Only what is compared value by
/// value is sent.
static BIGQUERY: Rules = Rules {
    decimals: false,
    dates: true,
    timestamps: false,
    booleans: true,
    like: false,
    like_ignores_case: false,
    typed_literals: true,
    bytewise: None,
    subplans: false,
    decimal_arithmetic: false,
    bigint: None,
    integer: None,
    decimal_cast: None,
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: false,
    joins_by_index: false,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 1200.0, byte: 12.0, join: 120.0, group: 200.0, group_ordered: 200.0 },
};

/// An engine nobody knows: columns are read, and compared with whole numbers and text.
static UNKNOWN: Rules = Rules {
    decimals: false,
    dates: false,
    timestamps: false,
    booleans: false,
    like: false,
    like_ignores_case: false,
    typed_literals: false,
    bytewise: None,
    subplans: false,
    decimal_arithmetic: false,
    bigint: None,
    integer: None,
    decimal_cast: None,
    nulls_in_order: NullsInOrder::Words,
    joins_need_index: true,
    joins_by_index: true,
    array_above: None,
    unsettled: None,
    costs: Costs { row: 400.0, byte: 4.0, join: 1000.0, group: 1000.0, group_ordered: 1000.0 },
};

impl Rules {
    pub(crate) fn of(adapter_type: &str) -> &'static Self {
        match adapter_type {
            "postgres" => &POSTGRES,
            "mysql" | "mariadb" => &MYSQL,
            "sqlite" => &SQLITE,
            "filesystem" | "duckdb" => &LAKE,
            "databricks" | "spark" => &DATABRICKS,
            "redshift" => &REDSHIFT,
            "bigquery" => &BIGQUERY,
            _ => &UNKNOWN,
        }
    }
}
