//! `adapter`: dispatch, and the methods that dbt carries out through macros.

use super::adapter_metadata as metadata;
use super::api::Api;
use super::constraints;
use crate::bridge::ExecuteOptions;
use crate::context::Invocation;
use crate::engine::{Interpreter, MacroReference};
use crate::error::{ErrorKind, Flow, raise};
use crate::library::NotFound;
use crate::methods::BoundMethod;
use crate::objects::response::ResponseValue;
use crate::objects::table::{Table, TableValue};
use crate::{Args, Dict, Object, Value};
use dvt_diagnostics::did_you_mean;
use std::sync::Arc;

/// The object `adapter`.
#[derive(Debug)]
pub(super) struct Adapter(pub(super) Arc<Invocation>);

/// The methods that ask or change the database; when parsing they answer with dbt's defaults instead.
const DATABASE_METHODS: &[&str] = &[
    "add_query",
    "already_exists",
    "assert_valid_snapshot_target_given_strategy",
    "check_schema_exists",
    "commit",
    "create_schema",
    "drop_relation",
    "drop_schema",
    "execute",
    "expand_target_column_types",
    "get_column_schema_from_query",
    "get_columns_in_relation",
    "get_columns_in_table",
    "get_missing_columns",
    "get_relation",
    "list_relations",
    "list_relations_without_caching",
    "list_schemas",
    "load_seed_rows",
    "rename_relation",
    "truncate_relation",
    "valid_snapshot_target",
];

/// The methods that need no database.
const LOCAL_METHODS: &[&str] = &[
    "builtin_incremental_strategies",
    "cache_added",
    "cache_dropped",
    "cache_renamed",
    "convert_type",
    "dispatch",
    "get_hard_deletes_behavior",
    "get_incremental_strategy_macro",
    "parse_index",
    "quote",
    "quote_as_configured",
    "quote_seed_column",
    "render_raw_columns_constraints",
    "render_raw_model_constraints",
    "standardize_grants_dict",
    "type",
    "valid_incremental_strategies",
    "verify_database",
];

impl Object for Adapter {
    fn type_name(&self) -> &str {
        "adapter"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        match name {
            "Relation" | "Column" => Api.attribute(name),
            "behavior" => Some(Value::object(Behavior(Arc::clone(&self.0)))),
            _ if DATABASE_METHODS.contains(&name) || LOCAL_METHODS.contains(&name) => {
                Some(Value::object(BoundMethod::new(&Value::object(Self(Arc::clone(&self.0))), name)))
            }
            _ => None,
        }
    }

    fn call_method(
        &self,
        interpreter: &mut Interpreter<'_>,
        name: &str,
        args: &mut Args,
    ) -> Option<Result<Value, Flow>> {
        args.function = format!("adapter.{name}");
        if DATABASE_METHODS.contains(&name) {
            return Some(if interpreter.executes() {
                database_method(interpreter, name, args)
            } else {
                Ok(parse_default(name))
            });
        }
        if LOCAL_METHODS.contains(&name) {
            return Some(local_method(interpreter, name, args));
        }
        Some(other_method(interpreter, name, args))
    }
}

/// What dbt answers while it parses.
fn parse_default(name: &str) -> Value {
    match name {
        "get_columns_in_relation"
        | "get_columns_in_table"
        | "get_missing_columns"
        | "get_column_schema_from_query"
        | "list_relations"
        | "list_relations_without_caching"
        | "list_schemas" => Value::list(Vec::new()),
        "check_schema_exists" | "already_exists" => Value::Bool(false),
        "execute" => Value::tuple(vec![Value::from(""), Table::default().into_value()]),
        "add_query" => Value::tuple(vec![Value::None, Value::None]),
        "commit" => Value::from(""),
        _ => Value::None,
    }
}

/// A method that the bridge may know for its adapter type.
fn other_method(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    let positional = args.rest();
    let keyword: Dict = args.keyword.iter().map(|(key, value)| (Value::Str(Arc::clone(key)), value.clone())).collect();
    if let Some(result) = interpreter.bridge.adapter_method(name, &positional, &keyword) {
        return result.map_err(Flow::from);
    }
    if !interpreter.executes() {
        return Ok(Value::None);
    }
    let adapter_type = interpreter.bridge.adapter_type().to_owned();
    let known = DATABASE_METHODS.iter().chain(LOCAL_METHODS).copied();
    let nearest = did_you_mean(name, known);
    Err(raise(format!("the adapter '{adapter_type}' has no method '{name}'"))
        .with_help(nearest.map(|nearest| format!("did you mean `adapter.{nearest}`?"))))
}

