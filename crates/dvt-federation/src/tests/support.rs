//! A catalog of a PostgreSQL and a MariaDB connection, and short forms of what a plan says.

use crate::{CatalogRelation, FederatedPlan, PlanError, PlanRequest, Pushdown, plan_query};
use arrow::datatypes::{DataType, Field};
use dvt_adapter::{
    ColumnDescription, RelationDescription, RelationKind, RelationName, Statistics, TextComparison, logical_type,
};
use dvt_sql::{MARIADB, POSTGRES};

pub(super) fn column(name: &str, data_type: DataType, comparison: TextComparison) -> ColumnDescription {
    ColumnDescription {
        name: name.to_owned(),
        native_type: "x".to_owned(),
        field: Ok(Field::new(name, data_type, true)),
        comparison,
    }
}

fn relation(connection: &str, schema: &str, name: &str, columns: Vec<ColumnDescription>) -> CatalogRelation {
    CatalogRelation {
        sql_name: [connection, schema, name].map(str::to_owned).to_vec(),
        connection: connection.to_owned(),
        adapter_type: if connection == "pg" { "postgres" } else { "mariadb" }.to_owned(),
        dialect: if connection == "pg" { &POSTGRES } else { &MARIADB },
        description: RelationDescription {
            name: RelationName::new(None, Some(schema), name),
            kind: RelationKind::Table,
            columns,
            statistics: Statistics::default(),
        },
        display_name: format!("{connection}.{schema}.{name}"),
    }
}

pub(super) fn catalog() -> Vec<CatalogRelation> {
    let loose = || TextComparison::Loose { collation: "utf8mb4_general_ci".to_owned() };
    let mut customers = vec![
        column("id", DataType::Int64, TextComparison::Binary),
        column("name", DataType::Utf8, TextComparison::BinaryEquality),
    ];
    let in_mariadb = relation("my", "public", "customers", customers.clone());
    customers.push(ColumnDescription {
        name: "position".to_owned(),
        native_type: "point".to_owned(),
        field: Err("type point".to_owned()),
        comparison: TextComparison::Binary,
    });
    vec![
        relation("pg", "public", "customers", customers),
        in_mariadb,
        relation(
            "my",
            "shop",
            "orders",
            vec![
                column("id", DataType::Int64, TextComparison::Binary),
                column("customer_id", DataType::Int64, TextComparison::Binary),
                column("Status", DataType::Utf8, loose()),
                column("amount", DataType::Decimal128(10, 2), TextComparison::Binary),
                column("placed", DataType::Date32, TextComparison::Binary),
                column("stored_as_text", DataType::UInt64, loose()),
            ]
            .into_iter()
            .map(|column| ColumnDescription { name: column.name.to_lowercase(), ..column })
            .collect(),
        ),
    ]
}

fn planned(sql: &str) -> Result<FederatedPlan, PlanError> {
    plan_query(PlanRequest { sql, dialect: &POSTGRES, relations: catalog(), limit: None, pushdown: Pushdown::Whole })
}

/// The plan as text.
pub(super) fn plan(sql: &str) -> String {
    planned(sql).unwrap().to_string()
}

/// `connection: SQL` of each extract.
pub(super) fn sent(sql: &str) -> Vec<String> {
    planned(sql).unwrap().extracts.iter().map(|extract| format!("{}: {}", extract.connection, extract.sql)).collect()
}

pub(super) fn plan_error(sql: &str) -> PlanError {
    planned(sql).expect_err("the query should be refused")
}

/// `name: type logical` of each output column.
pub(super) fn types(sql: &str) -> Vec<String> {
    let plan = planned(sql).unwrap();
    let text = |field: &Field| {
        let logical = logical_type(field).map_or_else(|| "-".to_owned(), |logical| logical.to_string());
        format!("{}: {} {logical}", field.name(), field.data_type())
    };
    plan.output_schema.fields().iter().map(|field| text(field)).collect()
}
