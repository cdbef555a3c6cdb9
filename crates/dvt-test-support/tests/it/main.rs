//! The servers start, answer, and give each test a database of its own.

use dvt_test_support::{mysql, postgres};

#[test]
fn postgres_answers() {
    let Some(database) = postgres() else { return };
    assert_eq!(database.sql("select current_database(), 1 + 1"), format!("{}\t2\n", database.database));
}

#[test]
fn two_postgres_databases_are_apart() {
    let (Some(one), Some(two)) = (postgres(), postgres()) else {
        return;
    };
    one.sql("create table only_here (x int)");
    assert_eq!(two.sql("select to_regclass('only_here') is null"), "t\n");
}

#[test]
fn mysql_answers() {
    let Some(database) = mysql() else { return };
    assert_eq!(database.sql("select database(), 1 + 1"), format!("{}\t2\n", database.database));
}

#[test]
fn a_dropped_database_is_gone() {
    let (Some(kept), Some(dropped)) = (mysql(), mysql()) else {
        return;
    };
    let name = dropped.database.clone();
    drop(dropped);
    assert_eq!(
        kept.sql(&format!("select count(*) from information_schema.schemata where schema_name = '{name}'")),
        "0\n"
    );
}
