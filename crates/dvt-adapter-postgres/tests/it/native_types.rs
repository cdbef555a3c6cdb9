//! PostgreSQL's own types: read as documented, written back as they were, or refused by name.

use crate::support::{adapter, describe, extract, load, load_as, output, run, schema_of, show};
use arrow::array::{ArrayRef, Decimal128Array, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use dvt_adapter::{Adapter, ErrorClass, TextComparison};
use std::sync::Arc;

const EVERYTHING: &str = r#"
create type mood as enum ('sad', 'it''s fine', 'happy');
create domain small_price as numeric(8,2) check (value >= 0);
create domain smaller_price as small_price;
create collation nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create table everything (
    a_bool boolean, a_int2 smallint not null, a_int4 integer, a_int8 bigint, a_oid oid,
    a_float4 real, a_float8 double precision,
    a_numeric numeric, a_numeric_12_3 numeric(12,3), a_numeric_50_10 numeric(50,10), a_numeric_neg numeric(3,-2),
    a_price smaller_price,
    a_text text, a_varchar varchar(7), a_char char(5), a_name name, a_byte "char", a_loose text collate nocase,
    a_c text collate "C", a_bytea bytea,
    a_date date, a_time time, a_timetz timetz, a_timestamp timestamp, a_timestamptz timestamptz(3), a_interval interval,
    a_uuid uuid, a_json json, a_jsonb jsonb, a_xml xml, a_mood mood,
    a_inet inet, a_cidr cidr, a_mac macaddr, a_bit bit(5), a_varbit varbit,
    an_int_array int4[], a_text_array text[], a_numeric_array numeric(6,2)[], a_mood_array mood[]
);
insert into everything values (
    true, -32768, 2147483647, -9223372036854775808, 4294967295,
    1.5, 'NaN',
    12345678901234567890.0987654321, -999999999.999, 1234567890123456789012345678901234567890.0123456789, 12300,
    19.99,
    E'tab\t"quote" \\ 🦀', 'ünïcödé', 'ab', 'a_name', 'x', 'Loose', 'Plain', '\x00ff10',
    '0001-01-01', '23:59:59.999999', '12:34:56.7+05:30', '9999-12-31 23:59:59.999999', '2024-02-29 12:00:00.123+02',
    '1 year 2 mons -3 days 04:05:06.789',
    'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{"b": 1,  "a": [true, null]}', '{"b": 1,  "a": [true, null]}',
    '<a>x</a>', 'it''s fine',
    '192.168.1.7/24', '2001:db8::/32', '08:00:2b:01:02:03', B'10110', B'101',
    '{1,NULL,-3}', '{a,"b,c",NULL,""}', '{1.50,-2}', '{happy,sad}'
);
insert into everything (a_int2) values (0);
"#;

#[tokio::test]
async fn everything_is_read_as_documented() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    run(adapter.as_ref(), EVERYTHING).await;
    let columns = describe(adapter.as_ref(), "everything").await;
    let natives: Vec<&str> = columns.iter().map(|column| column.native_type.as_str()).collect();
    assert_eq!(natives[7..12], ["numeric", "numeric(12,3)", "numeric(50,10)", "numeric(3,-2)", "numeric(8,2)"]);
    assert_eq!(natives[13..15], ["character varying(7)", "character(5)"]);
    assert!(!columns[1].field.as_ref().unwrap().is_nullable() && columns[2].field.as_ref().unwrap().is_nullable());
    let of = |name: &str| &columns.iter().find(|column| column.name == name).unwrap().comparison;
    assert_eq!(of("a_int4"), &TextComparison::Binary);
    assert_eq!(of("a_c"), &TextComparison::Binary);
    assert_eq!(of("a_loose"), &TextComparison::Loose { collation: "nocase".to_owned() });
    assert_eq!(of("a_char"), &TextComparison::Loose { collation: "blank-padded".to_owned() });
    assert_eq!(of("a_mood"), &TextComparison::BinaryEquality);

    let rows =
        extract(adapter.as_ref(), "select * from everything order by a_int2", schema_of(&columns)).await.unwrap();
    let expected = [
        "true|-32768|2147483647|-9223372036854775808|4294967295|1.5|NaN",
        "12345678901234567890.0987654321000000000000000000|-999999999.999|1234567890123456789012345678901234567890.0123456789|12300|19.99",
        "tab\t\"quote\" \\ 🦀|ünïcödé|ab|a_name|x|Loose|Plain|00ff10",
        "0001-01-01|23:59:59.999999|12:34:56.7+05:30|9999-12-31T23:59:59.999999|2024-02-29T10:00:00.123Z|14 mons -3 days 4 hours 5 mins 6.789000000 secs",
        r#"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|{"b": 1,  "a": [true, null]}|{"a": [true, null], "b": 1}|<a>x</a>|it's fine"#,
        "192.168.1.7/24|2001:db8::/32|08:00:2b:01:02:03|10110|101",
        "[1, ∅, -3]|[a, b,c, ∅, ]|[1.50, -2.00]|[happy, sad]",
    ];
    let shown = show(&rows);
    assert_eq!(shown[0], expected.join("|"));
    assert_eq!(shown[1], format!("∅|0{}", "|∅".repeat(38)));

    // And back into a table of the same types, compared by the server.
    load(adapter.as_ref(), "copied", rows).await.unwrap();
    let natives_of_copy: Vec<String> =
        describe(adapter.as_ref(), "copied").await.into_iter().map(|column| column.native_type).collect();
    let expected: Vec<String> = natives.iter().map(|native| native.replace("mood", "text")).collect();
    assert_eq!(natives_of_copy, expected);
    let differences = database
        .sql("select count(*) from (select t::text from everything t except select t::text from copied t) as d");
    assert_eq!(differences, "0\n");
}

