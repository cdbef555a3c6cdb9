//! The names and types that a query's result has in its target.

use crate::bind::swapped_case;
use crate::catalog::CatalogRelation;
use crate::provenance::{json_type, stored_type};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, Expr, SelectItem, SetExpr, Statement, TrimWhereField};
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
    let given = match dialect.name {
        "postgres" | "redshift" => given_names(statement, schema),
        _ => vec![None; schema.fields().len()],
    };
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .zip(spelled)
        .enumerate()
        .map(|(index, (field, spelled))| {
            let stored = stored_type(plan, index).filter(|stored| stored.data_type() == field.data_type());
            let made = || json_type(plan, index).map(|known| (LOGICAL_TYPE.to_owned(), known.to_string()));
            let metadata = match stored {
                Some(stored) => stored.metadata().clone(),
                None => made().into_iter().collect(),
            };
            let mut field = field.as_ref().clone().with_metadata(metadata);
            let data_type = plain_type(&field);
            field = field.with_data_type(data_type);
            if dialect.unquoted == IdentifierCase::Insensitive {
                let name = spelled.or_else(|| source_name(relations, field.name()));
                if let Some(name) = name.filter(|name| name.to_lowercase() == field.name().to_lowercase()) {
                    field = field.with_name(name);
                }
            }
            if let Some(Some(name)) = given.get(index) {
                field = field.with_name(name);
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

/// The names that PostgreSQL, and Redshift after it, give to what the outermost select list leaves without one, by position; all `None` where two
/// columns would have one name, which it refuses in a table.
/// Source: PostgreSQL manual, "SELECT", on output names; its parser takes the name of the outermost function.
fn given_names(statement: &Statement, schema: &Schema) -> Vec<Option<String>> {
    let columns = schema.fields().len();
    let unknown = vec![None; columns];
    let Some(items) = select_list(statement).filter(|items| items.len() == columns) else { return unknown };
    let names: Vec<Option<String>> = items
        .iter()
        .map(|item| match item {
            SelectItem::UnnamedExpr(Expr::Identifier(_) | Expr::CompoundIdentifier(_)) => None,
            SelectItem::UnnamedExpr(expr) => Some(name_of(expr).unwrap_or_else(|| "?column?".to_owned())),
            _ => None,
        })
        .collect();
    let mut all: Vec<&str> = names
        .iter()
        .zip(schema.fields())
        .map(|(name, field)| name.as_deref().unwrap_or_else(|| field.name()))
        .collect();
    all.sort_unstable();
    let is_unique = all.windows(2).all(|pair| pair[0] != pair[1]);
    if is_unique { names } else { unknown }
}

/// The name of an expression without an alias, `None` for one that has none.
fn name_of(expr: &Expr) -> Option<String> {
    let text = |name: &str| Some(name.to_owned());
    match expr {
        Expr::Identifier(name) => Some(name.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|part| part.value.clone()),
        Expr::Function(function) => {
            let part = function.name.0.last()?.as_ident()?;
            Some(if part.quote_style.is_some() { part.value.clone() } else { part.value.to_lowercase() })
        }
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => name_of(inner),
        Expr::Cast { expr: inner, data_type, .. } => name_of(inner).or_else(|| type_name(data_type)),
        Expr::Case { else_result, .. } => match else_result.as_deref() {
            Some(column @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Function(_))) => name_of(column),
            _ => text("case"),
        },
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
                SelectItem::UnnamedExpr(expr) => name_of(expr),
                _ => None,
            },
            _ => None,
        },
        Expr::Exists { .. } => text("exists"),
        Expr::Extract { .. } => text("extract"),
        Expr::Substring { .. } => text("substring"),
        Expr::Position { .. } => text("position"),
        Expr::Overlay { .. } => text("overlay"),
        Expr::Ceil { .. } => text("ceil"),
        Expr::Floor { .. } => text("floor"),
        Expr::AtTimeZone { .. } => text("timezone"),
        Expr::Array(_) => text("array"),
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(TrimWhereField::Leading) => text("ltrim"),
            Some(TrimWhereField::Trailing) => text("rtrim"),
            _ => text("btrim"),
        },
        _ => None,
    }
}

/// What PostgreSQL calls a type, for those whose values are often written without a name.
fn type_name(data_type: &SqlType) -> Option<String> {
    let name = match data_type {
        SqlType::Int(_) | SqlType::Integer(_) => "int4",
        SqlType::BigInt(_) => "int8",
        SqlType::SmallInt(_) => "int2",
        SqlType::Text => "text",
        SqlType::Varchar(_) | SqlType::CharacterVarying(_) => "varchar",
        SqlType::Numeric(_) | SqlType::Decimal(_) => "numeric",
        SqlType::DoublePrecision => "float8",
        SqlType::Boolean | SqlType::Bool => "bool",
        SqlType::Date => "date",
        SqlType::Timestamp(..) => "timestamp",
        _ => return None,
    };
    Some(name.to_owned())
}

/// The names that the outermost select list spells, by position; all `None` when it holds a wildcard.
fn spelled_names(statement: &Statement, columns: usize) -> Vec<Option<String>> {
    let unknown = vec![None; columns];
    let Some(items) = select_list(statement).filter(|items| items.len() == columns) else { return unknown };
    items
        .iter()
        .map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            SelectItem::UnnamedExpr(Expr::Identifier(name)) => Some(name.value.clone()),
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(|part| part.value.clone()),
            _ => None,
        })
        .collect()
}

/// The outermost select list: of several selects, that of the first.
fn select_list(statement: &Statement) -> Option<&[SelectItem]> {
    let Statement::Query(query) = statement else { return None };
    let mut body = query.body.as_ref();
    loop {
        body = match body {
            SetExpr::SetOperation { left, .. } => left,
            SetExpr::Query(inner) => &inner.body,
            SetExpr::Select(select) => return Some(&select.projection),
            _ => return None,
        };
    }
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
