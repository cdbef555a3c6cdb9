//! CREATE TABLE, CREATE VIEW, CREATE SCHEMA.

use super::{Answer, changed, done, stream};
use crate::lake::Lake;
use crate::layout::Stored;
use crate::names::{self, Name};
use crate::profile::Format;
use crate::types;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::dataframe::DataFrame;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, CreateTableOptions, CreateView, Expr, SchemaName, SqlOption, Statement, Value,
};
use dvt_adapter::{AdapterError, BatchStream, ErrorClass};
use futures::StreamExt;
use std::sync::Arc;

pub(super) async fn table(lake: &Arc<Lake>, create: CreateTable) -> Result<Answer, AdapterError> {
    let name = lake.name(&create.name)?;
    refuse_clauses(lake, &create)?;
    let existing = lake.find(&name).await?;
    if existing.is_some() && create.if_not_exists {
        return Ok(done("CREATE TABLE"));
    }
    if existing.as_ref().is_some_and(|stored| !create.or_replace || stored.is_view()) {
        return Err(lake.errors.exists(&name));
    }
    if let Some(stored) = &existing {
        lake.refuse_foreign_files(&name, stored)?;
    }
    let format = format(lake, &create.table_options)?;
    if let Some(source) = &create.clone {
        return clone(lake, &name, existing, &lake.name(source)?).await;
    }
    match create.query {
        Some(query) => {
            if !create.columns.is_empty() {
                return Err(lake.errors.unsupported("CREATE TABLE with both columns and AS; name them in the query"));
            }
            let frame = lake.plan(Statement::Query(query)).await?;
            let schema = table_schema(lake, &name, &frame)?;
            let sources = (0..schema.fields().len()).map(Some).collect();
            let rows = lake.cast_rows(&name, &schema, sources, stream(lake, frame).await?);
            write(lake, &name, existing, format, &schema, rows).await
        }
        None => {
            let fields = create.columns.iter().map(|column| field(lake, &name, column));
            let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?));
            write(lake, &name, existing, format, &schema, futures::stream::empty().boxed()).await?;
            Ok(done("CREATE TABLE"))
        }
    }
}

/// The columns of a table that is made from a query.
pub(super) fn table_schema(lake: &Lake, name: &Name, frame: &DataFrame) -> Result<SchemaRef, AdapterError> {
    let fields = frame.schema().fields().iter().map(|field| {
        let text = types::column_type(field).map_err(|error| {
            let made = lake.errors.of(ErrorClass::UnsupportedType, error.to_string());
            made.with_relation(name.relation()).with_column(field.name())
        })?;
        types::lake_field(field.name(), &text, true, Some(field))
            .map_err(|problem| lake.errors.of(ErrorClass::UnsupportedType, problem).with_column(field.name()))
    });
    Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
}

async fn write(
    lake: &Arc<Lake>,
    name: &Name,
    existing: Option<Stored>,
    format: Option<Format>,
    schema: &SchemaRef,
    rows: BatchStream,
) -> Result<Answer, AdapterError> {
    let report = match existing {
        None => lake.create_table(name, format.unwrap_or(lake.settings.format), schema, rows).await?,
        Some(stored) => {
            refuse_other_format(lake, name, &stored, format)?;
            lake.replace_table(name, &stored, schema, rows).await?
        }
    };
    Ok(changed("SELECT", report.rows))
}

/// A table that is replaced keeps its format: its readers would not find it in another one.
fn refuse_other_format(lake: &Lake, name: &Name, stored: &Stored, format: Option<Format>) -> Result<(), AdapterError> {
    let current = match stored {
        Stored::Files(table) => table.format,
        Stored::Delta(_) | Stored::View(_) => Format::Delta,
    };
    match format {
        Some(format) if format != current => {
            let message = format!("table `{name}` is there in the format {current}, not {format}");
            let error = lake.errors.of(ErrorClass::Other, message).with_relation(name.relation());
            Err(error.with_hint("drop it first, or run with --full-refresh"))
        }
        _ => Ok(()),
    }
}

/// `CREATE [OR REPLACE] TABLE … CLONE …`: the same rows, columns and format. The files of a Delta table are linked.
async fn clone(lake: &Arc<Lake>, name: &Name, existing: Option<Stored>, source: &Name) -> Result<Answer, AdapterError> {
    let delta = match lake.find_or_missing(source).await? {
        Stored::Delta(delta) => delta,
        Stored::View(_) => return Err(lake.errors.unsupported(format_args!("CLONE of `{source}`, which is a view"))),
        Stored::Files(table) => {
            let frame = lake.read(source).await?;
            let schema = table_schema(lake, name, &frame)?;
            let sources = (0..schema.fields().len()).map(Some).collect();
            let rows = lake.cast_rows(name, &schema, sources, stream(lake, frame).await?);
            return write(lake, name, existing, Some(table.format), &schema, rows).await;
        }
    };
    let table = lake.open_delta(source, &delta).await?;
    let failed = |error| lake.errors.delta(name, error);
    match existing {
        Some(Stored::Delta(target)) => {
            table.copy_to(&target.location).await.map_err(failed)?;
        }
        Some(other) => refuse_other_format(lake, name, &other, Some(Format::Delta))?,
        None => {
            let io = |error| lake.errors.io("creating", name, error);
            let draft = lake.layout.delta_draft(name).await.map_err(io)?;
            let location = draft.location().map_err(failed)?;
            if let Err(error) = table.copy_to(&location).await {
                lake.layout.abandon(draft).await;
                return Err(failed(error));
            }
            lake.layout.place_delta(draft, name).await.map_err(io)?;
        }
    }
    Ok(changed("SELECT", table.rows().unwrap_or_default()))
}

