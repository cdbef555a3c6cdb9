//! Each expression of a list over rows of edge values, computed by a real database and by its function pack: value and type
//! have to be the same, an error has to be an error. `DVT_EXPRESSIONS` (and `_MARIADB`, `_SQLITE`) runs a list of your own.

mod mariadb;
mod sqlite;

use super::support::column;
use crate::{CatalogRelation, PlanError, PlanRequest, Pushdown, plan_query};
use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray, new_null_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DFSchema;
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::create_physical_expr;
use dvt_adapter::{RelationDescription, RelationKind, RelationName, Statistics, TextComparison};
use dvt_sql::{Dialect, POSTGRES};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Name, PostgreSQL's type, ours, and a value per row; an empty one is NULL.
type Columns = Vec<(&'static str, &'static str, DataType, [&'static str; 9])>;

/// Whose expressions they are.
struct Author {
    dialect: &'static Dialect,
    columns: Columns,
}

fn columns() -> Columns {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
    vec![
        ("i", "integer", DataType::Int32, ["0", "1", "-1", "7", "2147483647", "-2147483648", "100", "2", ""]),
        ("b", "bigint", DataType::Int64, ["0", "1", "-1", "3000000000", "9223372036854775807", "12", "-7", "5", ""]),
        (
            "n",
            "numeric(12,3)",
            DataType::Decimal128(12, 3),
            ["0", "1.5", "-1.5", "2.5", "999999999.999", "-0.001", "100", "12.345", ""],
        ),
        (
            "f",
            "double precision",
            DataType::Float64,
            ["0", "1.5", "-2.5", "1e15", "1e-5", "123456789.125", "0.1", "3", ""],
        ),
        ("t", "text", DataType::Utf8, ["", "a", "Zoë ß", " x ", "it's", "a,b,,c", "日本語", "abcabc", ""]),
        (
            "d",
            "date",
            DataType::Date32,
            [
                "2024-02-29",
                "1970-01-01",
                "1969-12-31",
                "2023-12-31",
                "2024-12-30",
                "2100-03-01",
                "0001-01-01",
                "2000-06-15",
                "",
            ],
        ),
        (
            "ts",
            "timestamp",
            timestamp,
            [
                "2024-02-29T23:59:59.5",
                "1970-01-01T00:00:00",
                "1969-12-31T23:59:59.999999",
                "2023-12-31T12:00:00",
                "2024-12-30T00:30:05.000001",
                "2100-03-01T13:01:02",
                "0001-01-01T00:00:00",
                "2000-06-15T06:07:08.09",
                "",
            ],
        ),
        ("c", "boolean", DataType::Boolean, ["true", "false", "true", "false", "true", "false", "true", "false", ""]),
    ]
}

const ROWS: usize = 9;

fn relation(author: &Author) -> CatalogRelation {
    let columns = author
        .columns
        .clone()
        .into_iter()
        .map(|(name, _, data_type, _)| column(name, data_type, TextComparison::Binary));
    CatalogRelation {
        sql_name: ["pg", "public", "v"].map(str::to_owned).to_vec(),
        connection: "pg".to_owned(),
        adapter_type: author.dialect.name.to_owned(),
        dialect: author.dialect,
        description: RelationDescription {
            name: RelationName::new(None, Some("public"), "v"),
            kind: RelationKind::Table,
            columns: columns.collect(),
            statistics: Statistics::default(),
        },
        display_name: "v".to_owned(),
    }
}

fn rows(author: &Author) -> RecordBatch {
    let strict = CastOptions { safe: false, ..CastOptions::default() };
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = author
        .columns
        .clone()
        .into_iter()
        .map(|(name, _, data_type, values)| {
            // The last row is NULL; the empty text of the first is text.
            let values: StringArray =
                values.iter().enumerate().map(|(row, value)| (row + 1 < ROWS).then_some(*value)).collect();
            let array = cast_with_options(&values, &data_type, &strict).unwrap();
            (Field::new(name, data_type, true), array)
        })
        .unzip();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

/// The column that the pack gives, or why not.
fn computed(author: &Author, expression: &str, rows: &RecordBatch) -> Result<ArrayRef, String> {
    let sql = format!("select {expression} as v from pg.public.v");
    let request = PlanRequest {
        sql: &sql,
        dialect: author.dialect,
        relations: vec![relation(author)],
        limit: None,
        pushdown: Pushdown::Columns,
    };
    let planned = plan_query(request).map_err(|error| match error {
        PlanError::UnknownFunction { .. } | PlanError::Unsupported { .. } => format!("refused: {error}"),
        other => format!("plan: {other}"),
    })?;
    evaluated(&planned.logical_plan, rows).map(|columns| Arc::clone(&columns[0]))
}

/// The columns of a plan of projections over the table.
fn evaluated(plan: &LogicalPlan, rows: &RecordBatch) -> Result<Vec<ArrayRef>, String> {
    let count = rows.num_rows();
    match plan {
        LogicalPlan::SubqueryAlias(node) => evaluated(&node.input, rows),
        LogicalPlan::TableScan(scan) => {
            let missing = |field: &Field| new_null_array(field.data_type(), count);
            let fields = scan.projected_schema.fields().iter();
            Ok(fields
                .map(|field| rows.column_by_name(field.name()).cloned().unwrap_or_else(|| missing(field)))
                .collect())
        }
        LogicalPlan::Projection(node) => {
            let schema: &DFSchema = node.input.schema();
            let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(count));
            let columns = evaluated(&node.input, rows)?;
            let arrow_schema = Arc::new(schema.as_arrow().clone());
            let batch = RecordBatch::try_new_with_options(arrow_schema, columns, &options)
                .map_err(|error| format!("plan: {error}"))?;
            let computed = node.expr.iter().map(|expr| {
                let physical =
                    create_physical_expr(expr, schema, &ExecutionProps::new(), &PhysicalPlanningContext::default())
                        .map_err(|error| format!("plan: {error}"))?;
                let value = physical.evaluate(&batch).map_err(|error| format!("error: {error}"))?;
                value.into_array(count).map_err(|error| format!("error: {error}"))
            });
            computed.collect()
        }
        other => Err(format!("plan: {other}")),
    }
}

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Int16 => "smallint".to_owned(),
        DataType::Int64 => "bigint".to_owned(),
        integer if integer.is_integer() => "integer".to_owned(),
        DataType::Decimal128(..) | DataType::Decimal256(..) => "numeric".to_owned(),
        DataType::Float64 => "double precision".to_owned(),
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => "text".to_owned(),
        DataType::Date32 => "date".to_owned(),
        DataType::Timestamp(_, None) => "timestamp without time zone".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Interval(_) => "interval".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        other => other.to_string(),
    }
}

