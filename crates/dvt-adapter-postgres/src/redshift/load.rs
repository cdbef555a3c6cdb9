//! Loads: CREATE TABLE and INSERT in one transaction; and rows added within a session's own.

use crate::errors::{cancelled, from_driver};
use crate::pool::{Lease, Pool};
use crate::redshift::insert::Insert;
use crate::redshift::types::RedType;
use dvt_adapter::{AdapterError, AppendTarget, BatchStream, CancellationToken, ErrorClass, LoadReport, LoadRequest};
use dvt_sql::REDSHIFT;
use futures::StreamExt;
use std::sync::Arc;

/// Creates the relation and fills it; after an error it is gone.
pub(crate) async fn load(
    pool: &Arc<Pool>,
    request: LoadRequest,
    rows: BatchStream,
    cancel: CancellationToken,
) -> Result<LoadReport, AdapterError> {
    let connection = pool.connector.settings.connection.clone();
    if cancel.is_cancelled() {
        return Err(cancelled(&connection));
    }
    if request.columns.len() != request.schema.fields().len() {
        return Err(AdapterError::new(
            ErrorClass::Other,
            connection,
            format!("{} column types are given for {} columns", request.columns.len(), request.schema.fields().len()),
        ));
    }
    if request.columns.is_empty() {
        return Err(AdapterError::new(
            ErrorClass::UnsupportedType,
            connection,
            "a table without columns cannot be made",
        ));
    }
    let lease = pool.take().await?;
    let filled = tokio::select! {
        filled = fill(&lease, &request, rows, &connection) => filled,
        () = cancel.cancelled() => Err(cancelled(&connection)),
    };
    // From here on nothing can be cancelled: a commit has one outcome.
    let result = match filled {
        Ok(report) => execute(&lease, &request, "commit", &connection).await.map(|()| report),
        Err(error) => Err(error),
    };
    match result {
        Ok(report) => {
            lease.give_back();
            Ok(report)
        }
        Err(error) => {
            // Wait for the rollback, so that nothing is left when this returns. The server may be busy with the rows.
            if error.class == ErrorClass::Cancelled {
                let _ = lease.canceller.cancel().await;
            }
            for _ in 0..2 {
                if !lease.client.is_closed() && lease.client.batch_execute("rollback").await.is_ok() {
                    lease.give_back();
                    break;
                }
            }
            Err(error)
        }
    }
}

/// Everything up to the commit.
async fn fill(
    lease: &Lease,
    request: &LoadRequest,
    rows: BatchStream,
    connection: &str,
) -> Result<LoadReport, AdapterError> {
    let table = REDSHIFT.quote_path(request.relation.parts());
    execute(lease, request, &format!("begin; {}", create_table(request, &table)), connection).await?;
    let insert = Insert {
        lease,
        connection,
        relation: &request.relation,
        head: format!("insert into {table}"),
        types: request.columns.iter().map(|column| RedType::parse(&column.column_type)).collect(),
        schema: Arc::clone(&request.schema),
        on_behalf_of: &request.on_behalf_of,
    };
    insert.run(rows).await
}

fn create_table(request: &LoadRequest, table: &str) -> String {
    let columns = request.columns.iter().map(|column| {
        let name = REDSHIFT.quote_identifier(&column.name);
        let null = if column.nullable { "" } else { " not null" };
        format!("{name} {}{null}", column.column_type)
    });
    format!("create table {table} ({})", columns.collect::<Vec<_>>().join(", "))
}

async fn execute(lease: &Lease, request: &LoadRequest, sql: &str, connection: &str) -> Result<(), AdapterError> {
    lease.client.batch_execute(sql).await.map_err(|error| {
        let error = from_driver(connection, error, Some(sql));
        if error.relation.is_some() { error } else { error.with_relation(request.relation.clone()) }
    })
}

/// Adds the rows, in the types that the table's columns have.
pub(crate) async fn append(
    lease: &Lease,
    connection: &str,
    target: &AppendTarget,
    rows: BatchStream,
) -> Result<LoadReport, AdapterError> {
    let (table, columns) = (&target.rendered, target.columns.join(", "));
    let asked = format!("select {columns} from {table}");
    let statement = lease.client.prepare(&asked).await;
    let statement = statement.map_err(|error| from_driver(connection, error, Some(&asked)))?;
    let described = statement.columns().iter();
    let insert = Insert {
        lease,
        connection,
        relation: &target.relation,
        head: format!("insert into {table} ({columns})"),
        types: described.map(|column| RedType::of(column.type_(), column.type_modifier())).collect(),
        schema: Arc::clone(&target.schema),
        on_behalf_of: table,
    };
    insert.run(rows.boxed()).await
}
