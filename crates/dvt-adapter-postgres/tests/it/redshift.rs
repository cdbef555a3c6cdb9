//! The Redshift half, against a PostgreSQL that plays it.

use crate::support::{describe, extract, load, run, schema_of, show};
use dvt_adapter::conformance::{Engine, Subject};
use dvt_adapter::{Adapter, ErrorClass, Fetch, TextComparison, Witness};
use dvt_adapter_postgres::RedshiftAdapter;
use dvt_test_support::TestDatabase;
use serde_json::{Value, json};
use std::sync::Arc;

fn adapter(database: &TestDatabase, changes: Value) -> Arc<dyn Adapter> {
    let mut output = json!({
        "type": "redshift", "host": database.host, "port": database.port, "user": database.user,
        "password": database.password, "dbname": database.database, "schema": "public", "retries": 0, "sslmode": "disable",
    });
    for (key, value) in changes.as_object().unwrap() {
        output[key] = value.clone();
    }
    Arc::new(RedshiftAdapter::from_profile("warehouse", output.as_object().unwrap()).unwrap())
}

fn subject() -> Option<Subject> {
    let database = dvt_test_support::redshift()?;
    Some(Subject {
        adapter: adapter(&database, json!({})),
        database: Some(database.database.clone()),
        schema: Some("public".to_owned()),
        wrong_password: Some(adapter(&database, json!({"password": "not-the-password"}))),
        unreachable: Some(adapter(&database, json!({"port": dvt_test_support::closed_port()}))),
        password: Some(database.password.clone()),
        engine: Engine {
            numbers: |count| format!("select generate_series(1::int8, {count}) as n"),
            slow_statement: "select pg_sleep(120)",
            refuses: &["decimal_60_20", "interval", "list_of_integers", "list_of_texts"],
            refuses_values: &["timestamp_nanosecond", "text_long", "numeric"],
            skips: &[],
        },
        keep: Box::new(database),
    })
}

dvt_adapter::conformance!(subject);

#[tokio::test]
async fn native_types_are_read_and_recreated() {
    let Some(database) = dvt_test_support::redshift() else { return };
    let adapter = adapter(&database, json!({}));
    run(
        &*adapter,
        r#"create table t (b boolean, r real, d double precision, n numeric(38,3), c character(5), v varchar(9), s super,
             x varbyte(9), ts timestamp, tz timestamptz, ti time, ttz timetz);
           insert into t values (true, 0.1, 0.1, -0.5, 'ab', 'it''s\\', '{"a": 1.50}', '\\x00ff', '0044-03-15 12:00:00.25 BC',
             '2024-01-01 00:00:00+02', '23:59:59.5', '12:00:00-05:30'), (null, null, null, null, null, null, null, null, null, null, null, null)"#,
    )
    .await;
    let columns = describe(&*adapter, "t").await;
    let natives: Vec<&str> = columns.iter().map(|column| column.native_type.as_str()).collect();
    assert_eq!(
        natives,
        [
            "boolean",
            "real",
            "double precision",
            "numeric(38,3)",
            "character(5)",
            "character varying(9)",
            "super",
            "varbyte(9)",
            "timestamp without time zone",
            "timestamp with time zone",
            "time without time zone",
            "time with time zone",
        ]
    );
    assert_eq!(columns[5].comparison, TextComparison::Loose { collation: "blank-padded".to_owned() });
    assert_eq!(columns[0].comparison, TextComparison::Binary);
    let rows = extract(&*adapter, "select * from public.t order by b", schema_of(&columns)).await.unwrap();
    let expected = [
        r#"true|0.1|0.1|-0.500|ab|it's\|{"a": 1.50}|00ff|-0043-03-15T12:00:00.250|2023-12-31T22:00:00Z|23:59:59.500|12:00:00-05:30"#,
        "∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅|∅",
    ];
    assert_eq!(show(&rows), expected);
    load(&*adapter, "again", rows).await.unwrap();
    let again = describe(&*adapter, "again").await;
    assert_eq!(again.iter().map(|column| column.native_type.as_str()).collect::<Vec<_>>(), natives);
    let rows = extract(&*adapter, "select * from public.again order by b", schema_of(&again)).await.unwrap();
    assert_eq!(show(&rows), expected);
}