async fn refused(adapter: &Arc<dyn Adapter>, table: &str, sql_type: &str, value: &str, problem: &str) {
    run(adapter.as_ref(), &format!("create table {table} (\"Odd\" {sql_type}); insert into {table} values ({value})"))
        .await;
    let schema = schema_of(&describe(adapter.as_ref(), table).await);
    let error = extract(adapter.as_ref(), &format!("select * from {table}"), schema).await.unwrap_err();
    assert_eq!((error.class, error.column.as_deref()), (ErrorClass::ValueDoesNotFit, Some("Odd")), "{error}");
    assert!(error.message.contains(problem), "{error}");
}

#[tokio::test]
async fn values_without_an_equal_are_refused_and_never_null() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    refused(&adapter, "t1", "numeric", "'NaN'", "is NaN").await;
    refused(&adapter, "t2", "numeric", "'-Infinity'", "is infinite").await;
    refused(&adapter, "t3", "numeric(10,2)", "'NaN'", "is NaN").await;
    refused(&adapter, "t4", "numeric", "1e-29", "more digits after the point").await;
    refused(&adapter, "t5", "numeric", "1e48", "too many digits").await;
    refused(&adapter, "t6", "date", "'infinity'", "infinite date").await;
    refused(&adapter, "t7", "timestamptz", "'-infinity'", "infinite timestamp").await;
    refused(&adapter, "t8", "time", "'24:00'", "24:00:00").await;
    refused(&adapter, "t9", "int[]", "'{{1,2},{3,4}}'", "more than one dimension").await;
    refused(&adapter, "t10", "interval", "'10000000 hours'", "292 years").await;
}

#[tokio::test]
async fn types_without_a_binary_form_of_ours_travel_as_the_text_that_the_server_reads() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    run(
        adapter.as_ref(),
        "create type pair as (x int, y text);
         create table odd (id int4, amount money, span int4range, at point, words tsvector, two pair, many money[]);
         insert into odd values (1, '12.50', '[1,5)', '(1.5,-2)', 'a fat cat', row(1, 'o,\"k'), '{1.00,NULL}');
         insert into odd (id) values (2)",
    )
    .await;
    let columns = describe(adapter.as_ref(), "odd").await;
    assert!(columns[1..].iter().all(|column| matches!(column.comparison, TextComparison::Loose { .. })), "{columns:?}");
    let rows = extract(adapter.as_ref(), "select * from odd order by id", schema_of(&columns)).await.unwrap();
    let shown = show(&rows);
    assert!(shown[0].contains("|[1,5)|(1.5,-2)|'a' 'cat' 'fat'|"), "{shown:?}");
    assert_eq!(shown[1], format!("2{}", "|∅".repeat(6)));
    load(adapter.as_ref(), "copied", rows).await.unwrap();
    let natives: Vec<String> =
        describe(adapter.as_ref(), "copied").await.into_iter().map(|column| column.native_type).collect();
    // A type of the user's may not be there.
    assert_eq!(natives, ["integer", "money", "int4range", "point", "tsvector", "text", "money[]"]);
    let differences =
        database.sql("select count(*) from (select t::text from odd t except select t::text from copied t) as d");
    assert_eq!(differences, "0\n");
}

