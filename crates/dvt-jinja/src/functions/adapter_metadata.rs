//! Adapter methods over relations, columns and schemas: dbt's macros do the SQL, the bridge keeps the cache.

use crate::bridge::SeedColumn;
use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow, raise};
use crate::objects::column::{ColumnValue, string_type};
use crate::objects::relation::RelationValue;
use crate::objects::table::TableValue;
use crate::value::Dict;
use crate::{Args, Value};
use dvt_manifest::{Relation, RelationKind};
use std::sync::Arc;

/// Calls a macro as adapters do: the root project's override first, then the built-in one.
pub(super) fn call_global(interpreter: &mut Interpreter<'_>, name: &str, args: Args) -> Result<Value, Flow> {
    let library = interpreter.library;
    let Some(definition) = library.lookup(library.root_project(), name) else {
        return Err(Flow::error(
            ErrorKind::UnknownMacro,
            format!("dvt could not find a macro with the name \"{name}\""),
        ));
    };
    let mut args = args;
    args.function = name.to_owned();
    interpreter.call_definition(&Arc::clone(definition), &mut args)
}

fn one(name: &str, value: &Relation) -> Args {
    Args::default().with_keyword(name, Value::relation(value.clone()))
}

/// A relation argument that may be `none`.
pub(super) fn relation_argument(args: &mut Args, name: &str) -> Result<Option<Relation>, Flow> {
    match args.required(name)? {
        Value::None | Value::Undefined(_) => Ok(None),
        value => match value.downcast::<RelationValue>() {
            Some(relation) => Ok(Some(relation.relation.clone())),
            None => Err(args.wrong_type(name, "a Relation", &value)),
        },
    }
}

pub(super) fn required_relation(args: &mut Args, name: &str) -> Result<Relation, Flow> {
    relation_argument(args, name)?.ok_or_else(|| args.wrong_type(name, "a Relation", &Value::None))
}

pub(super) fn call(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    match name {
        "get_columns_in_relation" => {
            let relation = required_relation(args, "relation")?;
            args.finish()?;
            call_global(interpreter, "get_columns_in_relation", one("relation", &relation))
        }
        "get_columns_in_table" => {
            let (schema, table) = (args.required("schema_name")?, args.required("table_name")?);
            let relation = own_relation(interpreter, &schema.to_string(), Some(&table.to_string()));
            call_global(interpreter, "get_columns_in_relation", one("relation", &relation))
        }
        "list_relations" => {
            let (database, schema) = (optional_name(args, "database")?, args.required("schema")?.to_string());
            args.finish()?;
            let relations = list_relations(interpreter, database.as_deref(), &schema)?;
            Ok(Value::list(relations.into_iter().map(Value::relation).collect()))
        }
        "list_relations_without_caching" => {
            let relation = required_relation(args, "schema_relation")?;
            args.finish()?;
            let relations = read_relations(interpreter, &relation)?;
            Ok(Value::list(relations.into_iter().map(Value::relation).collect()))
        }
        "get_relation" => {
            let (database, schema) = (optional_name(args, "database")?, args.required("schema")?.to_string());
            let identifier = args.required("identifier")?.to_string();
            args.finish()?;
            get_relation(interpreter, database.as_deref(), &schema, &identifier)
        }
        "already_exists" => {
            let (schema, name) = (args.required("schema")?.to_string(), args.required("name")?.to_string());
            let database = interpreter.context.this.as_ref().and_then(|this| this.database.clone());
            Ok(Value::Bool(!get_relation(interpreter, database.as_deref(), &schema, &name)?.is_none()))
        }
        "drop_relation" => {
            let relation = required_relation(args, "relation")?;
            args.finish()?;
            if relation.kind.is_none() {
                return Err(raise(format!("Tried to drop relation {relation}, but its type is null.")));
            }
            interpreter.bridge.cache_dropped(&relation);
            call_global(interpreter, "drop_relation", one("relation", &relation)).map(|_| Value::from(""))
        }
        "truncate_relation" => {
            let relation = required_relation(args, "relation")?;
            args.finish()?;
            call_global(interpreter, "truncate_relation", one("relation", &relation)).map(|_| Value::from(""))
        }
        "rename_relation" => {
            let from = required_relation(args, "from_relation")?;
            let to = required_relation(args, "to_relation")?;
            args.finish()?;
            interpreter.bridge.cache_renamed(&from, &to);
            let call_args = one("from_relation", &from).with_keyword("to_relation", Value::relation(to));
            call_global(interpreter, "rename_relation", call_args).map(|_| Value::from(""))
        }
        "create_schema" | "drop_schema" => {
            let relation = required_relation(args, "relation")?;
            args.finish()?;
            call_global(interpreter, name, one("relation", &relation))?;
            interpreter.bridge.commit()?;
            if name == "drop_schema" {
                let schema = relation.schema.as_deref().unwrap_or_default();
                interpreter.bridge.cache_schema_dropped(relation.database.as_deref(), schema);
            }
            Ok(Value::from(""))
        }
        "check_schema_exists" => {
            let (database, schema) = (optional_name(args, "database")?, args.required("schema")?.to_string());
            args.finish()?;
            let mut information_schema = own_relation(interpreter, "INFORMATION_SCHEMA", None);
            information_schema.database = database;
            information_schema.quoting.schema = false;
            let call_args = one("information_schema", &information_schema).with_keyword("schema", Value::from(schema));
            let result = call_global(interpreter, "check_schema_exists", call_args)?;
            let count =
                result.downcast::<TableValue>().and_then(|table| Some(table.0.rows().next()?.first()?.is_true()));
            Ok(Value::Bool(count.unwrap_or(matches!(result, Value::Bool(true)))))
        }
        "list_schemas" => {
            let database = args.optional("database")?.unwrap_or(Value::None);
            args.finish()?;
            let result = call_global(interpreter, "list_schemas", Args::default().with_keyword("database", database))?;
            Ok(match result.downcast::<TableValue>() {
                Some(table) => Value::list(table.0.rows().filter_map(|row| row.first().cloned()).collect()),
                None => result,
            })
        }
        "get_missing_columns" => {
            let (from, to) = (required_relation(args, "from_relation")?, required_relation(args, "to_relation")?);
            args.finish()?;
            let known: Vec<String> = columns(interpreter, &to)?.into_iter().map(|column| column.name).collect();
            let missing = columns(interpreter, &from)?.into_iter().filter(|column| !known.contains(&column.name));
            Ok(Value::list(missing.map(Value::object).collect()))
        }
        "expand_target_column_types" => {
            let (from, to) = (required_relation(args, "from_relation")?, required_relation(args, "to_relation")?);
            args.finish()?;
            expand_columns(interpreter, &from, &to)
        }
        "get_column_schema_from_query" => {
            let sql = args.required("sql")?.to_string();
            args.finish()?;
            let described = interpreter.bridge.describe_query(&sql)?;
            let quote = interpreter.bridge.dialect().quote;
            let column = |(name, dtype)| ColumnValue {
                name,
                dtype,
                char_size: None,
                numeric_precision: None,
                numeric_scale: None,
                quote,
            };
            Ok(Value::list(described.into_iter().map(column).map(Value::object).collect()))
        }
        _ => load_seed_rows(interpreter, args),
    }
}

