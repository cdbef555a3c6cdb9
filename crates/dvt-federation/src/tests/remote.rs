//! What is sent where several relations of one connection meet, per engine.

use crate::{CatalogRelation, FederatedPlan, PlanRequest, Pushdown, plan_query};
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    ColumnDescription, ColumnStatistics, KeyDescription, LogicalType, RelationDescription, RelationKind, RelationName,
    Statistics, TextComparison, with_types,
};
use dvt_sql::{Dialect, MARIADB, POSTGRES, SQLITE};

/// A connection of each kind: how it is called, and how its text compares.
const CONNECTIONS: [(&str, &str, &Dialect); 4] =
    [("pg", "postgres", &POSTGRES), ("other", "postgres", &POSTGRES), ("my", "mariadb", &MARIADB), ("lite", "sqlite", &SQLITE)];

/// `(name, type, different values)` of the columns of `orders`, `customers` and `nations`, in every connection.
type Columns = &'static [(&'static str, DataType, f64)];

const ORDERS: Columns = &[
    ("o_id", DataType::Int64, 1_000_000.0),
    ("o_customer", DataType::Int64, 100_000.0),
    ("o_total", DataType::Decimal128(15, 2), 900_000.0),
    ("o_tax", DataType::Decimal128(15, 2), 10.0),
    ("o_lines", DataType::Int32, 7.0),
    ("o_day", DataType::Date32, 2000.0),
    ("o_share", DataType::Float64, 500_000.0),
    ("o_status", DataType::Utf8, 3.0),
    ("o_comment", DataType::Utf8, 999_000.0),
];
const CUSTOMERS: Columns = &[
    ("c_id", DataType::Int64, 100_000.0),
    ("c_nation", DataType::Int64, 25.0),
    ("c_name", DataType::Utf8, 100_000.0),
    ("c_since", DataType::Timestamp(TimeUnit::Microsecond, None), 90_000.0),
];
const NATIONS: Columns = &[("n_id", DataType::Int64, 25.0), ("n_name", DataType::Utf8, 25.0)];

fn relation(connection: &str, adapter_type: &str, dialect: &'static Dialect, name: &str, columns: Columns) -> CatalogRelation {
    let comparison = |data_type: &DataType| match (adapter_type, data_type) {
        ("postgres", DataType::Utf8) => TextComparison::BinaryEquality,
        ("mariadb", DataType::Utf8) => TextComparison::Loose { collation: "utf8mb4_general_ci".to_owned() },
        ("sqlite", DataType::Date32 | DataType::Timestamp(..)) => {
            TextComparison::Loose { collation: "stored as text or number".to_owned() }
        }
        _ => TextComparison::Binary,
    };
    let rows = match name {
        "orders" => 1_000_000,
        "customers" => 100_000,
        _ => 25,
    };
    let known = |distinct: f64| ColumnStatistics { distinct: Some(distinct), nulls: None, width: None };
    let logical = |data_type: &DataType| (*data_type == DataType::Utf8).then_some(LogicalType::Varchar(40));
    CatalogRelation {
        sql_name: [connection, "s", name].map(str::to_owned).to_vec(),
        connection: connection.to_owned(),
        adapter_type: adapter_type.to_owned(),
        dialect,
        description: RelationDescription {
            name: RelationName::new(None, Some("s"), name),
            kind: RelationKind::Table,
            columns: columns
                .iter()
                .map(|(name, data_type, _)| ColumnDescription {
                    name: (*name).to_owned(),
                    native_type: "x".to_owned(),
                    field: Ok(with_types(
                        Field::new(*name, data_type.clone(), false),
                        adapter_type,
                        "x",
                        logical(data_type),
                    )),
                    comparison: comparison(data_type),
                })
                .collect(),
            statistics: Statistics {
                rows: Some(rows),
                bytes: None,
                columns: columns.iter().map(|(name, _, distinct)| ((*name).to_owned(), known(*distinct))).collect(),
                keys: vec![KeyDescription { columns: vec![columns[0].0.to_owned()], is_unique: true }],
            },
        },
        display_name: format!("{connection}.{name}"),
    }
}

fn planned(sql: &str) -> FederatedPlan {
    let relations = CONNECTIONS
        .iter()
        .flat_map(|(connection, adapter_type, dialect)| {
            [("orders", ORDERS), ("customers", CUSTOMERS), ("nations", NATIONS)]
                .map(|(name, columns)| relation(connection, adapter_type, dialect, name, columns))
        })
        .collect();
    let request = PlanRequest { sql, dialect: &POSTGRES, relations, limit: None, pushdown: Pushdown::Whole };
    plan_query(request).unwrap_or_else(|error| panic!("{sql}: {error}"))
}

fn sent(sql: &str) -> Vec<String> {
    planned(sql).extracts.iter().map(|extract| format!("{}: {}", extract.connection, extract.sql)).collect()
}

#[track_caller]
fn check(sql: &str, expected: &[&str]) {
    let sent = sent(sql);
    if expected.is_empty() { println!("SENT {sql}\n    {}", sent.join("\n    ")); return; }
    assert_eq!(sent, expected, "{sql}\n{}", sent.join("\n"));
}