/// What stands in text for a number is the same number, however many digits it takes.
#[tokio::test]
async fn floats_are_read_with_all_their_digits_and_texts_of_floats_as_ever() {
    let Some(database) = dvt_test_support::redshift() else { return };
    // As Redshift writes floats by itself.
    database
        .sql("do $$ begin execute format('alter database %I set extra_float_digits = 0', current_database()); end $$");
    let adapter = adapter(&database, json!({}));
    run(
        &*adapter,
        "create table t (d double precision, r real); insert into t values (1e0/3, 1e0/3), (0.1::float8 + 0.2::float8, 16777217)",
    )
    .await;
    let columns = describe(&*adapter, "t").await;
    let rows = extract(&*adapter, "select d, r from public.t order by d desc;", schema_of(&columns)).await.unwrap();
    assert_eq!(show(&rows), ["0.3333333333333333|0.33333334", "0.30000000000000004|16777216.0"]);
    let mut session = adapter.session().await.unwrap();
    let texts = session.execute("select d::text from t order by d", Fetch::All).await.unwrap();
    let (schema, batches) = texts.rows.unwrap();
    assert_eq!(show(&arrow::compute::concat_batches(&schema, &batches).unwrap()), ["0.3", "0.333333333333333"]);
}

#[tokio::test]
async fn responses_are_dbts_and_rows_are_counted() {
    let Some(database) = dvt_test_support::redshift() else { return };
    let mut session = adapter(&database, json!({})).session().await.unwrap();
    for (sql, rows) in [("create table t (a int)", -1), ("insert into t values (1), (2)", 2), ("delete from t", 2)] {
        let response = session.execute(sql, Fetch::None).await.unwrap().response;
        assert_eq!((response.message.as_str(), response.rows_affected), ("SUCCESS", Some(rows)), "{sql}");
    }
    let result = session.execute("select 1 as a, null::point as p, '(1,2)'::point as q", Fetch::All).await.unwrap();
    let (schema, batches) = result.rows.unwrap();
    assert_eq!(show(&arrow::compute::concat_batches(&schema, &batches).unwrap()), ["1|∅|(1,2)"]);
}

/// The connection is cut between the request to commit and its answer, or before the request.
#[tokio::test]
async fn a_commit_that_was_not_answered_is_found_out_about() {
    let Some(database) = dvt_test_support::redshift() else { return };
    database
        .sql("create table t (a int); create table w (row_left bigint); insert into w select generate_series(0, 15)");
    let adapter = adapter(&database, json!({}));
    let mut witness =
        Witness { relation: dvt_adapter::RelationName::new(Some(&database.database), Some("public"), "w"), rows: 16 };
    let mut session = adapter.session().await.unwrap();
    session.begin().await.unwrap();
    session.execute("insert into t values (1)", Fetch::None).await.unwrap();
    session.commit_witnessed(&mut witness).await.unwrap();
    assert_eq!((witness.rows, database.sql("select count(*) from w").trim()), (15, "15"));
    // Lost: the server ends the session before the commit, so it was rolled back.
    session.begin().await.unwrap();
    let pid = session.execute("insert into t values (2); select pg_backend_pid()", Fetch::All).await.unwrap();
    let (schema, batches) = pid.rows.unwrap();
    let pid = show(&arrow::compute::concat_batches(&schema, &batches).unwrap()).remove(0);
    database.sql(&format!("create function stop_at_commit() returns trigger language plpgsql as $$ begin \
         perform pg_terminate_backend({pid}); return null; end $$; \
         create constraint trigger stop after delete on w deferrable initially deferred for each row execute function stop_at_commit()"));
    let lost = session.commit_witnessed(&mut witness).await.unwrap_err();
    assert_eq!(lost.class, ErrorClass::ConnectionLost, "{lost}");
    assert!(lost.message.contains("rolled back"), "{lost}");
    assert_eq!((witness.rows, database.sql("select count(*) from t").trim()), (15, "1"));
}

#[tokio::test]
async fn what_is_elsewhere_is_told() {
    let Some(database) = dvt_test_support::redshift() else { return };
    let other = dvt_adapter::RelationName::new(Some("other_db"), Some("public"), "t");
    let refused = adapter(&database, json!({})).describe(std::slice::from_ref(&other)).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::MissingDatabase);
    assert!(refused.hint.as_deref().unwrap_or_default().contains("ra3_node: true"), "{refused}");
    // On RA3 nodes the views of all databases are asked.
    database.sql(
        "set search_path = redshift_catalog; \
         create view svv_all_tables as select 'other_db' as database_name, 'public' as schema_name, 't' as table_name, 'TABLE' as table_type; \
         create view svv_all_columns as select 'other_db' as database_name, 'public' as schema_name, 't' as table_name, 'id' as column_name, \
           1 as ordinal_position, 'YES' as is_nullable, 'character varying(7)' as data_type, null::int as character_maximum_length, \
           null::int as numeric_precision, null::int as numeric_scale",
    );
    let found = adapter(&database, json!({"ra3_node": true})).describe(&[other]).await.unwrap().remove(0).unwrap();
    assert_eq!(found.columns[0].native_type, "character varying(7)");
}