#[tokio::test]
async fn queries_are_described_with_modifiers_and_collations() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    run(adapter.as_ref(), EVERYTHING).await;
    let sql = "select a_numeric_12_3, a_varchar, a_numeric_12_3 * 2 as doubled, a_price, a_loose, lower(a_c) as low, a_mood \
               from everything;";
    let columns = adapter.describe_query(sql).await.unwrap();
    let shown: Vec<String> = columns.iter().map(|column| format!("{} {}", column.name, column.native_type)).collect();
    assert_eq!(
        shown,
        [
            "a_numeric_12_3 numeric(12,3)",
            "a_varchar character varying(7)",
            "doubled numeric",
            "a_price numeric(8,2)",
            "a_loose text",
            "low text",
            "a_mood mood",
        ]
    );
    assert!(matches!(columns[4].comparison, TextComparison::Loose { .. }));
    assert_eq!(columns[5].comparison, TextComparison::BinaryEquality);
    let error = adapter.describe_query("select ünknown from everything").await.unwrap_err();
    assert_eq!((error.class, error.position), (ErrorClass::MissingColumn, Some(7)));
    let error = adapter.describe_query("select 'ü', unknown from everything").await.unwrap_err();
    assert_eq!(error.position, Some(13), "bytes, not characters");
}

#[tokio::test]
async fn another_database_is_refused_by_name() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    let name = dvt_adapter::RelationName::new(Some("elsewhere"), Some("public"), "t");
    let error = adapter.describe(&[name]).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::MissingDatabase);
    assert!(error.message.contains("elsewhere"), "{error}");
}

/// PostgreSQL itself would round or cut some of these.
#[tokio::test]
async fn a_load_rounds_nothing() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    let instant: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![None, Some(1_500_000)]));
    let price: ArrayRef = Arc::new(Decimal128Array::from(vec![125]).with_precision_and_scale(10, 2).unwrap());
    let text: ArrayRef = Arc::new(StringArray::from(vec!["ab  "]));
    let ratio: ArrayRef = Arc::new(Float64Array::from(vec![0.1]));
    let nul: ArrayRef = Arc::new(StringArray::from(vec!["a\0b"]));
    let cases = [
        (&instant, "timestamp(0)"),
        (&instant, "timestamptz"),
        (&price, "numeric(10,1)"),
        (&price, "integer"),
        (&text, "varchar(3)"),
        (&text, "uuid"),
        (&ratio, "real"),
        (&nul, "text"),
    ];
    for (column, column_type) in cases {
        let batch = RecordBatch::try_from_iter([("Odd", Arc::clone(column))]).unwrap();
        let error = load_as(adapter.as_ref(), "odd", batch, &[column_type.to_owned()]).await.unwrap_err();
        assert_eq!(error.column.as_deref(), Some("Odd"), "{column_type}: {error}");
        let expected =
            if column_type == "timestamptz" { ErrorClass::UnsupportedType } else { ErrorClass::ValueDoesNotFit };
        assert_eq!(error.class, expected, "{column_type}: {error}");
        assert_eq!(database.sql("select to_regclass('odd') is null"), "t\n", "{column_type}");
    }
    let fits = [(&instant, "timestamp(1)"), (&price, "numeric(10,2)"), (&price, "numeric"), (&text, "varchar(4)")];
    for (index, (column, column_type)) in fits.into_iter().enumerate() {
        let batch = RecordBatch::try_from_iter([("Odd", Arc::clone(column))]).unwrap();
        load_as(adapter.as_ref(), &format!("even_{index}"), batch, &[column_type.to_owned()]).await.unwrap();
    }
    assert_eq!(database.sql("select \"Odd\" from even_2"), "1.25\n");
    assert_eq!(database.sql("select \"Odd\" || '|' from even_3"), "ab  |\n");
}

/// Text that a user configured another type for is parsed as strictly.
#[tokio::test]
async fn text_is_loaded_into_other_types_exactly() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    let text = |value: &str| Arc::new(StringArray::from(vec![Some(value), None])) as ArrayRef;
    let batch = RecordBatch::try_from_iter([
        ("a", text("00123")),
        ("b", text("12.50")),
        ("c", text("2024-02-29")),
        ("d", text("true")),
        ("e", text("2024-02-29 12:34:56.789")),
        ("f", text("00123")),
    ])
    .unwrap();
    let types = ["integer", "numeric(6,2)", "date", "boolean", "timestamp", "varchar(5)"].map(str::to_owned);
    load_as(adapter.as_ref(), "parsed", batch, &types).await.unwrap();
    let rows = database.sql("select * from parsed where a is not null");
    assert_eq!(rows, "123\t12.50\t2024-02-29\tt\t2024-02-29 12:34:56.789\t00123\n");
}