fn optional_name(args: &mut Args, name: &str) -> Result<Option<String>, Flow> {
    Ok(match args.required(name)? {
        Value::None | Value::Undefined(_) => None,
        value => Some(value.to_string()),
    })
}

/// A relation on the node's own connection.
fn own_relation(interpreter: &Interpreter<'_>, schema: &str, identifier: Option<&str>) -> Relation {
    let bridge = &interpreter.bridge;
    let dialect = bridge.dialect();
    let database = interpreter.context.this.as_ref().and_then(|this| this.database.as_deref());
    Relation::new(bridge.connection(), database, Some(schema), identifier)
        .in_dialect(dialect.quote, dialect.has_database)
}

/// The relations of a schema: from the cache, or read once and kept.
fn list_relations(
    interpreter: &mut Interpreter<'_>,
    database: Option<&str>,
    schema: &str,
) -> Result<Vec<Relation>, Flow> {
    if let Some(relations) = interpreter.bridge.cached_relations(database, schema) {
        return Ok(relations);
    }
    let mut schema_relation = own_relation(interpreter, schema, None);
    schema_relation.database = database.map(str::to_owned);
    if interpreter.bridge.asks_for_links() {
        read_links(interpreter)?;
    }
    let relations = read_relations(interpreter, &schema_relation)?;
    interpreter.bridge.cache_schema(database, schema, relations.clone());
    Ok(relations)
}

/// Rows of dependent schema and name, referenced schema and name.
fn read_links(interpreter: &mut Interpreter<'_>) -> Result<(), Flow> {
    let answer = call_global(interpreter, "get_relations", Args::default())?;
    let Some(table) = answer.downcast::<TableValue>() else { return Ok(()) };
    let links = table.0.rows().filter_map(|row| match row {
        [dependent_schema, dependent, schema, name, ..] => {
            Some(((dependent_schema.to_string(), dependent.to_string()), (schema.to_string(), name.to_string())))
        }
        _ => None,
    });
    interpreter.bridge.cache_links(links.collect());
    Ok(())
}