fn local_method(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    let value = match name {
        "dispatch" => return dispatch(interpreter, args),
        "type" => Value::from(interpreter.bridge.adapter_type()),
        "quote" => {
            let identifier = args.required("identifier")?.to_string();
            Value::from(interpreter.bridge.dialect().quote_identifier(&identifier))
        }
        "quote_as_configured" => {
            let identifier = args.required("identifier")?.to_string();
            args.optional("quote_key")?;
            Value::from(interpreter.bridge.dialect().quote_identifier(&identifier))
        }
        "quote_seed_column" => {
            let column = args.required("column")?.to_string();
            let quotes = args.optional("quote_config")?.unwrap_or(Value::None);
            match quotes {
                Value::Bool(false) => Value::from(column),
                // As dbt has it where unquoted names fold to upper case.
                Value::None | Value::Undefined(_)
                    if interpreter.bridge.dialect().unquoted == dvt_sql::IdentifierCase::FoldsUpper =>
                {
                    Value::from(column)
                }
                Value::Bool(true) | Value::None | Value::Undefined(_) => {
                    Value::from(interpreter.bridge.dialect().quote_identifier(&column))
                }
                other => {
                    return Err(raise(format!(
                        "The seed configuration value of \"quote_columns\" has an invalid type {}",
                        other.type_name()
                    )));
                }
            }
        }
        "convert_type" => {
            let table = args.required("agate_table")?;
            let index = args.required("col_idx")?;
            args.finish()?;
            return convert_type(interpreter, &table, &index);
        }
        "cache_added" | "cache_dropped" => {
            let relation = metadata::relation_argument(args, "relation")?;
            match relation {
                Some(relation) if name == "cache_added" => interpreter.bridge.cache_added(&relation),
                Some(relation) => interpreter.bridge.cache_dropped(&relation),
                None => {}
            }
            Value::from("")
        }
        "cache_renamed" => {
            let from = metadata::relation_argument(args, "from_relation")?;
            let to = metadata::relation_argument(args, "to_relation")?;
            if let (Some(from), Some(to)) = (from, to) {
                interpreter.bridge.cache_renamed(&from, &to);
            }
            Value::from("")
        }
        "verify_database" => {
            let database = args.required("database")?.to_string();
            let own = interpreter.context.target.get("database").or_else(|| interpreter.context.target.get("dbname"));
            let own = own.and_then(serde_json::Value::as_str).unwrap_or_default();
            let wanted = database.trim_matches('"');
            if interpreter.bridge.dialect().has_database && !wanted.eq_ignore_ascii_case(own) {
                let adapter_type = interpreter.bridge.adapter_type();
                return Err(raise(format!("Cross-db references not allowed in {adapter_type} ({wanted} vs {own})")));
            }
            Value::from("")
        }
        "builtin_incremental_strategies" => {
            let names = ["append", "delete+insert", "merge", "insert_overwrite", "microbatch"];
            Value::list(names.into_iter().map(Value::from).collect())
        }
        "valid_incremental_strategies" => {
            let strategies = interpreter.bridge.incremental_strategies();
            Value::list(strategies.into_iter().map(Value::from).collect())
        }
        "get_hard_deletes_behavior" => return super::adapter_snapshot::hard_deletes(interpreter, args),
        "parse_index" => return super::adapter_snapshot::parse_index(args),
        "get_incremental_strategy_macro" => {
            args.optional("context")?;
            let strategy = args.optional("strategy")?.filter(|strategy| !strategy.is_none());
            args.finish()?;
            return incremental_strategy(interpreter, strategy.map(|strategy| strategy.to_string()));
        }
        "standardize_grants_dict" => {
            let table = args.required("grants_table")?;
            return metadata::standardize_grants(interpreter, &table);
        }
        "render_raw_columns_constraints" => {
            let columns = args.required("raw_columns")?;
            constraints::columns(interpreter, &columns)?
        }
        _ => {
            let raw = args.required("raw_constraints")?;
            constraints::model(interpreter, &raw)?
        }
    };
    args.finish()?;
    Ok(value)
}

/// `adapter.dispatch(name, namespace)`: the macro for this adapter type, as a value to call.
fn dispatch(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required_str("macro_name")?;
    let namespace = args.optional_str("macro_namespace")?;
    args.finish()?;
    if let Some((namespace, name)) = name.split_once('.') {
        return Err(raise(format!("In adapter.dispatch, got a macro name of \"{namespace}.{name}\", but \".\" is not a valid macro name component"))
            .with_help(Some(format!("did you mean `adapter.dispatch(\"{name}\", macro_namespace=\"{namespace}\")`?"))));
    }
    let library = interpreter.library;
    let context = interpreter.context;
    match library.dispatch(&context.package, &context.adapter_types, &name, namespace.as_deref()) {
        Ok(definition) => Ok(Value::object(MacroReference::found(definition))),
        Err(NotFound { searched }) => Err(Flow::error(
            ErrorKind::UnknownMacro,
            format!(
                "In dispatch: No macro named '{name}' found within namespace: '{}'\n    Searched for: {}",
                namespace.as_deref().unwrap_or("None"),
                searched.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
            ),
        )),
    }
}