fn field(lake: &Lake, table: &Name, column: &ColumnDef) -> Result<Field, AdapterError> {
    let name = names::normal(&column.name);
    let mut nullable = true;
    for option in &column.options {
        match &option.option {
            ColumnOption::Null | ColumnOption::Comment(_) => {}
            ColumnOption::NotNull => nullable = false,
            other => {
                let what = format!("column `{name}` of `{table}` with `{other}`: a lake checks nothing but NOT NULL");
                return Err(lake.errors.unsupported(what));
            }
        }
    }
    types::lake_field(&name, &column.data_type.to_string(), nullable, None).map_err(|problem| {
        lake.errors
            .of(ErrorClass::UnsupportedType, format!("column `{name}` of `{table}`: {problem}"))
            .with_column(name)
    })
}

/// Clauses that would be lost if they were ignored.
fn refuse_clauses(lake: &Lake, create: &CreateTable) -> Result<(), AdapterError> {
    let clauses = [
        (create.temporary, "TEMPORARY"),
        (create.external || create.location.is_some(), "EXTERNAL or LOCATION"),
        (!create.constraints.is_empty(), "table constraints (a lake checks nothing but NOT NULL)"),
        (create.partition_by.is_some(), "PARTITION BY"),
        (create.cluster_by.is_some() || create.clustered_by.is_some(), "CLUSTER BY"),
        (create.like.is_some(), "LIKE"),
        (create.inherits.is_some(), "INHERITS"),
    ];
    match clauses.iter().find(|(is_there, _)| *is_there) {
        Some((_, clause)) => Err(lake.errors.unsupported(format_args!("CREATE TABLE with {clause}"))),
        None => Ok(()),
    }
}

/// `WITH (format = 'parquet')`.
fn format(lake: &Lake, options: &CreateTableOptions) -> Result<Option<Format>, AdapterError> {
    let options = match options {
        CreateTableOptions::None => return Ok(None),
        CreateTableOptions::With(options)
        | CreateTableOptions::Options(options)
        | CreateTableOptions::Plain(options)
        | CreateTableOptions::TableProperties(options) => options,
    };
    let mut format = None;
    for option in options {
        match option {
            SqlOption::KeyValue { key, value: Expr::Value(value) } if key.value.eq_ignore_ascii_case("format") => {
                let Value::SingleQuotedString(text) = &value.value else {
                    return Err(lake.errors.unsupported(format_args!("`{option}`: the format is a text")));
                };
                format = Some(text.parse().map_err(|problem: String| lake.errors.of(ErrorClass::Other, problem))?);
            }
            other => return Err(lake.errors.unsupported(format_args!("a table with the option `{other}`"))),
        }
    }
    Ok(format)
}

pub(super) async fn view(lake: &Arc<Lake>, create: CreateView) -> Result<Answer, AdapterError> {
    let name = lake.name(&create.name)?;
    if create.materialized {
        return Err(lake.errors.unsupported("materialized views"));
    }
    if create.temporary || !create.columns.is_empty() {
        return Err(lake
            .errors
            .unsupported("temporary views and views with a list of columns; name them in the query"));
    }
    let existing = lake.find(&name).await?;
    match &existing {
        Some(_) if create.if_not_exists => return Ok(done("CREATE VIEW")),
        Some(stored) if !create.or_replace || !stored.is_view() => return Err(lake.errors.exists(&name)),
        _ => {}
    }
    // The text is what is kept: it must be a query over what is there now, and must not read the view itself.
    let sql = create.query.to_string();
    let frame = lake.plan(lake.parse_query(&sql)?).await?;
    table_schema(lake, &name, &frame)?;
    let failed = |error| lake.errors.io("creating", &name, error);
    let made = lake.layout.write_view(&name, existing.as_ref(), &sql).await.map_err(failed)?;
    // Only with the new text in place can a circle through other views be seen.
    if let Err(error) = lake.provider(&name).await {
        match &existing {
            Some(Stored::View(before)) => {
                lake.layout.write_view(&name, existing.as_ref(), &before.sql).await.map_err(failed)?;
            }
            _ => lake.layout.remove(&Stored::View(made)).await.map_err(failed)?,
        }
        return Err(error);
    }
    Ok(done("CREATE VIEW"))
}

pub(super) async fn schema(lake: &Lake, name: &SchemaName, if_not_exists: bool) -> Result<Answer, AdapterError> {
    let SchemaName::Simple(name) = name else {
        return Err(lake.errors.unsupported("CREATE SCHEMA with AUTHORIZATION"));
    };
    let parts = names::parts(name).map_err(|problem| lake.errors.of(ErrorClass::Other, problem))?;
    let [schema] = parts.as_slice() else {
        return Err(lake.errors.unsupported(format_args!("a schema named `{name}`: a lake has no databases")));
    };
    let marker = Name { schema: schema.clone(), identifier: "*".into() };
    let made = lake.layout.create_schema(schema).await;
    let is_new = made.map_err(|error| lake.errors.io("creating the schema of", &marker, error))?;
    if !is_new && !if_not_exists {
        return Err(lake.errors.of(ErrorClass::Other, format!("schema `{schema}` already exists")));
    }
    Ok(done("CREATE SCHEMA"))
}