/// Reads what the macro answered: relations, or rows of database, name, schema and type.
fn read_relations(interpreter: &mut Interpreter<'_>, schema_relation: &Relation) -> Result<Vec<Relation>, Flow> {
    let answer = call_global(interpreter, "list_relations_without_caching", one("schema_relation", schema_relation))?;
    let text = |value: Option<&Value>| match value {
        None | Some(Value::None | Value::Undefined(_)) => None,
        Some(value) => Some(value.to_string()),
    };
    let rows: Vec<Vec<Value>> = match answer.downcast::<TableValue>() {
        Some(table) => table.0.rows().map(<[Value]>::to_vec).collect(),
        None => {
            let relations = answer.iterate().unwrap_or_default();
            return relations
                .iter()
                .map(|relation| match relation.downcast::<RelationValue>() {
                    Some(relation) => Ok(relation.relation.clone()),
                    None => Err(raise("list_relations_without_caching must give a table or a list of relations")),
                })
                .collect();
        }
    };
    Ok(rows
        .iter()
        .map(|row| {
            let mut relation = schema_relation.clone();
            relation.database = text(row.first()).or_else(|| schema_relation.database.clone());
            relation.identifier = text(row.get(1));
            relation.schema = text(row.get(2)).or_else(|| schema_relation.schema.clone());
            let kind = text(row.get(3)).unwrap_or_default();
            relation.kind = Some(RelationKind::parse(&kind).unwrap_or(RelationKind::External));
            relation.include.identifier = true;
            relation
        })
        .collect())
}

/// Whether a relation of this adapter type is found under its name in any case: SQLite and DuckDB keep the letters of a
/// name and compare it without case, Snowflake stores in capitals, Spark and Redshift in small letters what everybody writes without; the others compare names
/// as they are stored.
#[must_use]
pub fn finds_in_any_case(adapter_type: &str) -> bool {
    matches!(adapter_type, "sqlite" | "duckdb" | "snowflake" | "spark" | "redshift")
}

/// The one relation of that name.
fn get_relation(
    interpreter: &mut Interpreter<'_>,
    database: Option<&str>,
    schema: &str,
    identifier: &str,
) -> Result<Value, Flow> {
    if let Some(found) = interpreter.bridge.cached_relation(database, schema, identifier) {
        return Ok(found.map_or(Value::None, Value::relation));
    }
    let ignores_case = finds_in_any_case(interpreter.bridge.adapter_type());
    let found = list_relations(interpreter, database, schema)?.into_iter().find(|relation| {
        let name = relation.identifier.as_deref().unwrap_or_default();
        if ignores_case { name.eq_ignore_ascii_case(identifier) } else { name == identifier }
    });
    Ok(found.map_or(Value::None, Value::relation))
}

pub(super) fn columns(interpreter: &mut Interpreter<'_>, relation: &Relation) -> Result<Vec<ColumnValue>, Flow> {
    let columns = call_global(interpreter, "get_columns_in_relation", one("relation", relation))?;
    let columns = columns.iterate().unwrap_or_default();
    Ok(columns.iter().filter_map(|column| column.downcast::<ColumnValue>().cloned()).collect())
}

/// Widens text columns of `to` that are too short for those of `from`.
fn expand_columns(interpreter: &mut Interpreter<'_>, from: &Relation, to: &Relation) -> Result<Value, Flow> {
    let reference = columns(interpreter, from)?;
    for target in columns(interpreter, to)? {
        let Some(wanted) = reference.iter().find(|column| column.name == target.name) else {
            continue;
        };
        if let (true, Some(size)) = (target.can_expand_to(wanted), wanted.string_size()) {
            let call_args = one("relation", to)
                .with_keyword("column_name", Value::from(target.name.as_str()))
                .with_keyword("new_column_type", Value::from(string_type(size)));
            call_global(interpreter, "alter_column_type", call_args)?;
        }
    }
    Ok(Value::from(""))
}

/// `adapter.load_seed_rows(relation, columns)`: dvt's bulk load of the seed that is materialized; `columns` is a dict
/// from column name to the type that the table was created with. Gives the number of rows.
fn load_seed_rows(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let relation = required_relation(args, "relation")?;
    let columns = args.required("columns")?;
    args.finish()?;
    let Some(columns) = columns.as_dict() else {
        return Err(args.wrong_type("columns", "a dict from column name to type", &columns));
    };
    let columns: Vec<SeedColumn> = columns
        .iter()
        .map(|(name, column_type)| SeedColumn { name: name.to_string(), column_type: column_type.to_string() })
        .collect();
    let rows = interpreter.bridge.load_seed_rows(&relation, &columns)?;
    Ok(Value::Int(i128::from(rows)))
}

/// `{privilege: [grantees]}` of rows with `grantee` and `privilege_type`.
pub(super) fn standardize_grants(interpreter: &mut Interpreter<'_>, table: &Value) -> Result<Value, Flow> {
    let mut grants = Dict::new();
    for row in table.iterate().unwrap_or_default() {
        let grantee = interpreter.item(&row, &Value::from("grantee"))?;
        let privilege = interpreter.item(&row, &Value::from("privilege_type"))?;
        match grants.get(&privilege) {
            Some(Value::List(grantees)) => crate::value::lock(grantees).push(grantee),
            _ => {
                grants.insert(privilege, Value::list(vec![grantee]));
            }
        }
    }
    Ok(Value::dict(grants))
}
