//! What dbt's macros rely on in a session.

use crate::support::{adapter, output, output_with, run, show};
use arrow::compute::concat_batches;
use dvt_adapter::{Adapter, ErrorClass, Fetch, QueryResult, Session};
use serde_json::json;
use std::sync::Arc;

async fn fetch(session: &mut Box<dyn Session>, sql: &str) -> Vec<String> {
    show_result(&session.execute(sql, Fetch::All).await.unwrap())
}

fn show_result(result: &QueryResult) -> Vec<String> {
    let (schema, batches) = result.rows.as_ref().unwrap();
    show(&concat_batches(schema, batches).unwrap())
}

async fn message(session: &mut Box<dyn Session>, sql: &str) -> (String, String, Option<i64>) {
    let response = session.execute(sql, Fetch::None).await.unwrap().response;
    (response.message, response.code, response.rows_affected)
}

#[tokio::test]
async fn responses_are_what_dbt_prints() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let mut session = adapter(&output(&database)).session().await.unwrap();
    let check = |actual: (String, String, Option<i64>), text: &str, code: &str, rows: Option<i64>| {
        assert_eq!(actual, (text.to_owned(), code.to_owned(), rows));
    };
    check(message(&mut session, "create table t as select 1 as a").await, "SELECT 1", "SELECT", Some(1));
    check(message(&mut session, "insert into t values (2), (3)").await, "INSERT 0 2", "INSERT", Some(2));
    check(
        message(&mut session, "create or replace view v as select * from t").await,
        "CREATE VIEW",
        "CREATE VIEW",
        Some(-1),
    );
    check(message(&mut session, "delete from t; drop view v;").await, "DROP VIEW", "DROP VIEW", Some(-1));
    let result = session.execute("insert into t values (4) returning a", Fetch::All).await.unwrap();
    assert_eq!((result.response.message.as_str(), show_result(&result)), ("INSERT 0 1", vec!["4".to_owned()]));
}

/// dbt's hooks send `commit;` and `begin` as text.
#[tokio::test]
async fn transactions_begun_and_ended_in_sql_are_known() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let mut session = adapter(&output(&database)).session().await.unwrap();
    session.begin().await.unwrap();
    session.execute("create table t (a int)", Fetch::None).await.unwrap();
    session.execute("commit;", Fetch::None).await.unwrap();
    assert!(!session.in_transaction());
    session.execute("begin; insert into t values (1)", Fetch::All).await.unwrap();
    assert!(session.in_transaction());
    session.execute("select 1/0", Fetch::All).await.unwrap_err();
    assert!(session.in_transaction(), "a failed transaction is still open");
    let error = session.commit().await.unwrap_err();
    assert!(error.message.contains("rolled back"), "{error}");
    assert!(!session.in_transaction());
    assert_eq!(fetch(&mut session, "select count(*) from t").await, ["0"]);
}

#[tokio::test]
async fn several_statements_are_one_unit() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter = adapter(&output(&database));
    run(adapter.as_ref(), "create table t (a int)").await;
    let mut session = adapter.session().await.unwrap();
    for fetch in [Fetch::None, Fetch::All] {
        let error =
            session.execute("insert into t values (1); select 'ü' as u; select nonsense", fetch).await.unwrap_err();
        assert_eq!((error.class, error.position), (ErrorClass::MissingColumn, Some(51)));
        assert!(!session.in_transaction());
    }
    assert_eq!(fetch(&mut session, "select count(*) from t").await, ["0"]);
    // VACUUM refuses to run inside a transaction block.
    session.execute("vacuum t", Fetch::All).await.unwrap();
}

#[tokio::test]
async fn types_that_are_not_read_come_as_text() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let mut session = adapter(&output(&database)).session().await.unwrap();
    let sql = "-- a comment\nselect 1 as n, 'pg_class'::regclass as r, int4range(1, 3) as r, '12.5'::money as m -- end";
    assert_eq!(fetch(&mut session, sql).await, ["1|pg_class|[1,3)|$12.50"]);
    assert_eq!(fetch(&mut session, "select pg_sleep(0)").await, [""]);
    assert_eq!(fetch(&mut session, "show search_path").await, ["\"$user\", public"]);
    let error = session.execute("select $1::int", Fetch::All).await.unwrap_err();
    assert!(error.message.contains("parameters"), "{error}");
}

/// What a session changed does not reach the next one.
#[tokio::test]
async fn a_returned_session_is_reset() {
    let Some(database) = dvt_test_support::postgres() else { return };
    database.sql("create schema landing; create role reader; grant reader to dvt; create type mood as enum ('sad')");
    let output = output_with(&database, json!({"search_path": "landing, public", "role": "reader"}));
    let adapter = adapter(&output);
    for _ in 0..3 {
        let mut session = adapter.session().await.unwrap();
        assert_eq!(
            fetch(&mut session, "select current_user, current_setting('search_path')").await,
            ["reader|landing, public"]
        );
        // An enumeration makes the driver keep statements of its own, which the reset must not drop.
        assert_eq!(fetch(&mut session, "select 'sad'::mood").await, ["sad"]);
        let left = fetch(&mut session, "select to_regclass('pg_temp.mine') is null").await;
        assert_eq!(left, ["true"]);
        session
            .execute("reset role; set search_path = public; create temp table mine (a int)", Fetch::None)
            .await
            .unwrap();
        drop(session);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn errors_say_where_and_what() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let adapter: Arc<dyn Adapter> = adapter(&output(&database));
    run(adapter.as_ref(), "create table orders (amount int not null unique)").await;
    let mut session = adapter.session().await.unwrap();
    let error = session.execute("select o.amuont from orders o", Fetch::All).await.unwrap_err();
    assert_eq!(
        (error.class, error.position, error.code.as_deref()),
        (ErrorClass::MissingColumn, Some(7), Some("42703"))
    );
    assert!(error.hint.as_deref().unwrap_or_default().contains("amount"), "{error:?}");
    session.execute("insert into orders values (42424242)", Fetch::None).await.unwrap();
    let error = session.execute("insert into orders values (42424242)", Fetch::None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Constraint);
    assert!(!format!("{error} {:?}", error.hint).contains("42424242"), "rows stay out of messages: {error}");
    let error = session.execute("select * from pg_authid; set role nobody_here", Fetch::None).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::ValueDoesNotFit, "SQLSTATE 22023 is the server's own class: {error}");
    let missing = output_with(&database, json!({"dbname": "no_such_database"}));
    let error = crate::support::adapter(&missing).session().await.err().unwrap();
    assert_eq!(error.class, ErrorClass::MissingDatabase);
}

#[tokio::test]
async fn a_unix_socket_is_a_host() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let Some(folder) = database.socket_folder() else { return };
    let adapter = adapter(&output_with(&database, json!({"host": folder})));
    let mut session = adapter.session().await.unwrap();
    assert_eq!(fetch(&mut session, "select inet_client_addr() is null").await, ["true"]);
}
