//! Plain functions as values, and the smallest of them.

use crate::engine::Interpreter;
use crate::error::{ErrorKind, Flow};
use crate::{Args, Object, Value};

type Run = fn(&mut Interpreter<'_>, &mut Args) -> Result<Value, Flow>;

/// A built-in function.
#[derive(Debug)]
pub(crate) struct Function {
    name: &'static str,
    run: Run,
}

impl Function {
    pub(crate) fn value(name: &'static str, run: Run) -> Value {
        Value::object(Self { name, run })
    }
}

impl Object for Function {
    fn type_name(&self) -> &str {
        "function"
    }

    fn display(&self) -> String {
        format!("<function {}>", self.name)
    }

    fn is_callable(&self) -> bool {
        true
    }

    fn call(&self, interpreter: &mut Interpreter<'_>, args: &mut Args) -> Option<Result<Value, Flow>> {
        args.function.clear();
        args.function.push_str(self.name);
        Some((self.run)(interpreter, args))
    }
}

/// `return(value)`: leaves the macro with the value itself.
pub(super) fn return_(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let value = args.optional("data")?.unwrap_or(Value::None);
    args.finish()?;
    Err(Flow::Return(value))
}

/// `render(text)`: the text as a template, in the current context.
pub(super) fn render(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let text = args.required_str("string")?;
    args.finish()?;
    interpreter.render_text(&text).map(Value::from)
}

/// `write(payload)`: the node's file below `target/run`.
pub(super) fn write(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let payload = args.required("payload")?.to_string();
    args.finish()?;
    if interpreter.executes() {
        interpreter.bridge.write_node_file(&payload)?;
    }
    Ok(Value::from(""))
}

/// `debug()`: there is no Python debugger to enter.
pub(super) fn nothing(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    args.finish()?;
    Ok(Value::from(""))
}

/// `submit_python_job(parsed_model, compiled_code)`: no connection of dvt runs Python.
pub(super) fn submit_python_job(interpreter: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    args.rest();
    args.keyword.clear();
    let adapter = interpreter.bridge.adapter_type();
    Err(Flow::error(ErrorKind::Raised, format!("the adapter '{adapter}' does not run Python models"))
        .with_help(Some("write the model in SQL, or run it on a connection that runs Python".to_owned())))
}

/// `adapter_macro(name, …)`, which dbt took away.
pub(super) fn adapter_macro(_: &mut Interpreter<'_>, args: &mut Args) -> Result<Value, Flow> {
    let name = args.rest().first().map(ToString::to_string).unwrap_or_default();
    args.keyword.clear();
    let message = format!(
        "The \"adapter_macro\" macro has been deprecated. Instead, use the `adapter.dispatch` method to find a macro and \
         call the result.\nFor more information, see: https://docs.getdbt.com/reference/dbt-jinja-functions/dispatch\n\
         adapter_macro was called for: {name}"
    );
    Err(Flow::error(ErrorKind::Raised, message))
}
