//! Rows added to a table that is there, within a session's transaction: `COPY … (columns) FROM STDIN (FORMAT binary)`.

use crate::pool::Lease;
use crate::postgres::load::Work;
use crate::postgres::types::Kind;
use dvt_adapter::{AdapterError, AppendTarget, BatchStream, ErrorClass, LoadColumn, LoadReport, LoadRequest};

/// Adds the rows, in the types that the table's columns have.
///
/// # Errors
/// Class `UnsupportedType` before any row was sent: a column of the table has no binary form here. Class `ValueDoesNotFit`
/// names the column. The transaction is the caller's to roll back.
pub(crate) async fn append(
    lease: &Lease,
    connection: &str,
    target: &AppendTarget,
    rows: BatchStream,
) -> Result<LoadReport, AdapterError> {
    let names = target.schema.fields().iter().map(|field| field.name().clone());
    let request = LoadRequest {
        relation: target.relation.clone(),
        columns: names.map(|name| LoadColumn { name, column_type: String::new(), nullable: true }).collect(),
        schema: target.schema.clone(),
        on_behalf_of: target.rendered.clone(),
        options: serde_json::Map::new(),
    };
    let work = Work { lease, request: &request, connection };
    let (table, columns) = (&target.rendered, target.columns.join(", "));
    let targets = work.targets(&format!("select {columns} from {table}")).await?;
    if let Some(at) = targets.iter().position(|target| target.kind == Kind::AsText) {
        let column = &request.columns[at].name;
        let message = format!("column `{column}` of {table} cannot be written in binary form");
        return Err(AdapterError::new(ErrorClass::UnsupportedType, connection, message).with_column(column));
    }
    work.copy(&format!("copy {table} ({columns}) from stdin (format binary)"), &targets, rows).await
}
