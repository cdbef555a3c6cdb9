//! The names and types that a query's result has in its target.

use crate::bind::swapped_case;
use crate::catalog::CatalogRelation;
use crate::provenance::stored_type;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Expr, SelectItem, SetExpr, Statement};
use dvt_adapter::{LOGICAL_TYPE, LogicalType, NATIVE_TYPE};
use dvt_sql::{Dialect, IdentifierCase};
use std::sync::Arc;

/// The result's schema as the author would see it: in a dialect that keeps case, names are spelled as the query or the
/// source spells them; in PostgreSQL a computed decimal is `numeric` without precision.
///
/// `plan` is the query as bound: a column keeps its stored type only if the plan hands it through.
pub(crate) fn output_schema(
    plan: &LogicalPlan,
    schema: &Schema,
    statement: &Statement,
    dialect: &'static Dialect,
    relations: &[CatalogRelation],
) -> SchemaRef {
    let spelled = match dialect.unquoted {
        IdentifierCase::Insensitive => spelled_names(statement, schema.fields().len()),
        _ => vec![None; schema.fields().len()],
    };
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(spelled)
        .enumerate()
        .map(|(index, (field, spelled))| {
            let stored = stored_type(plan, index).filter(|stored| stored.data_type() == field.data_type());
            let metadata = stored.map(|stored| stored.metadata().clone()).unwrap_or_default();
            let mut field = field.as_ref().clone().with_metadata(metadata);
            let data_type = plain_type(&field);
            field = field.with_data_type(data_type);
            if dialect.unquoted == IdentifierCase::Insensitive {
                let name = spelled.or_else(|| source_name(relations, field.name()));
                if let Some(name) = name.filter(|name| name.to_lowercase() == field.name().to_lowercase()) {
                    field = field.with_name(name);
                }
            }
            if dialect.unquoted == IdentifierCase::FoldsUpper {
                let name = swapped_case(field.name());
                field = field.with_name(name);
            }
            let is_computed =
                !field.metadata().contains_key(NATIVE_TYPE) && !field.metadata().contains_key(LOGICAL_TYPE);
            let is_decimal = matches!(field.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..));
            if dialect.name == "postgres" && is_computed && is_decimal {
                let mut metadata = field.metadata().clone();
                metadata.insert(LOGICAL_TYPE.to_owned(), LogicalType::Numeric.to_string());
                field = field.with_metadata(metadata);
            }
            field
        })
        .collect();
    Arc::new(Schema::new(fields))
}

/// The type without what is only the engine's form of it: views, dictionaries, large offsets, and nanoseconds of values
/// that were computed here (`now()`), since no target but its own keeps more than microseconds. An untyped NULL is text.
fn plain_type(field: &Field) -> DataType {
    match field.data_type() {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::Dictionary(_, value) => value.as_ref().clone(),
        DataType::Timestamp(TimeUnit::Nanosecond, zone) if !field.metadata().contains_key(NATIVE_TYPE) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into()))
        }
        other => other.clone(),
    }
}

/// The names that the outermost select list spells, by position; all `None` when it holds a wildcard.
fn spelled_names(statement: &Statement, columns: usize) -> Vec<Option<String>> {
    let unknown = vec![None; columns];
    let Statement::Query(query) = statement else { return unknown };
    let mut body = query.body.as_ref();
    while let SetExpr::SetOperation { left, .. } = body {
        body = left;
    }
    let SetExpr::Select(select) = body else { return unknown };
    if select.projection.len() != columns {
        return unknown;
    }
    select
        .projection
        .iter()
        .map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(|part| part.value.clone()),
            _ => None,
        })
        .collect()
}

/// The spelling of the one source column with this name, `None` when several spell it differently.
fn source_name(relations: &[CatalogRelation], name: &str) -> Option<String> {
    let mut spellings = relations
        .iter()
        .flat_map(|relation| &relation.description.columns)
        .filter(|column| column.name.to_lowercase() == name)
        .map(|column| column.name.clone());
    let first = spellings.next()?;
    spellings.all(|other| other == first).then_some(first)
}