/// The type of a seed's column on this engine: the macro `seed_column_type` decides, by the column's kind.
fn convert_type(interpreter: &mut Interpreter<'_>, table: &Value, index: &Value) -> Result<Value, Flow> {
    let Some(table) = table.downcast::<TableValue>() else {
        return Err(raise(format!("convert_type() takes a table, not {}", table.type_name())));
    };
    let index = index.as_int().and_then(|index| usize::try_from(index).ok());
    let Some((index, kind)) = index.and_then(|index| Some((index, *table.0.column_kinds().get(index)?))) else {
        return Err(raise("convert_type(): the table has no such column"));
    };
    let scale = table.0.rows().filter_map(|row| match &row[index] {
        Value::Decimal(decimal) => Some(decimal.scale()),
        _ => None,
    });
    let (scale, is_wide) = (
        scale.max().unwrap_or(0),
        table.0.rows().any(|row| matches!(&row[index], Value::Int(number) if i32::try_from(*number).is_err())),
    );
    let kind = match kind.agate_name() {
        "Integer" if is_wide => "bigint".to_owned(),
        "TimeDelta" => "time".to_owned(),
        other => other.to_lowercase(),
    };
    let inner = Args::new("seed_column_type", vec![Value::from(kind), Value::from(scale)]);
    metadata::call_global(interpreter, "seed_column_type", inner)
}

fn incremental_strategy(interpreter: &mut Interpreter<'_>, strategy: Option<String>) -> Result<Value, Flow> {
    let strategy = strategy.unwrap_or_else(|| "default".to_owned());
    let valid = interpreter.bridge.incremental_strategies();
    let builtin = ["append", "delete+insert", "merge", "insert_overwrite", "microbatch"];
    if builtin.contains(&strategy.as_str()) && !valid.contains(&strategy) {
        let adapter_type = interpreter.bridge.adapter_type();
        return Err(Flow::error(
            ErrorKind::Raised,
            format!("The incremental strategy '{strategy}' is not valid for this adapter"),
        )
        .with_help(Some(format!("{adapter_type} has: {}", valid.join(", ")))));
    }
    let name = format!("get_incremental_{}_sql", strategy.replace('+', "_"));
    interpreter.global(&name).ok_or_else(|| {
        Flow::error(
            ErrorKind::UnknownMacro,
            format!(
                "dbt could not find an incremental strategy macro with the name \"{name}\" in {}",
                interpreter.library.root_project()
            ),
        )
    })
}

fn database_method(interpreter: &mut Interpreter<'_>, name: &str, args: &mut Args) -> Result<Value, Flow> {
    match name {
        "execute" => {
            let sql = args.required("sql")?.to_string();
            let auto_begin = args.flag("auto_begin", false)?;
            let fetch = args.flag("fetch", false)?;
            let limit = args.optional_int("limit")?.and_then(|limit| usize::try_from(limit).ok());
            args.finish()?;
            let executed = interpreter.bridge.execute(&sql, ExecuteOptions { auto_begin, fetch, limit })?;
            let table = executed.table.unwrap_or_default().into_value();
            Ok(Value::tuple(vec![Value::object(ResponseValue(executed.response)), table]))
        }
        "add_query" => {
            let sql = args.required("sql")?.to_string();
            let auto_begin = args.flag("auto_begin", true)?;
            let bindings = args.optional("bindings")?;
            if bindings.is_some_and(|bindings| bindings.is_true()) {
                return Err(raise("adapter.add_query() with bindings is not supported").with_help(Some(
                    "write the values into the SQL, or load rows with `adapter.load_seed_rows()`".to_owned(),
                )));
            }
            args.rest();
            args.keyword.clear();
            interpreter.bridge.execute(&sql, ExecuteOptions { auto_begin, fetch: false, limit: None })?;
            Ok(Value::tuple(vec![Value::None, Value::None]))
        }
        "commit" => {
            args.finish()?;
            interpreter.bridge.commit()?;
            Ok(Value::from(""))
        }
        "valid_snapshot_target" | "assert_valid_snapshot_target_given_strategy" => {
            super::adapter_snapshot::check_target(interpreter, args)
        }
        _ => metadata::call(interpreter, name, args),
    }
}

/// `adapter.behavior.<flag>`: as `flags:` of dbt_project.yml says, off where it says nothing.
#[derive(Debug)]
struct Behavior(Arc<Invocation>);

impl Object for Behavior {
    fn type_name(&self) -> &str {
        "Behavior"
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        let name = name.to_uppercase();
        let found = self.0.flags.get(&name);
        self.0.uses.flag(&name, found);
        let setting = found.is_some_and(|setting| Value::from(setting).is_true());
        Some(Value::object(BehaviorFlag(setting)))
    }
}

#[derive(Debug)]
struct BehaviorFlag(bool);

impl Object for BehaviorFlag {
    fn type_name(&self) -> &str {
        "BehaviorFlagRendered"
    }

    fn display(&self) -> String {
        Value::Bool(self.0).to_string()
    }

    fn is_true(&self) -> bool {
        self.0
    }

    fn attribute(&self, name: &str) -> Option<Value> {
        matches!(name, "setting" | "no_warn").then_some(Value::Bool(self.0))
    }
}
