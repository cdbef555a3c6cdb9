//! ALTER TABLE … ADD, DROP and RENAME COLUMN: the table is written anew with other columns, in one step.

use super::{Answer, done, stream};
use crate::lake::Lake;
use crate::names::{self, Name};
use crate::types;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{AlterTableOperation, ColumnOption, Ident};
use dvt_adapter::{AdapterError, ErrorClass};
use std::sync::Arc;

pub(super) async fn alter(
    lake: &Arc<Lake>,
    name: &Name,
    operations: &[AlterTableOperation],
) -> Result<Answer, AdapterError> {
    let stored = lake.find_or_missing(name).await?;
    let frame = lake.read(name).await?;
    // Each column of the new table, and which of the old ones it is.
    let mut columns: Vec<(Field, Option<usize>)> = Vec::new();
    for (index, field) in frame.schema().fields().iter().enumerate() {
        let field = types::described(field).map_err(|problem| {
            lake.errors.of(ErrorClass::UnsupportedType, format!("column `{}`: {problem}", field.name()))
        })?;
        columns.push((field, Some(index)));
    }
    for operation in operations {
        match operation {
            AlterTableOperation::AddColumn { if_not_exists, column_def, column_position: None, .. } => {
                let column = names::normal(&column_def.name);
                if columns.iter().any(|(field, _)| field.name() == &column) {
                    if *if_not_exists {
                        continue;
                    }
                    let message = format!("column `{column}` already exists in `{name}`");
                    return Err(lake.errors.of(ErrorClass::Other, message).with_column(column));
                }
                if let Some(option) =
                    column_def.options.iter().find(|option| !matches!(option.option, ColumnOption::Null))
                {
                    return Err(lake.errors.unsupported(format_args!("ADD COLUMN with `{option}`")));
                }
                let text = column_def.data_type.to_string();
                let field = types::lake_field(&column, &text, true, None).map_err(|problem| {
                    lake.errors.of(ErrorClass::UnsupportedType, format!("column `{column}`: {problem}"))
                })?;
                columns.push((field, None));
            }
            AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
                for column in column_names {
                    match position(lake, name, &columns, column) {
                        Ok(position) => {
                            columns.remove(position);
                        }
                        Err(_) if *if_exists => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                let position = position(lake, name, &columns, old_column_name)?;
                let field = columns[position].0.clone().with_name(names::normal(new_column_name));
                columns[position].0 = field;
            }
            other => return Err(lake.errors.unsupported(format_args!("ALTER TABLE … {other}"))),
        }
    }
    let sources = columns.iter().map(|(_, source)| *source).collect();
    let schema: SchemaRef = Arc::new(Schema::new(columns.into_iter().map(|(field, _)| field).collect::<Vec<_>>()));
    let rows = lake.cast_rows(name, &schema, sources, stream(lake, frame).await?);
    lake.replace_table(name, &stored, &schema, rows).await?;
    Ok(done("ALTER TABLE"))
}

fn position(
    lake: &Lake,
    name: &Name,
    columns: &[(Field, Option<usize>)],
    column: &Ident,
) -> Result<usize, AdapterError> {
    let column = names::normal(column);
    columns.iter().position(|(field, _)| field.name() == &column).ok_or_else(|| {
        let message = format!("column `{column}` does not exist in `{name}`");
        lake.errors.of(ErrorClass::MissingColumn, message).with_relation(name.relation()).with_column(column)
    })
}
