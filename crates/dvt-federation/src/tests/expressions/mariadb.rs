//! The oracle of MariaDB: each expression makes a table, whose columns tell the type.

use super::{Author, ROWS, Wanted, columns, compare, listed};
use arrow::datatypes::DataType;
use dvt_sql::MARIADB;
use std::collections::BTreeMap;

#[test]
fn expressions_give_what_mariadb_gives() {
    let Some(database) = dvt_test_support::mysql() else { return };
    let own = std::env::var("DVT_EXPRESSIONS_MARIADB").ok();
    let expressions = listed(own.as_deref().unwrap_or(include_str!("mariadb.txt")));
    let columns: Vec<_> = columns()
        .into_iter()
        .map(|(name, sql, data_type, values)| {
            let sql = match sql {
                "text" => "varchar(60)",
                "timestamp" => "datetime(6)",
                "double precision" => "double",
                other => other,
            };
            (name, sql, data_type, values)
        })
        // Its booleans are numbers.
        .filter(|(.., data_type, _)| *data_type != DataType::Boolean)
        .collect();
    let names: Vec<String> = columns.iter().map(|(name, sql, ..)| format!("{name} {sql}")).collect();
    let mut script = format!("set sql_mode = ''; create table v (row_no int, {});\n", names.join(", "));
    for row in 0..ROWS {
        let values: Vec<String> = columns
            .iter()
            .map(|(.., values)| match row + 1 == ROWS {
                true => "null".to_owned(),
                false => format!("'{}'", values[row].replace('T', " ").replace('\'', "''")),
            })
            .collect();
        script += &format!("insert into v values ({row}, {});\n", values.join(", "));
    }
    script += "create table r (e int, row_no int, is_null int, v text, t text, failed text);\n\
        delimiter //\n\
        create procedure one(i int, t text) begin\n\
          declare exit handler for sqlexception begin get diagnostics condition 1 @m = message_text; \
            insert into r select i, row_no, 0, '', '', @m from v; end;\n\
          set @made = concat('create or replace table x as select row_no, (', t, ') as value from v order by row_no');\n\
          execute immediate @made;\n\
          insert into r select i, row_no, value is null, coalesce(cast(value as char), ''), \
            (select data_type from information_schema.columns where table_schema = database() and table_name = 'x' and column_name = 'value'), null from x;\n\
        end //\n\
        delimiter ;\n";
    for (index, expression) in expressions.iter().enumerate() {
        script += &format!(
            "call one({index}, '{}');\n",
            expression.trim_start_matches('!').replace('\\', "\\\\").replace('\'', "''")
        );
    }
    script += "select e, row_no, is_null, replace(replace(v, '\\n', ' '), '\\t', ' '), t, failed is not null, \
        coalesce(failed, '') from r order by e, row_no;";
    let mut wanted: BTreeMap<(usize, usize), Wanted> = BTreeMap::new();
    for line in database.sql(&script).lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [index, row, is_null, value, data_type, failed, message] = cells[..] else { continue };
        let found = match failed {
            "1" => Err(message.to_owned()),
            _ => Ok(((is_null == "0").then(|| value.to_owned()), data_type.to_owned())),
        };
        wanted.insert((index.parse().unwrap(), row.parse().unwrap()), found);
    }
    compare(&Author { dialect: &MARIADB, columns }, &expressions, &wanted, |data_type| {
        match data_type {
            // How wide an integer is depends on the digits that it may have.
            "int" | "bigint" | "tinyint" | "smallint" | "mediumint" => "whole",
            "decimal" => "numeric",
            "double" => "double precision",
            "varchar" | "char" | "text" | "longtext" | "mediumtext" | "tinytext" => "text",
            "datetime" | "timestamp" => "timestamp without time zone",
            other => other,
        }
        .to_owned()
    });
}
