use super::split_statements;
use crate::{DATABRICKS, Dialect, MARIADB, POSTGRES, SQLITE};

fn check(dialect: &Dialect, sql: &str, expected: &[&str]) {
    let statements = split_statements(sql, dialect);
    let texts: Vec<&str> = statements.iter().map(|statement| statement.text).collect();
    assert_eq!(texts, expected, "{} {sql}", dialect.name);
    for statement in statements {
        assert!(sql[statement.start..].starts_with(statement.text), "offset of {}", statement.text);
    }
}

#[test]
fn semicolons_end_statements() {
    check(&POSTGRES, "select 1; select 2 ;\n", &["select 1", "select 2"]);
    check(&POSTGRES, "select 1", &["select 1"]);
    check(&POSTGRES, ";;  ; -- nothing\n /* at all; */ ;", &[]);
    check(&POSTGRES, "", &[]);
    check(&POSTGRES, "-- first;\nselect 1 -- last;", &["-- first;\nselect 1 -- last;"]);
}

#[test]
fn quotes_and_comments_hide_semicolons() {
    check(&POSTGRES, "select ';', \"a;\"\"b\", 'it''s;'; x", &["select ';', \"a;\"\"b\", 'it''s;'", "x"]);
    check(&POSTGRES, "select '\\'; select 2", &["select '\\'", "select 2"]);
    check(&POSTGRES, "select e'\\';'; select 2", &["select e'\\';'", "select 2"]);
    check(&POSTGRES, "select /* a /* b; */ c; */ 1; select 2", &["select /* a /* b; */ c; */ 1", "select 2"]);
    check(&MARIADB, "select '\\';', \"x;\", `y;`; select 2", &["select '\\';', \"x;\", `y;`", "select 2"]);
    check(&MARIADB, "select 1 --2; # c;\n; select 3", &["select 1 --2", "select 3"]);
    check(&MARIADB, "/*!40101 set names utf8 */; select 1", &["/*!40101 set names utf8 */", "select 1"]);
    check(
        &DATABRICKS,
        "select 'it\\'s;', \"x\\\";\", `y;`, a[1]; select 2",
        &["select 'it\\'s;', \"x\\\";\", `y;`, a[1]", "select 2"],
    );
    check(&DATABRICKS, "select r'c:\\'; select 1 --2;\n; select 3", &["select r'c:\\'", "select 1 --2;", "select 3"]);
    check(&SQLITE, "select [a;b]; select 2", &["select [a;b]", "select 2"]);
    check(&POSTGRES, "select 'never closed; select 2", &["select 'never closed; select 2"]);
}

#[test]
fn dollar_quotes_hide_semicolons() {
    check(&POSTGRES, "do $$ begin x; end $$; select 2", &["do $$ begin x; end $$", "select 2"]);
    check(&POSTGRES, "do $a$ x; $$ y; $$ $a$; select 2", &["do $a$ x; $$ y; $$ $a$", "select 2"]);
    check(&POSTGRES, "select $1; select a$b; select 3", &["select $1", "select a$b", "select 3"]);
    check(&POSTGRES, "do $$ never closed; x", &["do $$ never closed; x"]);
}

#[test]
fn bodies_and_parentheses_hide_semicolons() {
    check(
        &POSTGRES,
        "create function f() returns int begin atomic select 1; select case when a then 1 end; end; select 2",
        &["create function f() returns int begin atomic select 1; select case when a then 1 end; end", "select 2"],
    );
    check(
        &SQLITE,
        "create temp trigger t after insert on x begin delete from y; end; select 1",
        &["create temp trigger t after insert on x begin delete from y; end", "select 1"],
    );
    check(
        &MARIADB,
        "create procedure p() begin if a then set x = 1; end if; set y = 2; end; select 1",
        &["create procedure p() begin if a then set x = 1; end if; set y = 2; end", "select 1"],
    );
    check(
        &POSTGRES,
        "create rule r as on insert to t do (a; b); select 1",
        &["create rule r as on insert to t do (a; b)", "select 1"],
    );
    check(
        &POSTGRES,
        "begin; select case when true then 1 end; end; select 1",
        &["begin", "select case when true then 1 end", "end", "select 1"],
    );
}
