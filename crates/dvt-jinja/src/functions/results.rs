//! What statements answered: `store_result`, `store_raw_result`, `load_result`; and the seed's table.

use crate::bridge::{Executed, StatementResponse};
use crate::engine::{Interpreter, StoredResult};
use crate::error::{ErrorKind, Flow};
use crate::objects::response::ResponseValue;
use crate::objects::table::{Table, TableValue};
use crate::{Args, Dict, Value};

fn store(interpreter: &mut Interpreter<'_>, name: &str, response: Value, table: Value) {
    let inner = table.downcast::<TableValue>().map(|table| table.0.clone());
    let mut dict = Dict::new();
    dict.set("data", inner.as_ref().map_or_else(|| Value::list(Vec::new()), Table::matrix));
    dict.set("response", response.clone());
    dict.set("table", table);
    if name == "main" {
        let response = match response.downcast::<ResponseValue>() {
            Some(response) => response.0.clone(),
            None => StatementResponse { message: response.to_string(), ..StatementResponse::default() },
        };
        interpreter.set_main_result(Executed { response, table: inner });
    }
    interpreter.results.insert(name.to_owned(), StoredResult { value: Value::dict(dict), was_read: false });
}

/// `store_result(name, response, agate_table=none)`.
pub(super) fn store_result(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required("name")?.to_string();
    let response = args.required("response")?;
    let table = args.optional("agate_table")?.filter(|table| !table.is_none());
    args.finish()?;
    let table = table.unwrap_or_else(|| Table::default().into_value());
    store(interpreter, &name, response, table);
    Ok(Value::from(""))
}

/// `store_raw_result(name, message, code, rows_affected, agate_table)`.
pub(super) fn store_raw_result(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required("name")?.to_string();
    let message = args.optional("message")?.filter(|message| !message.is_none());
    let code = args.optional("code")?.filter(|code| !code.is_none());
    let rows_affected = args.optional_int("rows_affected")?;
    let table = args.optional("agate_table")?.filter(|table| !table.is_none());
    args.finish()?;
    let response = StatementResponse {
        message: message.map(|message| message.to_string()).unwrap_or_default(),
        code: code.map(|code| code.to_string()),
        rows_affected: rows_affected.and_then(|rows| i64::try_from(rows).ok()),
        ..StatementResponse::default()
    };
    let table = table.unwrap_or_else(|| Table::default().into_value());
    store(interpreter, &name, Value::object(ResponseValue(response)), table);
    Ok(Value::from(""))
}

/// `load_result(name)`: a result can be read once, except `main`.
pub(super) fn load_result(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.required("name")?.to_string();
    args.finish()?;
    let Some(stored) = interpreter.results.get_mut(&name) else {
        return Ok(Value::None);
    };
    if stored.was_read && name != "main" {
        return Err(Flow::error(
            ErrorKind::Evaluation,
            format!("The 'statement' result named '{name}' has already been loaded into a variable"),
        ));
    }
    stored.was_read = true;
    Ok(stored.value.clone())
}

/// `_sql_results`.
pub(super) fn all(interpreter: &Interpreter<'_>) -> Value {
    Value::dict(
        interpreter.results.iter().map(|(name, stored)| (Value::from(name.as_str()), stored.value.clone())).collect(),
    )
}

/// `load_agate_table()`: the rows of the seed.
pub(super) fn load_agate_table(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    args.finish()?;
    let is_seed = interpreter
        .context
        .node
        .as_ref()
        .and_then(|node| node.get("resource_type"))
        .is_none_or(|resource_type| resource_type == "seed");
    if !is_seed {
        return Err(Flow::error(ErrorKind::Evaluation, "can only load_agate_table for seeds"));
    }
    if !interpreter.executes() {
        return Ok(Value::None);
    }
    Ok(interpreter.bridge.seed_table()?.into_value())
}