/// Numbers without trailing zeros, times without a `T`.
fn normal(text: &str, type_name: &str) -> String {
    match type_name {
        "numeric" | "double precision" => {
            let number: f64 = text.parse().unwrap_or(f64::NAN);
            if type_name == "double precision" || !text.contains('.') {
                return if type_name == "numeric" { text.to_owned() } else { format!("{number:e}") };
            }
            let text = text.trim_end_matches('0').trim_end_matches('.');
            if text == "-0" { "0".to_owned() } else { text.to_owned() }
        }
        "timestamp with time zone" => {
            let text = text.trim_end_matches('Z').trim_end_matches("+00").replace('T', " ");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        "timestamp without time zone" => {
            let text = text.replace('T', " ");
            if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
        }
        _ => text.to_owned(),
    }
}

/// Value and type, or the database's error.
type Wanted = Result<(Option<String>, String), String>;

fn listed(list: &str) -> Vec<&str> {
    list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--")).collect()
}

#[test]
fn expressions_give_what_postgres_gives() {
    let Some(database) = dvt_test_support::postgres() else { return };
    let own = std::env::var("DVT_EXPRESSIONS").ok();
    let expressions = listed(own.as_deref().unwrap_or(include_str!("expressions/postgres.txt")));
    let names: Vec<String> = columns().iter().map(|(name, sql, ..)| format!("{name} {sql}")).collect();
    let mut script = format!(
        "set client_min_messages = error; set extra_float_digits = 1;\ncreate table v (row int, {});\n",
        names.join(", ")
    );
    for row in 0..ROWS {
        let values: Vec<String> = columns()
            .iter()
            .map(
                |(.., values)| {
                    if row + 1 == ROWS { "null".to_owned() } else { format!("'{}'", values[row].replace('\'', "''")) }
                },
            )
            .collect();
        script += &format!("insert into v values ({row}, {});\n", values.join(", "));
    }
    script += "create table r (e int, row int, v text, t text, failed text);\ncreate table e (id int, text text);\n";
    for (index, expression) in expressions.iter().enumerate() {
        script += &format!("insert into e values ({index}, $e${expression}$e$);\n");
    }
    script += "do $do$ declare x record; begin for x in select e.id, e.text, v.row from e, v loop begin
        execute format('insert into r select %s, row, (%s)::text, pg_typeof(%s)::text from v where row = %s', x.id, x.text, x.text, x.row);
        exception when others then insert into r values (x.id, x.row, null, null, sqlerrm); end; end loop; end $do$;
        select e, row, v is null, translate(coalesce(v, ''), e'\\n\\t', '  '), coalesce(t, ''), failed is not null, replace(coalesce(failed, ''), e'\\n', ' ') from r order by e, row;";
    let mut wanted: BTreeMap<(usize, usize), Wanted> = BTreeMap::new();
    for line in database.sql(&script).lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [index, row, is_null, value, data_type, failed, message] = cells[..] else { continue };
        let found = match failed {
            "t" => Err(message.to_owned()),
            _ => Ok(((is_null == "f").then(|| value.to_owned()), data_type.to_owned())),
        };
        wanted.insert((index.parse().unwrap(), row.parse().unwrap()), found);
    }

    let author = Author { dialect: &POSTGRES, columns: columns() };
    compare(&author, &expressions, &wanted, |data_type| match data_type {
        // JSON is text with a kind of its own (`made_json_has_its_type`).
        "character varying" | "name" | "unknown" | "json" | "jsonb" => "text".to_owned(),
        other => other.to_owned(),
    });
}

