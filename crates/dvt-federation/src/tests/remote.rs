//! What is sent where several relations of one connection meet, per engine.

use crate::{CatalogRelation, FederatedPlan, PlanRequest, Pushdown, plan_query};
use arrow::datatypes::{DataType, Field, TimeUnit};
use dvt_adapter::{
    ColumnDescription, ColumnStatistics, KeyDescription, LogicalType, RelationDescription, RelationKind, RelationName,
    Statistics, TextComparison, with_types,
};
use dvt_sql::{Dialect, MARIADB, POSTGRES, SQLITE};

/// A connection of each kind: how it is called, and how its text compares.
const CONNECTIONS: [(&str, &str, &Dialect); 4] = [
    ("pg", "postgres", &POSTGRES),
    ("other", "postgres", &POSTGRES),
    ("my", "mariadb", &MARIADB),
    ("lite", "sqlite", &SQLITE),
];

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

fn relation(
    connection: &str,
    adapter_type: &str,
    dialect: &'static Dialect,
    name: &str,
    columns: Columns,
) -> CatalogRelation {
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
    assert_eq!(sent, expected, "{sql}\n{}", sent.join("\n"));
}

#[test]
fn joins_of_one_connection_are_sent_whole() {
    check(
        "select c_id, o_id, n_name from pg.s.customers left join pg.s.orders on o_customer = c_id and o_total > 5 join my.s.nations on n_id = c_nation where c_id < 100",
        &[
            "my: SELECT `n_id`, `n_name` FROM `s`.`nations`",
            r#"pg: SELECT t0."c_id", t0."c_nation", t1."o_id" FROM "s"."customers" AS t0 LEFT JOIN "s"."orders" AS t1 ON (t0."c_id" = t1."o_customer") AND (t1."o_customer" < 100) AND (t1."o_total" > 5.00) WHERE (t0."c_id" < 100)"#,
        ],
    );
    check(
        "select c.c_name, n.n_name from pg.s.customers c join my.s.customers m on c.c_nation = m.c_nation join pg.s.nations n on n.n_id = m.c_nation where n.n_name = 'ASIA'",
        &[
            "my: SELECT `c_nation` FROM `s`.`customers`",
            r#"pg: SELECT t0."c_nation", t0."c_name", t1."n_name" FROM "s"."customers" AS t0 JOIN "s"."nations" AS t1 ON (t0."c_nation" = t1."n_id") WHERE (t1."n_name" = 'ASIA')"#,
        ],
    );
    check(
        "select c_name, o_total, n_name from my.s.orders join my.s.customers on o_customer = c_id join pg.s.nations on n_id = c_nation where o_day = date '2024-01-01'",
        &[
            "my: SELECT t0.`o_total`, t1.`c_nation`, t1.`c_name` FROM `s`.`orders` AS t0 JOIN `s`.`customers` AS t1 ON (t0.`o_customer` = t1.`c_id`) WHERE (t0.`o_day` = DATE '2024-01-01')",
            r#"pg: SELECT "n_id", "n_name" FROM "s"."nations""#,
        ],
    );
}

/// MariaDB would go through all rows of one table for each of the other.
#[test]
fn a_join_without_an_index_is_not_sent_to_mariadb() {
    let sent = sent(
        "select a.o_id, b.o_id as other from my.s.orders a join my.s.orders b on a.o_day = b.o_day join pg.s.nations on n_id = a.o_lines where a.o_id < 10",
    );
    assert!(sent.len() == 3 && !sent.iter().any(|sql| sql.contains("JOIN")), "{sent:?}");
}

#[test]
fn exact_aggregates_are_sent_and_sums_of_floats_are_not() {
    check(
        "select n_name, t.* from my.s.nations join (select o_lines, count(*) as n, count(distinct o_status) as d, sum(o_id) as b, avg(o_total) as a, max(o_comment) as most from pg.s.orders group by o_lines) t on t.o_lines = n_id",
        &[
            "my: SELECT `n_id`, `n_name` FROM `s`.`nations`",
            r#"pg: SELECT "o_lines", COUNT(*), COUNT(DISTINCT "o_status"), SUM("o_id"), SUM("o_total"), COUNT("o_total"), MAX("o_comment" COLLATE "C") FROM "s"."orders" GROUP BY "o_lines""#,
        ],
    );
    check(
        "select c_name, t.total from pg.s.customers c join (select o_id, sum(o_total) as total from my.s.orders group by o_id having sum(o_total) > 300) t on t.o_id = c_id",
        &[
            "my: SELECT `o_id`, SUM(`o_total`) FROM `s`.`orders` GROUP BY `o_id` HAVING (SUM(`o_total`) > 300.00)",
            r#"pg: SELECT "c_id", "c_name" FROM "s"."customers""#,
        ],
    );
    check(
        "select n_name, t.* from my.s.nations join (select o_lines, sum(o_share) as s from pg.s.orders group by o_lines) t on t.o_lines = n_id",
        &["my: SELECT `n_id`, `n_name` FROM `s`.`nations`", r#"pg: SELECT "o_lines", "o_share" FROM "s"."orders""#],
    );
}

#[test]
fn cuts_are_sent_in_the_authors_order() {
    check(
        "select c_name, o_id from my.s.customers c join (select * from pg.s.orders order by o_total desc, o_status limit 7) o on o_customer = c_id",
        &[
            "my: SELECT `c_id`, `c_name` FROM `s`.`customers`",
            r#"pg: SELECT "o_id", "o_customer" FROM "s"."orders" ORDER BY "o_total" DESC NULLS FIRST, "o_status" COLLATE "C" ASC NULLS LAST LIMIT 7"#,
        ],
    );
    check(
        "select c_name, o_id from pg.s.customers c join (select * from my.s.orders order by o_total desc, o_id limit 7) o on o_customer = c_id",
        &[
            "my: SELECT `o_id`, `o_customer` FROM `s`.`orders` ORDER BY (`o_total` IS NULL) DESC, `o_total` DESC, (`o_id` IS NULL) ASC, `o_id` ASC LIMIT 7",
            r#"pg: SELECT "c_id", "c_name" FROM "s"."customers""#,
        ],
    );
}

#[test]
fn a_semi_join_of_one_connection_is_sent_whole() {
    check(
        "select c_id, n_name from pg.s.customers join my.s.nations on n_id = c_nation where c_id in (select o_customer from pg.s.orders where o_total > 100000)",
        &[
            "my: SELECT `n_id`, `n_name` FROM `s`.`nations`",
            r#"pg: SELECT t0."c_id", t0."c_nation" FROM "s"."customers" AS t0 WHERE EXISTS (SELECT 1 FROM "s"."orders" AS t1 WHERE (t1."o_total" > 100000.00) AND (t0."c_id" = t1."o_customer"))"#,
        ],
    );
}
