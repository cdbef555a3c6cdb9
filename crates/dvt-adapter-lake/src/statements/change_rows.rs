//! INSERT, DELETE, UPDATE, TRUNCATE. A statement that changes rows writes the table anew, in one step.

use super::{Answer, changed, done, stream};
use crate::lake::Lake;
use crate::names::{self, Name};
use crate::types;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AssignmentTarget, CaseWhen, Delete, Expr, FromTable, Ident, Insert, Query, SelectItem, SetExpr, Statement,
    TableFactor, TableObject, TableWithJoins, Truncate, Update,
};
use dvt_adapter::{AdapterError, ErrorClass};
use futures::StreamExt;
use std::sync::Arc;

/// The columns of a table as they are stored: the lake's types in their metadata.
async fn columns(lake: &Arc<Lake>, name: &Name) -> Result<SchemaRef, AdapterError> {
    let schema = lake.provider(name).await?.schema();
    let fields = schema.fields().iter().map(|field| {
        types::described(field).map_err(|problem| {
            let made = lake.errors.of(ErrorClass::UnsupportedType, format!("column `{}`: {problem}", field.name()));
            made.with_relation(name.relation()).with_column(field.name())
        })
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

pub(super) async fn truncate(lake: &Arc<Lake>, truncate: &Truncate) -> Result<Answer, AdapterError> {
    for target in &truncate.table_names {
        let name = lake.name(&target.name)?;
        let stored = lake.find_or_missing(&name).await?;
        let schema = columns(lake, &name).await?;
        lake.replace_table(&name, &stored, &schema, futures::stream::empty().boxed()).await?;
    }
    Ok(done("TRUNCATE TABLE"))
}

pub(super) async fn insert(lake: &Arc<Lake>, insert: Insert) -> Result<Answer, AdapterError> {
    let TableObject::TableName(table) = &insert.table else {
        return Err(lake.errors.unsupported("INSERT into anything but a table"));
    };
    if insert.on.is_some() || insert.returning.is_some() || insert.or.is_some() || insert.replace_into {
        return Err(lake.errors.unsupported("INSERT with ON CONFLICT, RETURNING or REPLACE"));
    }
    let name = lake.name(table)?;
    let stored = lake.find_or_missing(&name).await?;
    let schema = columns(lake, &name).await?;
    let Some(source) = insert.source else {
        return Err(lake.errors.unsupported("INSERT without a query or VALUES"));
    };
    let frame = lake.plan(Statement::Query(source)).await?;
    let delivered = frame.schema().fields().len();
    let mut sources: Vec<Option<usize>> = vec![None; schema.fields().len()];
    if insert.columns.is_empty() {
        if delivered != sources.len() {
            let message = format!("`{name}` has {} columns, the rows have {delivered}", sources.len());
            return Err(lake.errors.of(ErrorClass::Other, message).with_relation(name.relation()));
        }
        sources = (0..delivered).map(Some).collect();
    } else {
        if delivered != insert.columns.len() {
            let message = format!("{} columns are named, the rows have {delivered}", insert.columns.len());
            return Err(lake.errors.of(ErrorClass::Other, message).with_relation(name.relation()));
        }
        for (position, column) in insert.columns.iter().enumerate() {
            let column = match names::parts(column).as_deref() {
                Ok([column]) => column.clone(),
                _ => return Err(lake.errors.unsupported(format_args!("a column named `{column}`"))),
            };
            let index = schema.index_of(&column).map_err(|_| missing_column(lake, &name, &column))?;
            if sources[index].replace(position).is_some() {
                let message = format!("column `{column}` is named twice");
                return Err(lake.errors.of(ErrorClass::Other, message).with_column(column));
            }
        }
    }
    let rows = lake.cast_rows(&name, &schema, sources, stream(lake, frame).await?);
    let report = if insert.overwrite {
        lake.replace_table(&name, &stored, &schema, rows).await?
    } else {
        lake.append_rows(&name, &stored, &schema, rows).await?
    };
    let mut answer = changed("INSERT", report.rows);
    answer.response.message = format!("INSERT 0 {}", report.rows);
    Ok(answer)
}

pub(super) async fn delete(lake: &Arc<Lake>, delete: Delete) -> Result<Answer, AdapterError> {
    if delete.returning.is_some() || delete.limit.is_some() || !delete.tables.is_empty() {
        return Err(lake.errors.unsupported("DELETE with RETURNING, LIMIT or several tables"));
    }
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = delete.from;
    let (name, table) = single_table(lake, from)?;
    let stored = lake.find_or_missing(&name).await?;
    let schema = columns(lake, &name).await?;
    let before = count(lake, &name).await?;
    // Rows for which the condition is false or unknown stay.
    let keep = match (delete.using, delete.selection) {
        (None, None) => None,
        (None, Some(condition)) => Some(Expr::IsNotTrue(Box::new(Expr::Nested(Box::new(condition))))),
        (Some(using), condition) => {
            let mut matches = template(lake, "select 1 from t")?;
            let select = select_of(lake, &mut matches)?;
            select.from = using;
            select.selection = condition;
            Some(Expr::Exists { subquery: Box::new(matches), negated: true })
        }
    };
    let rows = match keep {
        None => futures::stream::empty().boxed(),
        Some(keep) => {
            let mut query = template(lake, "select * from t")?;
            let select = select_of(lake, &mut query)?;
            select.from = vec![table];
            select.selection = Some(keep);
            let frame = lake.plan(Statement::Query(Box::new(query))).await?;
            let sources = (0..schema.fields().len()).map(Some).collect();
            lake.cast_rows(&name, &schema, sources, stream(lake, frame).await?)
        }
    };
    let report = lake.replace_table(&name, &stored, &schema, rows).await?;
    Ok(changed("DELETE", before.saturating_sub(report.rows)))
}

pub(super) async fn update(lake: &Arc<Lake>, update: Update) -> Result<Answer, AdapterError> {
    if update.from.is_some() || update.returning.is_some() || update.limit.is_some() {
        return Err(lake.errors.unsupported("UPDATE with FROM, RETURNING or LIMIT"));
    }
    let (name, table) = single_table(lake, vec![update.table])?;
    let stored = lake.find_or_missing(&name).await?;
    let schema = columns(lake, &name).await?;
    let mut values: Vec<Option<Expr>> = vec![None; schema.fields().len()];
    for assignment in update.assignments {
        let column = match &assignment.target {
            AssignmentTarget::ColumnName(column) => names::parts(column).ok().and_then(|mut parts| parts.pop()),
            AssignmentTarget::Tuple(_) => None,
        };
        let Some(column) = column else {
            return Err(lake.errors.unsupported(format_args!("the assignment `{assignment}`")));
        };
        let index = schema.index_of(&column).map_err(|_| missing_column(lake, &name, &column))?;
        values[index] = Some(assignment.value);
    }
    let items = schema.fields().iter().zip(values).map(|(field, value)| {
        let column = Ident::with_quote('"', field.name());
        let expr = match (value, &update.selection) {
            (None, _) => Expr::Identifier(column.clone()),
            (Some(value), None) => value,
            (Some(value), Some(condition)) => Expr::Case {
                case_token: AttachedToken::empty(),
                end_token: AttachedToken::empty(),
                operand: None,
                conditions: vec![CaseWhen { condition: condition.clone(), result: value }],
                else_result: Some(Box::new(Expr::Identifier(column.clone()))),
            },
        };
        SelectItem::ExprWithAlias { expr, alias: column }
    });
    let mut query = template(lake, "select 1 from t")?;
    let select = select_of(lake, &mut query)?;
    select.projection = items.collect();
    select.from = vec![table.clone()];
    let frame = lake.plan(Statement::Query(Box::new(query))).await?;
    let mut touched = template(lake, "select 1 from t")?;
    let select = select_of(lake, &mut touched)?;
    select.from = vec![table];
    select.selection = update.selection;
    let touched = lake.plan(Statement::Query(Box::new(touched))).await?;
    let touched = touched.count().await.map_err(|error| lake.errors.query(error))?;
    let sources = (0..schema.fields().len()).map(Some).collect();
    let rows = lake.cast_rows(&name, &schema, sources, stream(lake, frame).await?);
    lake.replace_table(&name, &stored, &schema, rows).await?;
    Ok(changed("UPDATE", touched as u64))
}

async fn count(lake: &Arc<Lake>, name: &Name) -> Result<u64, AdapterError> {
    let rows = lake.read(name).await?.count().await.map_err(|error| lake.errors.query(error))?;
    Ok(rows as u64)
}

fn missing_column(lake: &Lake, name: &Name, column: &str) -> AdapterError {
    let message = format!("column `{column}` does not exist in `{name}`");
    lake.errors.of(ErrorClass::MissingColumn, message).with_relation(name.relation()).with_column(column)
}

fn single_table(lake: &Lake, mut tables: Vec<TableWithJoins>) -> Result<(Name, TableWithJoins), AdapterError> {
    match (tables.pop(), tables.is_empty()) {
        (Some(table), true) if table.joins.is_empty() => match &table.relation {
            TableFactor::Table { name, args: None, .. } => Ok((lake.name(name)?, table)),
            other => Err(lake.errors.unsupported(format_args!("changing the rows of `{other}`"))),
        },
        _ => Err(lake.errors.unsupported("changing the rows of several tables at once")),
    }
}

/// A query to be filled in, part by part.
fn template(lake: &Lake, sql: &str) -> Result<Query, AdapterError> {
    match lake.parse_query(sql)? {
        Statement::Query(query) => Ok(*query),
        _ => Err(lake.errors.syntax("a query is expected")),
    }
}

fn select_of<'a>(
    lake: &Lake,
    query: &'a mut Query,
) -> Result<&'a mut datafusion::sql::sqlparser::ast::Select, AdapterError> {
    match query.body.as_mut() {
        SetExpr::Select(select) => Ok(select),
        _ => Err(lake.errors.syntax("a SELECT is expected")),
    }
}