#[test]
fn explore() {
    for sql in [
        // left joins
        "select c_id, o_id, n_name from pg.s.customers left join pg.s.orders on o_customer = c_id and o_total > 5 join my.s.nations on n_id = c_nation where c_id < 100",
        "select c_id, o_id, n_name from my.s.nations left join (pg.s.customers join pg.s.orders on o_customer = c_id and c_id < 50) on n_id = c_nation",
        "select c_id, o_id from pg.s.customers left join (select * from pg.s.orders where o_total > 3) o on o_customer = c_id join my.s.nations on n_id = c_nation where o_id is null and c_id < 100",
        // mariadb: by an index, and not
        "select c_name, o_total, n_name from my.s.orders join my.s.customers on o_customer = c_id join pg.s.nations on n_id = c_nation where o_day = date '2024-01-01'",
        "select a.o_id, b.o_id as other from my.s.orders a join my.s.orders b on a.o_day = b.o_day join pg.s.nations on n_id = a.o_lines where a.o_id < 10",
        "select c_id, n.n_id from my.s.customers join my.s.nations m on m.n_name = c_name join pg.s.nations n on n.n_id = c_nation",
        // sqlite
        "select c_name, o_lines, n_name from lite.s.orders join lite.s.customers on o_customer = c_id join pg.s.nations on n_id = c_nation where o_id < 1000",
        "select c_name, o_lines, n_name from lite.s.orders join lite.s.customers on o_customer = c_id join pg.s.nations on n_id = c_nation where o_day = date '2024-01-01'",
        // groups
        "select n_name, t.* from my.s.nations join (select o_lines, count(*) as n, count(o_status) as c, count(distinct o_status) as d, sum(o_lines) as s, sum(o_id) as b, avg(o_total) as a, min(o_day) as least, max(o_comment) as most from pg.s.orders group by o_lines) t on t.o_lines = n_id",
        "select n_name, t.* from pg.s.nations join (select o_lines, count(*) as n, count(o_status) as c, sum(o_lines) as s, sum(o_id) as b, avg(o_total) as a, min(o_day) as least from my.s.orders group by o_lines) t on t.o_lines = n_id",
        "select n_name, t.* from pg.s.nations join (select o_lines, count(*) as n, min(o_id) as least from lite.s.orders group by o_lines) t on t.o_lines = n_id",
        "select n_name, t.* from my.s.nations join (select o_lines, sum(o_share) as s from pg.s.orders group by o_lines) t on t.o_lines = n_id",
        "select n_name, t.* from my.s.nations join (select o_lines, count(*) filter (where o_total > 3 and o_status = 'ok') as s, sum(case when o_day > date '2024-01-01' then o_total else 0 end) as c from pg.s.orders group by o_lines) t on t.o_lines = n_id",
        "select n_name, t.* from my.s.nations join (select distinct o_status, o_lines from pg.s.orders) t on t.o_lines = n_id",
        "select n_name, t.* from pg.s.nations join (select distinct o_status, o_lines from my.s.orders) t on t.o_lines = n_id",
        "select n_name, t.n from my.s.nations cross join (select count(*) as n from (select o_customer from pg.s.orders group by o_customer having count(*) > 3) x) t",
        // semi, anti
        "select c_id, n_name from pg.s.customers join my.s.nations on n_id = c_nation where c_id in (select o_customer from pg.s.orders where o_total > 100000)",
        "select c_id, n_name from pg.s.customers join my.s.nations on n_id = c_nation where not exists (select 1 from pg.s.orders where o_customer = c_id)",
        "select c_id, n_name from my.s.customers join pg.s.nations on n_id = c_nation where c_id in (select o_id from my.s.orders where o_total > 100000)",
        "select c_id, n_name from my.s.customers join pg.s.nations on n_id = c_nation where c_id in (select o_customer from my.s.orders where o_total > 100000)",
        // q18's form
        "select c_name, o.o_id, sum(l.o_total) from pg.s.customers join pg.s.orders o on c_id = o_customer join my.s.orders l on l.o_id = o.o_id where o.o_id in (select o_id from my.s.orders group by o_id having sum(o_total) > 300) group by c_name, o.o_id",
        // a mixture that stays partly
        "select c_name, o_id from pg.s.customers join pg.s.orders on o_customer = c_id join my.s.nations on n_id = c_nation where c_id < 100 and (upper(c_name) = o_status or o_total > 3) and (c_name = o_status or o_total > 5)",
        // equal to the same column
        "select c.c_name, n.n_name from pg.s.customers c join my.s.customers m on c.c_nation = m.c_nation join pg.s.nations n on n.n_id = m.c_nation where n.n_name = 'ASIA'",
        "select c.c_name, sum(l.o_total) from pg.s.customers c join pg.s.orders o on o.o_customer = c.c_id join my.s.orders l on l.o_id = o.o_id join my.s.customers s on l.o_customer = s.c_id and c.c_nation = s.c_nation join pg.s.nations n on s.c_nation = n.n_id where n.n_name = 'ASIA' and o.o_day >= date '1994-01-01' and o.o_day < date '1995-01-01' group by c.c_name",
    ] {
        check(sql, &[]);
    }
}