/// Computes each expression for all rows, and compares with what the database gave for each row.
fn compare(
    author: &Author,
    expressions: &[&str],
    wanted: &BTreeMap<(usize, usize), Wanted>,
    type_of: impl Fn(&str) -> String,
) {
    let all = rows(author);
    let mut mismatches = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    let mut values = 0;
    for (index, expression) in expressions.iter().enumerate() {
        // One that begins with `!` has to be refused.
        let (expression, is_refused) = match expression.strip_prefix('!') {
            Some(expression) => (expression, true),
            None => (*expression, false),
        };
        let whole = computed(author, expression, &all);
        if let Err(message) = &whole
            && message.starts_with("refused")
        {
            if !is_refused {
                refused.push(format!("{expression}: {message}"));
            }
            continue;
        }
        if is_refused {
            mismatches.push(format!("{expression} is not refused"));
            continue;
        }
        for row in 0..ROWS {
            let found = match &whole {
                Ok(column) => Ok(column.slice(row, 1)),
                Err(_) => computed(author, expression, &all.slice(row, 1)),
            };
            let shown = |found: &ArrayRef| {
                if found.is_null(0) || found.data_type() == &DataType::Null {
                    return None;
                }
                if let Some(text) = found.as_string_opt::<i32>() {
                    return Some(text.value(0).to_owned());
                }
                let options = FormatOptions::default();
                ArrayFormatter::try_new(found, &options).ok().map(|formatter| formatter.value(0).to_string())
            };
            let problem = match (wanted.get(&(index, row)), &found) {
                (None, _) => Some("the database gave nothing".to_owned()),
                (Some(Err(_)), Err(_)) => None,
                (Some(Err(message)), Ok(found)) => {
                    Some(format!("wanted the error {message}, found {:?}", shown(found)))
                }
                (Some(Ok(wanted)), Err(message)) => Some(format!("wanted {wanted:?}, found {message}")),
                (Some(Ok((value, data_type))), Ok(found)) => {
                    let data_type = type_of(data_type);
                    let data_type = data_type.as_str();
                    let own_type = match type_name(found.data_type()) {
                        own if data_type == "whole" && matches!(own.as_str(), "smallint" | "integer" | "bigint") => {
                            "whole".to_owned()
                        }
                        own if data_type == "whole" && own == "boolean" => "whole".to_owned(),
                        own => own,
                    };
                    let wanted = value.as_deref().map(|value| normal(value, data_type));
                    let own = shown(found).map(|value| normal(&value, &own_type).replace(['\n', '\t'], " "));
                    // Where truth is a number.
                    let own = match own.as_deref() {
                        Some("true") if data_type == "whole" => Some("1".to_owned()),
                        Some("false") if data_type == "whole" => Some("0".to_owned()),
                        _ => own,
                    };
                    // SQLite's NULL has no type.
                    let has_no_type = data_type.is_empty() && wanted.is_none();
                    let same_type = has_no_type || own_type == data_type || found.data_type() == &DataType::Null;
                    (wanted != own || !same_type)
                        .then(|| format!("wanted {wanted:?} {data_type}, found {own:?} {own_type}"))
                }
            };
            values += 1;
            if let Some(problem) = problem {
                mismatches.push(format!("{expression} in row {row}: {problem}"));
                break;
            }
        }
    }
    let report = format!(
        "{} expressions, {values} values, {} refused, {} mismatches",
        expressions.len(),
        refused.len(),
        mismatches.len()
    );
    mismatches.extend(refused);
    assert!(mismatches.is_empty(), "{report}\n{}", mismatches.join("\n"));
}
