//! What a session does with each kind of SQL statement.

mod change_columns;
mod change_rows;
mod create;
mod drop;

use crate::lake::Lake;
use crate::names::Name;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::dataframe::DataFrame;
use datafusion::sql::sqlparser::ast::{AlterTableOperation, RenameTableNameKind, Statement};
use dvt_adapter::{AdapterError, AdapterResponse, BatchStream, Fetch};
use futures::StreamExt;
use std::sync::Arc;

/// What one statement gave.
pub(crate) struct Answer {
    pub(crate) response: AdapterResponse,
    pub(crate) rows: Option<(SchemaRef, Vec<RecordBatch>)>,
}

fn done(message: impl Into<String>) -> Answer {
    let message = message.into();
    let response = AdapterResponse { code: message.clone(), message, rows_affected: None };
    Answer { response, rows: None }
}

fn changed(code: &str, rows: u64) -> Answer {
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    let response = AdapterResponse { code: code.into(), message: format!("{code} {rows}"), rows_affected: Some(rows) };
    Answer { response, rows: None }
}

pub(crate) async fn run(lake: &Arc<Lake>, statement: Statement, fetch: Fetch) -> Result<Answer, AdapterError> {
    match statement {
        Statement::Query(_) | Statement::Explain { .. } => query(lake, statement, fetch).await,
        Statement::CreateTable(table) => create::table(lake, table).await,
        Statement::CreateView(view) => create::view(lake, view).await,
        Statement::CreateSchema { schema_name, if_not_exists, .. } => {
            create::schema(lake, &schema_name, if_not_exists).await
        }
        Statement::Drop { object_type, if_exists, names, cascade, .. } => {
            drop::relations(lake, object_type, if_exists, &names, cascade).await
        }
        Statement::Truncate(truncate) => change_rows::truncate(lake, &truncate).await,
        Statement::Insert(insert) => change_rows::insert(lake, insert).await,
        Statement::Delete(delete) => change_rows::delete(lake, delete).await,
        Statement::Update(update) => change_rows::update(lake, update).await,
        Statement::AlterTable(alter) => {
            let name = lake.name(&alter.name)?;
            if alter.if_exists && lake.find(&name).await?.is_none() {
                return Ok(done("ALTER TABLE"));
            }
            match alter.operations.as_slice() {
                [AlterTableOperation::RenameTable { table_name }] => {
                    let (RenameTableNameKind::To(to) | RenameTableNameKind::As(to)) = table_name;
                    rename(lake, &name, &rename_target(lake, &name, to)?).await
                }
                operations => change_columns::alter(lake, &name, operations).await,
            }
        }
        Statement::StartTransaction { .. } => Ok(done("BEGIN")),
        Statement::Commit { .. } => Ok(done("COMMIT")),
        Statement::Rollback { .. } => Ok(done("ROLLBACK")),
        other => {
            let text = other.to_string();
            let first: Vec<&str> = text.split_whitespace().take(3).collect();
            Err(lake.errors.unsupported(format_args!("`{} …`", first.join(" "))))
        }
    }
}

async fn query(lake: &Arc<Lake>, statement: Statement, fetch: Fetch) -> Result<Answer, AdapterError> {
    let mut frame = lake.plan(statement).await?;
    let schema: SchemaRef = Arc::new(frame.schema().as_arrow().clone());
    match fetch {
        Fetch::Limit(rows) => frame = frame.limit(0, Some(rows)).map_err(|error| lake.errors.query(error))?,
        Fetch::All | Fetch::None => {}
    }
    let mut rows = stream(lake, frame).await?;
    let (mut count, mut batches) = (0, Vec::new());
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        if fetch != Fetch::None && batch.num_rows() > 0 {
            batches.push(batch);
        }
    }
    let answer = changed("SELECT", count);
    Ok(Answer { rows: (fetch != Fetch::None).then_some((schema, batches)), ..answer })
}

/// The rows of a plan.
pub(crate) async fn stream(lake: &Arc<Lake>, frame: DataFrame) -> Result<BatchStream, AdapterError> {
    let errors = lake.errors.clone();
    let rows = frame.execute_stream().await.map_err(|error| errors.query(error))?;
    Ok(rows.map(move |batch| batch.map_err(|error| errors.query(error))).boxed())
}

/// `ALTER TABLE a.b RENAME TO c` keeps the schema.
fn rename_target(
    lake: &Lake,
    from: &Name,
    to: &datafusion::sql::sqlparser::ast::ObjectName,
) -> Result<Name, AdapterError> {
    let target = lake.name(to)?;
    Ok(if to.0.len() == 1 { Name { schema: from.schema.clone(), ..target } } else { target })
}

async fn rename(lake: &Lake, from: &Name, to: &Name) -> Result<Answer, AdapterError> {
    let stored = lake.find_or_missing(from).await?;
    lake.refuse_foreign_files(from, &stored)?;
    if lake.find(to).await?.is_some() {
        return Err(lake.errors.exists(to));
    }
    lake.layout.rename(&stored, to).await.map_err(|error| lake.errors.io("renaming to", to, error))?;
    Ok(done("ALTER TABLE"))
}
